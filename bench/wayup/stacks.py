"""Stacks that differ in one thing, side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from bench.jobs import Batch, room, submit_echoes
from bench.yardstick import standing_still
from tests.servers import send_no_canaries
from wharf.local.child import ChildSpec
from wharf.local.services import Services, Site, is_fresh, wharf_services
from wharf.local.stack import LocalStack

JOBS = 400
Change = Callable[[Sequence[ChildSpec], Site], Sequence[ChildSpec]]


def changed(change: Change) -> Services:
    """Wharf's services, but for that change."""
    return lambda site: change(wharf_services(site), site)


@contextmanager
def stack(**given: Any) -> Iterator[LocalStack]:  # noqa: ANN401 - what a LocalStack takes
    """A stack with room for all jobs of a measurement, and no canaries."""
    with (
        tempfile.TemporaryDirectory(prefix="wharf-wayup-", ignore_cleanup_errors=True) as folder,
        LocalStack(Path(folder) / "data", port=0, discard=True, **given) as running,
        room(running.connection.database_url),
    ):
        send_no_canaries(running.connection.database_url)
        yield running


def another(spec: ChildSpec, number: int, site: Site, **environment: str) -> ChildSpec:
    """The same service once more; ready when its heartbeat says so."""
    name = f"{spec.name}-{number}"
    metrics, heartbeat = site.metrics_folder(name), site.heartbeat(name)
    metrics.mkdir(parents=True, exist_ok=True)
    own = {
        "WHARF_HEARTBEAT_FILE": str(heartbeat),
        "WHARF_METRICS_DIR": str(metrics),
        "WHARF_METRICS_PORT": str(site.port(f"{name}-metrics")),
    }
    told = {**spec.environment, **own, **environment}
    return replace(
        spec,
        name=name,
        environment=told,
        prepare=lambda: heartbeat.unlink(missing_ok=True),
        ready=lambda: is_fresh(heartbeat),
    )


def echoes_a_second(running: LocalStack) -> float:
    """Jobs that do nothing, all queued before the worker goes on; from the first start to the last end."""
    batch = Batch.begin(running.connection.database_url, "echo")
    pids = [pid for name, pid in running.connection.processes.items() if name.startswith("maintenance")]
    with standing_still(pids):
        submit_echoes(running.connection, JOBS)
        batch.await_published(JOBS)
    batch.await_completed()
    return JOBS / batch.span()


def by_turns(sides: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Each side's figures; who is first changes, since a machine that is shared is not the same all the time."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            found[name].append(sides[name]())
    return found


def ratio(found: dict[str, list[float]], side: str, floor: str) -> float:
    """The median of the rounds' ratios."""
    return median(one / other for one, other in zip(found[side], found[floor], strict=True))
