"""The stack as five systems' clients find it: under their routes, without a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets import Origin
from websockets.sync.client import ClientConnection, connect

from tests.servers import send_no_canaries
from wharf.local.credentials import Credentials
from wharf.local.folder import DataFolder
from wharf.local.ledger import WharfLedger
from wharf.local.stack import LocalStack
from wharf.local.trial import eventually

Answer = dict[str, Any]
Poll = Callable[..., list[Answer]]
Socket = Callable[[str], ClientConnection]


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The whole stack with a key for clients that bring none."""
    folder = DataFolder.at(tmp_path_factory.mktemp("conformance") / "data")
    folder.create()
    key_file = folder.root.parent / "legacy.key"
    # Made before the start: the gateway reads the file when it starts.
    key_file.write_text(Credentials.keep(folder.secrets, WharfLedger().new_key).api_key, encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WHARF_LEGACY_KEY_FILE", str(key_file))
        with LocalStack(folder.root, port=0, discard=True) as running:
            send_no_canaries(running.connection.database_url)
            yield running


@pytest.fixture
def client(stack: LocalStack) -> Iterator[httpx.Client]:
    """A client that knows the address and nothing else."""
    with httpx.Client(base_url=stack.connection.url, timeout=30) as keyless:
        yield keyless


@pytest.fixture
def socket(stack: LocalStack) -> Iterator[Socket]:
    """Opens sockets as a page of the same site does; they are closed at the end."""
    url = stack.connection.url
    with ExitStack() as opened:

        def open_one(path: str) -> ClientConnection:
            address = f"ws{url.removeprefix('http')}{path}"
            return opened.enter_context(connect(address, origin=Origin(url), proxy=None))

        yield open_one


@pytest.fixture
def poll(client: httpx.Client) -> Poll:
    """A polling loop as the pages have it: ask until the answer says that it is over. Gives all answers."""

    def until(path: str, over: Callable[[Answer], bool]) -> list[Answer]:
        answers: list[Answer] = []

        def ask() -> bool:
            answers.append(client.get(path).raise_for_status().json())
            return over(answers[-1])

        eventually(ask, f"the end of {path}")
        return answers

    return until


@pytest.fixture
def prefix() -> str:
    """What keys of this test begin with: routes without a project share one."""
    return f"{uuid4().hex[:10].upper()}-"


@pytest.fixture
def stranger(stack: LocalStack, client: httpx.Client) -> Iterator[httpx.Client]:
    """A client of another tenant, with that tenant's key."""
    platform = {"Authorization": f"Bearer {stack.connection.platform_key}"}
    tenant = f"other-{uuid4().hex[:8]}"
    client.post("/api/v1/tenants", json={"name": tenant}, headers=platform).raise_for_status()
    wanted = {"name": "theirs", "role": "operator", "tenant": tenant}
    key = client.post("/api/v1/keys", json=wanted, headers=platform).raise_for_status().json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=stack.connection.url, headers=headers, timeout=30) as theirs:
        yield theirs
