"""How long a tick of the scheduler takes that has ten thousand schedules, on a server of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from bench.submits import percentile
from wharf.common.doorbell import Doorbell
from wharf.common.feed import Feed
from wharf.common.jobs.announcing import Announcer
from wharf.common.ledger.database import Database
from wharf.common.runtime.celery import celery_app
from wharf.local.address import as_role, next_redis_database
from wharf.local.credentials import Credentials
from wharf.local.services import no_services
from wharf.local.stack import LocalStack
from wharf.scheduler.schedules import Schedules

SCHEDULES, PERIOD = 10_000, 3_600
TICKS = 200
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
FILL = """
    INSERT INTO wharf.schedules (id, tenant_id, project_id, name, interval_seconds, time_zone, kind, queue, priority,
                                 enabled, overlap, misfire, grace_seconds, next_at)
    SELECT gen_random_uuid(), t.id, 'default', 's-' || n, %(period)s, 'UTC', 'echo', 'maintenance', 1,
           true, 'skip', 'run_once', 3600, %(begin)s + n * make_interval(secs => %(period)s / %(schedules)s::float)
    FROM wharf.tenants t, generate_series(1, %(schedules)s) n WHERE t.name = 'default'"""
AT_ONCE = "UPDATE wharf.schedules SET next_at = %s WHERE NOT builtin"
LEFT = "SELECT count(*) FROM wharf.schedules WHERE NOT builtin AND next_at <= %s"


@dataclass(slots=True)
class Ticks:
    """Seconds of each tick: with nothing due, with what a second brings, and of all that are due at once."""

    idle: list[float]
    steady: list[float]
    at_once: list[float]

    @property
    def schedules(self) -> int:
        """How many there are."""
        return SCHEDULES

    def as_dict(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self) | {"schedules": SCHEDULES, "p99": percentile(self.steady, 99)}


def measure_ticks(folder: Path, on_part: Callable[[], None]) -> Ticks:
    """All three, one after the other; the clock is a parameter, and goes on a second with each tick."""
    with (
        LocalStack(folder / "ticks", port=0, discard=True, services=no_services) as stack,
        psycopg.connect(stack.connection.database_url, autocommit=True) as ledger,
        _scheduler(stack) as scheduler,
    ):
        ledger.execute(FILL, {"period": PERIOD, "schedules": SCHEDULES, "begin": BEGIN})
        # Not of all tables: a function that counts jobs would be planned for a table that is known to be empty.
        ledger.execute("VACUUM ANALYZE wharf.schedules")
        idle = [_tick(scheduler, BEGIN) for _ in range(TICKS)]
        on_part()
        steady = [_tick(scheduler, BEGIN + timedelta(seconds=nth)) for nth in range(1, TICKS + 1)]
        on_part()
        at_once = list(_all(scheduler, ledger, BEGIN + timedelta(days=1)))
        on_part()
    return Ticks(idle, steady, at_once)


def _all(scheduler: Schedules, ledger: psycopg.Connection, at: datetime) -> Iterator[float]:
    """The ticks until every schedule has begun that was due at one moment."""
    ledger.execute(AT_ONCE, (at,))
    while ledger.execute(LEFT, (at,)).fetchone() != (0,):
        yield _tick(scheduler, at)


def _tick(scheduler: Schedules, at: datetime) -> float:
    started = time.perf_counter()
    scheduler.tick(at)
    return time.perf_counter() - started


@contextmanager
def _scheduler(stack: LocalStack) -> Iterator[Schedules]:
    """As beat has it, in its role."""
    connection = stack.connection
    kept = Credentials.keep(stack.folder.secrets, lambda: "never made")
    url = as_role(connection.database_url, "wharf_dispatch", kept.dispatch_password)
    database = Database.connect(url, pool=3, application="scheduler", answer_within=30)
    feed = Feed(connection.redis_url)
    with (
        closing(database),
        celery_app("bench", next_redis_database(connection.redis_url)) as app,
        closing(Announcer(database, Doorbell(app), feed)) as announcer,
    ):
        yield Schedules(database, announcer, feed)
