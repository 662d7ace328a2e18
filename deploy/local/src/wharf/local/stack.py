"""The whole stack: servers, ledger, services, in this order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from wharf.local.account import server_account
from wharf.local.address import as_libpq, as_role, next_redis_database
from wharf.local.binaries import find_postgres, find_redis
from wharf.local.child import ChildSpec
from wharf.local.connection import Connection
from wharf.local.credentials import Credentials
from wharf.local.failure import Interrupted, StartFailed
from wharf.local.folder import DataFolder, FolderLock
from wharf.local.ledger import Ledger, WharfLedger
from wharf.local.orphans import end_services
from wharf.local.ports import HOST, Ports, is_free
from wharf.local.postgres import READY_WITHIN as POSTGRES_READY_WITHIN
from wharf.local.postgres import Postgres
from wharf.local.redis_server import READY_WITHIN as REDIS_READY_WITHIN
from wharf.local.redis_server import Redis
from wharf.local.residence import abandoned, reachable_programs, remove, settle
from wharf.local.services import Services, Site, wharf_services
from wharf.local.supervisor import Supervisor

APP_ROLE = "wharf_app"
DISPATCH_ROLE = "wharf_dispatch"
BACKUP_ROLE = "wharf_backup"
SERVICES_READY_WITHIN = 120.0
PORT_TRIES = 3


def silent(_: str) -> None:
    """Says nothing."""


@dataclass
class LocalStack:
    """A stack on the folder `data_dir`; `with LocalStack(folder) as stack: stack.connection.url …`.

    `port` is the gateway's (0: any free one; None: 8000 or the next free one). A server given by URL is used instead of
    an own one; `database_url` is of a login that owns the database and may create roles. `discard` deletes everything
    at the end. `say` gets lines for people. `services` and `ledger` are what runs on it; others can be given to try the
    stack without Wharf's. Signals are the caller's business: `interrupt` is there for handlers.
    """

    data_dir: Path
    port: int | None = 0
    ingest_workers: int = 1
    package_workers: int = 1
    database_url: str | None = None
    broker_url: str | None = None
    redis_url: str | None = None
    storage_url: str | None = None
    discard: bool = False
    say: Callable[[str], None] = silent
    services: Services = wharf_services
    ledger: Ledger = field(default_factory=WharfLedger)

    def __post_init__(self) -> None:
        self.folder = DataFolder.at(Path(self.data_dir))
        self.redis_url = self.redis_url or os.environ.get("WHARF_REDIS_URL")
        self.storage_url = self.storage_url or os.environ.get("WHARF_STORAGE_URL") or self.folder.objects.as_uri()
        self._connection: Connection | None = None
        self._supervisor: Supervisor | None = None
        self._exit = ExitStack()
        self._interrupted = False

    @property
    def connection(self) -> Connection:
        """How to reach the running stack; its processes are those of this moment."""
        if self._connection is None or self._supervisor is None:
            message = "The stack does not run: start it first."
            raise StartFailed(message, code="not_running")
        return replace(self._connection, processes=self._supervisor.processes())

    def start(self) -> None:
        """Start everything and write `connection.json`; returns when all services are ready.

        Raises `StartFailed` with a sentence for people, after stopping what had been started.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything in order; what was started in between too. Stopping twice is fine."""
        self._exit.close()
        self._connection = None

    def interrupt(self) -> None:
        """Ask a start in progress to end with `Interrupted`, or a stop in progress to hurry. For signal handlers."""
        if self._interrupted and self._supervisor:
            self._supervisor.hurry.set()
        self._interrupted = True
        if self._supervisor:
            self._supervisor.interrupt.set()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _start(self) -> None:
        self.folder.create()
        lock = FolderLock.take(self.folder)
        if self.discard:
            self._exit.callback(remove, self.folder)
        self._exit.callback(lock.release)
        end_services(self.folder.root)
        supervisor = Supervisor(self.folder.logs, lock.descriptor, on_change=self._publish, say=self.say)
        self._supervisor = supervisor
        self._exit.callback(self.folder.connection.unlink, missing_ok=True)
        self._exit.callback(supervisor.stop)
        self._start_children(supervisor)
        supervisor.watch()

    def _start_children(self, supervisor: Supervisor) -> None:
        credentials = self._credentials()
        ports = Ports(self.folder.ports)
        gateway_port = ports.gateway(self.port)
        database_url = self._start_postgres(supervisor, ports, credentials)
        redis_url = self._start_redis(supervisor, ports, credentials)
        self._go_on("preparing the ledger")
        self.ledger.prepare(database_url, credentials)
        site = Site(
            folder=self.folder,
            gateway_port=gateway_port,
            app_url=as_role(database_url, APP_ROLE, credentials.app_password),
            dispatch_url=as_role(database_url, DISPATCH_ROLE, credentials.dispatch_password),
            backup_url=as_role(database_url, BACKUP_ROLE, credentials.backup_password),
            redis_url=redis_url,
            broker_url=self.broker_url or next_redis_database(redis_url),
            storage_url=str(self.storage_url),
            counts={"ingest-worker": self.ingest_workers, "package-worker": self.package_workers},
            port=ports.pick,
        )
        specs = self.services(site)
        self._go_on("starting " + (", ".join(spec.name for spec in specs) or "no services"))
        supervisor.start(*specs, within=SERVICES_READY_WITHIN)
        self._connect(database_url, site, credentials, specs)

    def _credentials(self) -> Credentials:
        if not self.folder.secrets.exists() and (self.folder.postgres / "data").exists():
            message = (
                f"{self.folder.postgres} has data, but {self.folder.secrets} with its passwords is gone: restore it."
            )
            raise StartFailed(message, code="secrets_missing")
        return Credentials.keep(self.folder.secrets, self.ledger.new_key)

    def _start_postgres(self, supervisor: Supervisor, ports: Ports, credentials: Credentials) -> str:
        if self.database_url:
            return as_libpq(self.database_url)
        self._go_on("starting PostgreSQL")
        account = server_account(self.folder.postgres)
        home = settle(self.folder, account)
        for place in abandoned(self.folder):
            self.say(f"{place} is left from an earlier {self.folder.root}: delete it if you do not need its data")
        programs = reachable_programs(find_postgres(), home, account)
        server = Postgres(programs, home, account, credentials.owner_password)
        server.initialise(self.folder.logs / "initdb.log")
        port = _start_on_a_port(supervisor, ports, "postgres", server.spec, POSTGRES_READY_WITHIN)
        server.create_database(port)
        return server.url(port)

    def _start_redis(self, supervisor: Supervisor, ports: Ports, credentials: Credentials) -> str:
        if self.redis_url:
            return self.redis_url
        self._go_on("starting Redis")
        server = Redis(find_redis(), self.folder.redis, credentials.redis_password)
        port = _start_on_a_port(supervisor, ports, "redis", server.spec, REDIS_READY_WITHIN)
        return server.url(port)

    def _go_on(self, step: str) -> None:
        if self._interrupted:
            message = "Stopped before everything was ready."
            raise Interrupted(message)
        self.say(step)

    def _connect(self, database_url: str, site: Site, credentials: Credentials, specs: Sequence[ChildSpec]) -> None:
        metrics = {
            spec.name: f"http://{HOST}:{spec.environment['WHARF_METRICS_PORT']}/metrics"
            for spec in specs
            if "WHARF_METRICS_PORT" in spec.environment
        }
        url = f"http://{HOST}:{site.gateway_port}"
        self._connection = Connection(
            url=url,
            api_key=credentials.api_key,
            platform_key=credentials.platform_key,
            database_url=database_url,
            redis_url=site.redis_url,
            metrics={"gateway": f"{url}/metrics", **metrics},
        )
        self.connection.write(self.folder.connection)

    def _publish(self, processes: dict[str, int]) -> None:
        if self._connection is not None:
            replace(self._connection, processes=processes).write(self.folder.connection)


def _start_on_a_port(
    supervisor: Supervisor, ports: Ports, name: str, spec: Callable[[int], ChildSpec], within: float
) -> int:
    """Start a server on its port, or on another one when somebody was quicker to listen there."""
    port = ports.pick(name)
    for tries_left in reversed(range(PORT_TRIES)):
        try:
            supervisor.start(spec(port), within=within)
        except StartFailed:
            if is_free(port) or not tries_left:
                raise
            port = ports.replace(name)
        else:
            break
    return port
