"""A real ledger and a real broker, without services: the tests are the gateway, the workers and the dispatcher."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
import redis
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric
from psycopg.rows import dict_row
from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from wharf.common.clock import new_id
from wharf.common.doorbell import Doorbell
from wharf.common.errors import WharfError
from wharf.common.feed import Feed
from wharf.common.jobs import control
from wharf.common.jobs.announcing import Announcer
from wharf.common.jobs.kinds import ECHO, EchoPayload, Kind, Payload
from wharf.common.jobs.states import Event, after, allows
from wharf.common.jobs.submission import Order, Written, write_job, write_jobs
from wharf.common.jobs.view import ProgressView, job_view
from wharf.common.ledger.database import Database
from wharf.common.ledger.migration import migrate
from wharf.common.queues import Priority, Queue
from wharf.common.runtime.celery import celery_app
from wharf.common.runtime.context import FENCE, SAVE, JobContext
from wharf.common.runtime.endings import HOLDING
from wharf.common.runtime.heartbeat import Pulse
from wharf.common.runtime.progress import Progress
from wharf.common.schedules.policies import INSTALLATION
from wharf.common.settings import StorageSettings
from wharf.common.storage import Storage
from wharf.local.stack import LocalStack
from wharf.scheduler.dispatcher import Dispatcher
from wharf.scheduler.reaper import Reaper
from wharf.scheduler.reconciler import Reconciler
from wharf.scheduler.schedules import Schedules

APP_PASSWORD = "a"
DISPATCH_PASSWORD = "d"
BACKUP_PASSWORD = "b-secret"
EVERYBODY = UUID(int=0)
DEADLINE = 60.0
LEASE_SECONDS = 20.0
FINISH = text(
    "SELECT * FROM wharf.finish(:job, :attempt, :outcome, :targets, :result, :error, :progress, :delay, :worker)"
).bindparams(*(bindparam(name, type_=JSONB(none_as_null=True)) for name in ("targets", "result", "error", "progress")))
LEVELS = {0: Priority.URGENT, 3: Priority.HIGH, 6: Priority.NORMAL, 9: Priority.LOW}


@dataclass(frozen=True)
class Backend:
    """Servers with the ledger's tables in them, and the roles that production uses."""

    owner_url: str
    app_url: str
    dispatch_url: str
    backup_url: str
    redis_url: str


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """PostgreSQL and Redis, migrated."""
    with LocalStack(tmp_path_factory.mktemp("backend"), discard=True, services=lambda _site: ()) as running:
        owner_url = running.connection.database_url
        migrate(
            owner_url,
            app_password=APP_PASSWORD,
            dispatch_password=DISPATCH_PASSWORD,
            backup_password=BACKUP_PASSWORD,
        )
        app_url = with_login(owner_url, "wharf_app", APP_PASSWORD)
        dispatch_url = with_login(owner_url, "wharf_dispatch", DISPATCH_PASSWORD)
        backup_url = with_login(owner_url, "wharf_backup", BACKUP_PASSWORD)
        yield Backend(owner_url, app_url, dispatch_url, backup_url, running.connection.redis_url)


