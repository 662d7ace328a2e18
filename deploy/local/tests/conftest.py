"""A running stack of stand-ins that tests share, and what they wait with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wharf.local import LocalStack
from wharf.local.binaries import find_postgres, find_redis
from wharf.local.failure import StartFailed
from wharf.local.testing import stand_ins

PATIENCE = 60.0
LONG = "a folder with blänks, "


def wait_until(condition: Callable[[], object]) -> None:
    """Return when the condition holds; fail when it never does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def wait() -> Callable[[Callable[[], object]], None]:
    return wait_until


@pytest.fixture(scope="session")
def servers() -> None:
    """The programs of both servers, or a skip that names what is missing."""
    try:
        find_postgres()
        find_redis()
    except StartFailed as missing:
        pytest.skip(f"needs: {missing.error_code.removeprefix('no_')}: {missing.message}")


@pytest.fixture(autouse=True)
def _needs_servers(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("stack"):
        request.getfixturevalue("servers")


@pytest.fixture(scope="session")
def long_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path of more than 200 characters, with blanks and a letter that is not ASCII."""
    folder = tmp_path_factory.mktemp("stack")
    while len(str(folder)) < 200:
        folder /= (LONG * 3).strip(", ")
    return folder


@pytest.fixture(scope="session")
def stack(long_path: Path, servers: None) -> Iterator[LocalStack]:
    """A stack that lives as long as the tests; a test that kills its children waits until they are back."""
    with LocalStack(long_path / "data", services=stand_ins, discard=True) as running:
        yield running


@pytest.fixture
def new_stack(tmp_path: Path) -> Callable[..., LocalStack]:
    """Makes stacks of stand-ins on the test's own folder; everything is deleted when they stop."""

    def make(name: str = "data", **options: object) -> LocalStack:
        return LocalStack(tmp_path / name, **{"services": stand_ins, "discard": True, **options})

    return make
