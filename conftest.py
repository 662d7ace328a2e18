"""What holds for every test of the repository."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import httpx
import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from wharf.local.stack import LocalStack
from wharf.local.trial import Trial

AnyReport = TypeVar("AnyReport", pytest.TestReport, pytest.CollectReport)

NEEDS = "Skipped: needs:"
"""How the reason of a skip begins whose cause is a missing tool: `pytest.skip("needs: redis-server")`."""

STARTS_SERVERS = frozenset({"stack", "postgres", "redis", "backend", "chaos", "rabbit", "images", "composed"})
"""The fixtures that start a server: a test that takes one has the marker `stack`. A new one is added here."""

CONTAINERS = "tests/containers"
BUILDING_SECONDS = 1500.0
LINES_TOLD, LETTERS_TOLD = 6, 300
"""Of each log of a stack, where a test has failed."""
TOGETHER = (CONTAINERS, "tests/chaos")
"""Folders with images or a stack of their own, which are made once for each process that runs their tests."""


# Every client of httpx reads all certificates, for 60 ms of a core, and here each speaks to 127.0.0.1 without TLS.
_TLS = httpx.create_ssl_context()
httpx._transports.default.create_ssl_context = lambda **_: _TLS  # type: ignore[attr-defined]  # noqa: SLF001 - no setting

# How long an example takes says something of the machine, and nothing of the code.
hypothesis.settings.register_profile("wharf", deadline=None)
hypothesis.settings.load_profile("wharf")

LONGEST_FIRST = (CONTAINERS, "tests/chaos", "tests/console", "tests/conformance", "tests/integration", "deploy/local")
"""Where processes work side by side, what takes longest must not begin last."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let `make test-quick` leave out what starts a server, without a mark on every test; images take long to build."""
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)  # keeps the order within a file
    for item in items:
        if STARTS_SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("stack")
        if item.nodeid.startswith(CONTAINERS):
            item.add_marker(pytest.mark.timeout(BUILDING_SECONDS))


def _rank(item: pytest.Item) -> int:
    found = (nth for nth, folder in enumerate(LONGEST_FIRST) if item.nodeid.startswith(folder))
    return next(found, len(LONGEST_FIRST))


class WholeFiles(LoadFileScheduling):  # type: ignore[misc]  # the plugin has no types
    """A file's tests stay in one process, and those of `TOGETHER`'s folders are like one file."""

    def _split_scope(self, nodeid: str) -> str:
        found = (folder for folder in TOGETHER if nodeid.startswith(folder))
        return next(found, None) or super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WholeFiles:
    """What runs side by side. Marks of groups would say the same, but pytest 9.2 does not let the plugin keep them."""
    return WholeFiles(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """See `not_silently`; a failure tells what its stack wrote last, too, which is gone with the stack."""
    report = not_silently((yield))
    running = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(running, LocalStack):
        logs = sorted(running.folder.logs.glob("*.log"))
        report.sections += [(log.name, _tail(log)) for log in logs if log.stem != "initdb"]
    return report


def _tail(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").splitlines()[-LINES_TOLD:]
    return "\n".join(line[:LETTERS_TOLD] for line in lines)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """See `not_silently`: a whole module can be skipped too."""
    return not_silently((yield))


def not_silently(report: AnyReport) -> AnyReport:
    """In CI a test that lacks a tool has failed: CI installs what the tests need, or it checks less than it says."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    if os.environ.get("CI") and report.skipped and reason.startswith(NEEDS):
        report.outcome = "failed"
        report.longrepr = f"{reason.removeprefix('Skipped: ')} (in CI everything that a test needs must be there)"
    return report


@pytest.fixture(scope="session")
def mail_port() -> int:
    """Where the stack hands its mail to: a test that wants it listens there."""
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port: int = chosen.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def sentry_port() -> int:
    """Where the stack's services report their bugs: a test that wants to see them listens there."""
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port: int = chosen.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def stack(mail_port: int, sentry_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The whole stack, once: real servers, real services."""
    from tests.servers import send_no_canaries, servers  # noqa: PLC0415 - this file is tried alone, too: tests/contracts

    with servers() as given, ExitStack() as until_the_end:
        # The services keep this environment; other tests of this process must not find it.
        with pytest.MonkeyPatch.context() as environment:
            # Receivers of webhooks that a test starts are this machine's.
            environment.setenv("WHARF_WEBHOOK_ALLOWED_NETWORKS", "127.0.0.1/32")
            environment.setenv("WHARF_SMTP_URL", f"smtp://127.0.0.1:{mail_port}")
            environment.setenv("WHARF_MAIL_FROM", "Wharf <wharf@example.org>")
            environment.setenv("WHARF_SENTRY_DSN", f"http://key@127.0.0.1:{sentry_port}/7")
            folder = tmp_path_factory.mktemp("wharf")
            running = until_the_end.enter_context(LocalStack(folder, port=0, discard=True, **given))
        send_no_canaries(running.connection.database_url)
        yield running


@pytest.fixture
def wharf(stack: LocalStack) -> Iterator[Trial]:
    """The stack with a client."""
    headers = {"Authorization": f"Bearer {stack.connection.api_key}"}
    with httpx.Client(base_url=stack.connection.url, headers=headers, timeout=30) as api:
        yield Trial(stack, api)


@pytest.fixture
def tenant(wharf: Trial) -> Iterator[Trial]:
    """The stack as seen by a tenant that is new: what it writes meets no other test."""
    with wharf.as_new_tenant() as trial:
        yield trial


@pytest.fixture
def project() -> str:
    """A project that no other test uses."""
    return f"p-{uuid4().hex[:12]}"