def with_login(url: str, user: str, password: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{user}:{password}@{rest.rsplit('@', 1)[-1]}"


@dataclass(frozen=True)
class Ledger:
    """What gateways and workers do to the ledger, in their role; and what is really there, as its owner."""

    app: Database
    dispatch: Database
    owner: psycopg.Connection[dict[str, Any]]

    def clear(self) -> None:
        for table in ("webhooks", "schedules", "leases", "attempts", "job_logs", "jobs", "pauses"):
            self.ask(f"DELETE FROM wharf.{table}")

    def ask(self, statement: str, *values: object) -> list[dict[str, Any]]:
        done = self.owner.execute(statement.encode(), values)
        return done.fetchall() if done.description else []

    def job(self, job_id: UUID) -> dict[str, Any]:
        (row,) = self.ask("SELECT * FROM wharf.jobs WHERE id = %s", job_id)
        return row

    def jobs(self, where: str = "true") -> list[dict[str, Any]]:
        return self.ask(f"SELECT * FROM wharf.jobs WHERE {where} ORDER BY created_at, id")

    def runs(self, schedule: UUID) -> list[dict[str, Any]]:
        """What became of a schedule's occurrences, first to last."""
        query = "SELECT * FROM wharf.schedule_runs WHERE schedule_id = %s ORDER BY scheduled_for"
        return self.ask(query, schedule)

    def lease(self, job_id: UUID) -> dict[str, Any] | None:
        return next(iter(self.ask("SELECT * FROM wharf.leases WHERE job_id = %s", job_id)), None)

    def outcome(self, job_id: UUID, attempt: int = 1) -> str | None:
        query = "SELECT outcome FROM wharf.attempts WHERE job_id = %s AND attempt = %s"
        (row,) = self.ask(query, job_id, attempt)
        outcome: str | None = row["outcome"]
        return outcome

    def age(self, job_id: UUID, column: str, seconds: float) -> None:
        """Let a time of a job have been so long ago."""
        query = f"UPDATE wharf.jobs SET {column} = now() - make_interval(secs => %s) WHERE id = %s"
        self.ask(query, seconds, job_id)

    def _once(self, statement: str, **values: object) -> RowMapping | None:
        with self.app.anyone() as connection:
            return connection.execute(text(statement), values).mappings().first()

    def claim(self, job_id: UUID, attempt: int = 1, worker: str = "w", seconds: float = LEASE_SECONDS) -> Any:
        statement = "SELECT * FROM wharf.claim(:job, :attempt, :worker, :seconds)"
        return self._once(statement, job=job_id, attempt=attempt, worker=worker, seconds=seconds)

    def heartbeat(self, job_id: UUID, attempt: int = 1, seconds: float = LEASE_SECONDS) -> Any:
        statement = "SELECT * FROM wharf.heartbeat(:job, :attempt, :seconds)"
        return self._once(statement, job=job_id, attempt=attempt, seconds=seconds)

    def expire(self, job_id: UUID, why: str = "died", attempt: int = 1) -> bool:
        statement = "SELECT wharf.expire_lease(:job, :nth, :why) AS expired"
        row = self._once(statement, job=job_id, nth=attempt, why=why)
        return bool(row and row["expired"])

    def finish(self, job_id: UUID, event: Event, attempt: int = 1, **more: Any) -> Any:
        """As a worker does at the end of an attempt; the job's row, or None where its lease was lost."""
        error: WharfError | None = more.get("error")
        values = {
            "job": job_id,
            "attempt": attempt,
            "outcome": event.value,
            "targets": {held.value: after(held, event) for held in HOLDING if allows(held, event)},
            "result": more.get("result"),
            "error": error.as_dict() if error else None,
            "progress": {"current": 1, "unit": "steps"},
            "delay": more.get("delay", 0.0),
            "worker": more.get("worker"),
        }
        with self.app.anyone() as connection:
            return connection.execute(FINISH, values).mappings().first()

    def pause(self, queue: str = "maintenance", tenant_id: UUID = EVERYBODY) -> None:
        self._once("SELECT wharf.pause(:queue, :tenant)", queue=queue, tenant=tenant_id)

    def resume(self, queue: str = "maintenance", tenant_id: UUID = EVERYBODY) -> None:
        self._once("SELECT wharf.resume(:queue, :tenant)", queue=queue, tenant=tenant_id)


@pytest.fixture(scope="session")
def connected(backend: Backend) -> Iterator[Ledger]:
    """The ledger, its connections open."""
    with ExitStack() as stack:
        app = Database.connect(backend.app_url, pool=20, application="test")
        stack.callback(app.close)
        dispatch = Database.connect(backend.dispatch_url, pool=4, application="test-dispatch")
        stack.callback(dispatch.close)
        owner = psycopg.connect(backend.owner_url, autocommit=True, row_factory=dict_row)
        yield Ledger(app, dispatch, stack.enter_context(closing(owner)))


@pytest.fixture
def ledger(connected: Ledger) -> Ledger:
    """The ledger without a job in it: a dispatcher sees those of all tenants."""
    connected.clear()
    return connected


@dataclass(frozen=True)
class Tenant:
    """A tenant of one test."""

    ledger: Ledger
    name: str
    id: UUID

    def write(self, priority: Priority, queue: Queue = Queue.MAINTENANCE, at: datetime | None = None) -> Written:
        with self.ledger.app.tenant(self.id) as connection:
            return write_job(connection, self.order(priority, queue, at))

    def order(self, priority: Priority, queue: Queue = Queue.MAINTENANCE, at: datetime | None = None) -> Order:
        return Order(self.id, "default", ECHO, EchoPayload(), priority, queue=queue, available_at=at)

    def submit(self, priority: Priority = Priority.NORMAL, **more: Any) -> UUID:
        return self.write(priority, **more).view.job_id

    def submit_many(self, number: int, priority: Priority = Priority.NORMAL, **more: Any) -> list[UUID]:
        """In one transaction: it sees its own, so they are admitted as one after the other would be."""
        with self.ledger.app.tenant(self.id) as connection:
            written = write_jobs(connection, [self.order(priority, **more) for _ in range(number)])
        return [one.view.job_id for one in written]

    def copy(self, waiting: UUID, number: int) -> None:
        """More of a job that was not admitted; quicker than so many submits."""
        made = "INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status)"
        of = "SELECT gen_random_uuid(), tenant_id, project_id, kind, queue, priority, status FROM wharf.jobs"
        self.ledger.ask(f"{made} {of}, generate_series(1, %s) WHERE id = %s AND NOT admitted", number, waiting)

    def running(self) -> UUID:
        """A job that a worker has."""
        job = self.submit()
        assert self.ledger.claim(job)
        return job

    def completed(self) -> UUID:
        """A job that a worker has done."""
        job = self.running()
        self.ledger.finish(job, Event.COMPLETE, result={"rows_read": 3})
        return job

    def cancel(self, job_id: UUID) -> None:
        with self.ledger.app.tenant(self.id) as connection:
            control.cancel(connection, job_id)

    def retry(self, job_id: UUID) -> Written:
        with self.ledger.app.tenant(self.id) as connection:
            return control.retry(connection, job_id)

    def save(self, job_id: UUID, reached: int, attempt: int = 1, *, fenced_for: str | None = None) -> None:
        """A checkpoint, as a worker keeps it in the transaction of its work, with its fence if the worker is named."""
        values = {"job": job_id, "attempt": attempt, "point": {"row": reached}, "progress": {"current": reached}}
        with self.ledger.app.tenant(self.id) as connection:
            connection.execute(SAVE, values | {"reached": reached})
            held = {"job": job_id, "attempt": attempt, "worker": fenced_for}
            if fenced_for and connection.execute(FENCE, held).first() is None:
                connection.rollback()

    def limit(self, **limits: int) -> None:
        with self.ledger.app.anyone() as connection:
            values = {"name": self.name, "wanted": json.dumps(limits)}
            connection.execute(text("SELECT wharf.set_limits(:name, cast(:wanted AS jsonb))"), values)

    def schedule(self, **more: Any) -> UUID:
        """A schedule, as the gateway writes one: of the kind `echo`, every minute, due at `next_at`."""
        usual = {"id": new_id(), "tenant_id": self.id, "project_id": "default", "name": f"s-{uuid4().hex[:12]}"}
        when = {"cron": None, "interval_seconds": None if more.get("cron") else 60, "time_zone": "UTC"}
        work = {"kind": "echo", "payload": "{}", "queue": "maintenance", "priority": 1, "enabled": True}
        policy = {"overlap": "skip", "misfire": "run_once", "grace_seconds": 300}
        row = usual | when | work | policy | more
        places = ", ".join(["%s"] * len(row))
        self.ledger.ask(f"INSERT INTO wharf.schedules ({', '.join(row)}) VALUES ({places})", *row.values())
        return UUID(str(row["id"]))

    def admitted(self, queue: str = "maintenance", *, urgent: bool = False) -> int:
        """How many of its live jobs have a place."""
        live = "admitted AND status IN ('queued', 'running', 'cancelling')"
        query = f"SELECT count(*) AS n FROM wharf.jobs WHERE {live} AND tenant_id = %s AND queue = %s"
        return int(self.ledger.ask(f"{query} AND (priority = 3) = %s", self.id, queue, urgent)[0]["n"])


@pytest.fixture
def make_tenant(ledger: Ledger) -> Callable[..., Tenant]:
    """A tenant with limits of its own."""

    def make(**limits: int) -> Tenant:
        name, tenant_id = f"t_{uuid4().hex[:12]}", new_id()
        query = "INSERT INTO wharf.tenants (id, name, schema_name, limits) VALUES (%s, %s, %s, %s)"
        ledger.ask(query, tenant_id, name, name, json.dumps(limits))
        return Tenant(ledger, name, tenant_id)

    return make


@pytest.fixture
def tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    """One with the default limits."""
    return make_tenant()


@dataclass(frozen=True)
class Message:
    """A message in the broker; `level` is the list that it is in."""

    job_id: UUID
    attempt: int
    level: Priority


@dataclass(frozen=True)
class Broker:
    """What workers would find."""

    redis: redis.Redis

    def messages(self, queue: str = "maintenance") -> list[Message]:
        """In the order in which workers would take them."""
        return [
            message(raw, level)
            for step, level in LEVELS.items()
            for raw in reversed(self.redis.lrange(name_of(queue, step), 0, -1))
        ]

    def jobs(self, queue: str = "maintenance") -> list[UUID]:
        return [one.job_id for one in self.messages(queue)]

    def lose(self) -> None:
        self.redis.flushall()


def name_of(queue: str, step: int) -> str:
    return f"wharf:{queue}\x06\x16{step}" if step else f"wharf:{queue}"


def message(raw: bytes, level: Priority) -> Message:
    _args, named, _embed = json.loads(base64.b64decode(json.loads(raw)["body"]))
    return Message(UUID(named["job_id"]), named["attempt"], level)


@pytest.fixture
def broker(backend: Backend) -> Iterator[Broker]:
    """An empty one."""
    with redis.Redis.from_url(backend.redis_url) as client:
        client.flushall()
        yield Broker(client)


@pytest.fixture
def feed(backend: Backend) -> Feed:
    """Where progress is told."""
    return Feed(backend.redis_url, patience=DEADLINE)


@pytest.fixture
def make_dispatcher(
    backend: Backend, ledger: Ledger, broker: Broker, feed: Feed
) -> Iterator[Callable[..., Dispatcher]]:
    """Dispatchers that leave no time to anybody, unless one asks for it."""
    with ExitStack() as stack:

        def make(*, grace: float = 0.0, ageing: float = 60.0, patience: float = 10.0, url: str = "") -> Dispatcher:
            app = stack.enter_context(celery_app("test", url or backend.redis_url))
            reaper, reconciler = Reaper(ledger.dispatch, feed), Reconciler(patience)
            return Dispatcher(ledger.dispatch, Doorbell(app), feed, grace, ageing, reaper, reconciler)

        yield make


@pytest.fixture
def dispatcher(make_dispatcher: Callable[..., Dispatcher]) -> Dispatcher:
    """One dispatcher."""
    return make_dispatcher()


@pytest.fixture
def make_schedules(backend: Backend, ledger: Ledger, broker: Broker, feed: Feed) -> Iterator[Callable[..., Schedules]]:
    """Beats, as far as schedules go, each with connections of its own."""
    with ExitStack() as stack:

        def make() -> Schedules:
            database = Database.connect(backend.dispatch_url, pool=2, application="schedules")
            stack.callback(database.close)
            app = stack.enter_context(celery_app("test", backend.redis_url))
            announcer = Announcer(ledger.dispatch, Doorbell(app), feed)
            stack.callback(announcer.close)
            return Schedules(database, announcer, feed)

        yield make


@pytest.fixture
def schedules(make_schedules: Callable[..., Schedules]) -> Schedules:
    """One of them."""
    return make_schedules()


@pytest.fixture
def attempt(ledger: Ledger, feed: Feed, storage: Storage) -> Callable[..., JobContext[Any]]:
    """Begin a job, as a worker does: one of the installation, unless a tenant is named."""

    def begin(
        kind: Kind[Any], payload: Payload, *, of: UUID = INSTALLATION, storage: Storage = storage, **more: Any
    ) -> JobContext[Any]:
        with ledger.app.tenant(of) as connection:
            job_id = write_job(connection, Order(of, "default", kind, payload)).view.job_id
        row = ledger.claim(job_id)
        return JobContext(
            view=job_view(row), tenant_id=of, payload=kind.payload.model_validate(row["payload"]),
            checkpoint=None, database=ledger.app, storage=storage, feed=feed,
            pulse=Pulse(job_id, 1, "w", LEASE_SECONDS), progress=Progress(ProgressView()),
            **{"announce": lambda *_: None} | more,
        )  # fmt: skip

    return begin


@pytest.fixture
def counted() -> Callable[..., float]:
    """The value of a metric with those labels."""

    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    return value


@pytest.fixture
def observed() -> Callable[[Iterable[Metric]], dict[tuple[str, ...], float]]:
    """What an observer sees: the value of each name and its labels' values."""

    def see(families: Iterable[Metric]) -> dict[tuple[str, ...], float]:
        return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}

    return see


@pytest.fixture
def run(ledger: Ledger) -> Callable[[Sequence[UUID]], None]:
    """Let a worker take jobs at their first attempt."""

    def take(jobs: Sequence[UUID]) -> None:
        assert all(ledger.claim(job) for job in jobs)

    return take


@pytest.fixture
def zone() -> ZoneInfo:
    """The installation's."""
    return ZoneInfo("Europe/Berlin")


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    """The folder of the object storage."""
    return tmp_path / "objects"


@pytest.fixture
def storage(objects: Path) -> Storage:
    """The object storage."""
    return Storage.open(StorageSettings(storage_url=objects.as_uri()))


@pytest.fixture
def store(objects: Path) -> Callable[..., Path]:
    """Put an object there, so many seconds old; gives its path."""

    def put(key: str, seconds: float = 3 * 86_400.0) -> Path:
        path = objects / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a,b\n")
        written = time.time() - seconds
        os.utime(path, (written, written))
        return path

    return put
