"""What two and three package workers make that may use a part of a processor each, beside one such worker."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from bench.jobs import Batch
from bench.wayup.stacks import another, by_turns, changed, ratio, stack
from wharf.client.api import WharfClient
from wharf.local.child import ChildSpec
from wharf.local.samples import write_transactions
from wharf.local.services import Site
from wharf.local.stack import LocalStack
from wharf.local.trial import eventually

PERIOD = 100_000
PACKAGES, ROWS, ROUNDS = 24, 20_000, 2
MOST = 3
LONGEST = 120.0
SERVING = "SELECT count(*) FROM wharf.list_workers() WHERE alive AND 'package' = ANY(queues)"
FIRST, SECOND = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
"""Where control groups are, of the first version and of the second."""


@contextmanager
def limited(cpus: float) -> Iterator[Path]:
    """A group that may use so much of a processor: what `docker run --cpus` and a container's limit set."""
    old = FIRST.is_dir()
    group = (FIRST if old else SECOND) / f"wharf-{uuid4().hex[:8]}"
    group.mkdir()
    quota = int(cpus * PERIOD)
    if old:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    else:
        (group / "cpu.max").write_text(f"{quota} {PERIOD}")
    try:
        yield group
    finally:
        eventually(lambda: not (group / "cgroup.procs").read_text(), "the group to be empty")
        group.rmdir()


@dataclass
class Crew:
    """Package workers that are started when they are wanted; each in a group of its own."""

    cpus: float
    specs: list[ChildSpec] = field(default_factory=list)

    def held_back(self, specs: Sequence[ChildSpec], site: Site) -> Sequence[ChildSpec]:
        """All services but these."""
        (ours,) = (spec for spec in specs if spec.name == "package-worker")
        one = {"WHARF_CONCURRENCY": "1"}
        self.specs = [another(ours, number, site, **one) for number in range(1, MOST + 1)]
        return [spec for spec in specs if spec is not ours]

    @contextmanager
    def at_work(self, count: int) -> Iterator[None]:
        """So many of them, until the end."""
        with limited(self.cpus) as first, limited(self.cpus) as second, limited(self.cpus) as third:
            pairs = list(zip(self.specs, (first, second, third), strict=True))[:count]
            running = [self._start(spec, group) for spec, group in pairs]
            try:
                yield
            finally:
                for one in running:
                    one.terminate()
                for one in running:
                    one.wait(60)

    def _start(self, spec: ChildSpec, group: Path) -> subprocess.Popen[bytes]:
        enter = f'echo $$ > {group / "cgroup.procs"}; exec "$@"'
        command = ["sh", "-c", enter, "sh", *spec.command]
        return subprocess.Popen(
            command, env=dict(spec.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def measure(cpus: float = 0.4) -> dict[str, Any]:
    """Packages a minute of one, two and three, and their ratios to one."""
    crew = Crew(cpus)
    with stack(services=changed(crew.held_back)) as running, _client(running) as wharf:
        _load(wharf)
        sides: dict[str, Callable[[], float]] = {
            name: (lambda count=count: _a_minute(crew, running, wharf, count))  # type: ignore[misc]  # a lambda's default
            for name, count in (("one", 1), ("two", 2), ("three", 3))
        }
        found = by_turns(sides, ROUNDS)
    ratios = {name: ratio(found, name, "one") for name in ("two", "three")}
    return {"cpus": cpus, "rows": ROWS, "packages_a_minute": found, "ratios": ratios}


def _client(running: LocalStack) -> WharfClient:
    return WharfClient(running.connection.url, running.connection.api_key, timeout=600)


def _load(wharf: WharfClient) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sales.csv")
        write_transactions(path, ROWS, seed=1, totals=True)
        wharf.wait(wharf.upload(path, profile="transactions", project_id="wayup")["job_id"], timeout=600)


def _a_minute(crew: Crew, running: LocalStack, wharf: WharfClient, count: int) -> float:
    """The queue rests until all workers are there: who starts first would else have begun long before the others."""
    batch = Batch.begin(running.connection.database_url, "package")
    _queue(running, "pause")
    for _ in range(PACKAGES):
        wharf.make_package("transactions_report", project_id="wayup", formats=("pdf",), force=True)
    with crew.at_work(count):
        eventually(lambda: _serving(running) == count, f"{count} workers", LONGEST)
        _queue(running, "resume")
        batch.await_completed()
    eventually(lambda: _serving(running) == 0, "the workers to leave", LONGEST)
    return PACKAGES / batch.span() * 60


def _queue(running: LocalStack, what: str) -> None:
    headers = {"Authorization": f"Bearer {running.connection.api_key}"}
    httpx.post(f"{running.connection.url}/api/v1/queues/package/{what}", headers=headers).raise_for_status()


def _serving(running: LocalStack) -> int:
    with psycopg.connect(running.connection.database_url) as ledger:
        row = ledger.execute(SERVING).fetchone()
    return int(row[0]) if row else 0
