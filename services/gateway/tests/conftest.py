"""A real PostgreSQL, a real Redis, and gateways that serve on real sockets."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import redis
from sqlalchemy import text

from wharf.common.access import Caller, Role, bootstrap, identify, new_key
from wharf.common.clock import new_id
from wharf.common.feed import Feed
from wharf.common.jobs.control import find
from wharf.common.jobs.kinds import ECHO, IMPORT, EchoPayload, ImportPayload
from wharf.common.jobs.submission import Order, write_job
from wharf.common.jobs.view import JobView
from wharf.common.ledger.database import Database
from wharf.common.ledger.migration import migrate
from wharf.gateway.__main__ import Server, make_server
from wharf.gateway.resources import Resources
from wharf.gateway.settings import GatewaySettings

APP_PASSWORD = "a"
DISPATCH_PASSWORD = "d"
DEADLINE = 20.0


def wait_until(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """Wait until it holds; the deadline only ends a hung wait."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    pytest.fail(f"{what} never came to be")


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """See `wait_until`: tests are no package, so what they share comes as a fixture."""
    return wait_until


Elements = list[tuple[str, dict[str, str | None]]]
"""Of a page: tags with their attributes."""


@dataclass(frozen=True)
class Backend:
    """Servers with the ledger's tables in them."""

    owner_url: str
    app_url: str
    redis_url: str
    broker_url: str
    admin_key: str
    platform_key: str


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """PostgreSQL and Redis, migrated, with the tenant `default` and its first keys."""
    with ExitStack() as stack:
        yield start_backend(stack, tmp_path_factory.mktemp("backend"))


def start_backend(stack: ExitStack, folder: Path) -> Backend:
    """On the servers that WHARF_TEST_DATABASE_URL and WHARF_TEST_REDIS_URL name, or on those of the local stack."""
    database_url, redis_url = os.environ.get("WHARF_TEST_DATABASE_URL"), os.environ.get("WHARF_TEST_REDIS_URL")
    if not (database_url and redis_url):
        database_url, redis_url = start_servers(stack, folder)
    owner_url = stack.enter_context(own_database(database_url))
    migrate(owner_url, app_password=APP_PASSWORD, dispatch_password=DISPATCH_PASSWORD)
    api_key, platform_key = new_key(), new_key()
    bootstrap(owner_url, api_key=api_key, platform_key=platform_key)
    app_url = with_login(owner_url, "wharf_app", APP_PASSWORD)
    return Backend(owner_url, app_url, redis_url, redis_url, api_key, platform_key)


def start_servers(stack: ExitStack, folder: Path) -> tuple[str, str]:
    """The local stack's servers, without its services."""
    local = pytest.importorskip("wharf.local.stack", reason="needs: wharf.local")
    running = stack.enter_context(local.LocalStack(folder, discard=True, services=lambda _site: ()))
    return running.connection.database_url, running.connection.redis_url


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """A new database on that server, gone at the end."""
    name = f"gateway_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield (
            psycopg.conninfo.make_conninfo(url, dbname=name) if "://" not in url else url.rsplit("/", 1)[0] + f"/{name}"
        )
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def with_login(url: str, user: str, password: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{user}:{password}@{rest.rsplit('@', 1)[-1]}"


@dataclass
class Gateway:
    """A gateway that serves."""

    url: str
    server: Server
    thread: threading.Thread
    objects: Path

    @property
    def resources(self) -> Resources:
        return self.server.resources

    def stored(self) -> list[Path]:
        """What is in the object storage."""
        return [path for path in self.objects.rglob("*") if path.is_file()]

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive(), "the gateway did not stop"


def make_settings(backend: Backend, objects: Path, **overrides: Any) -> GatewaySettings:
    values = {
        "WHARF_DATABASE_URL": backend.app_url,
        "WHARF_REDIS_URL": backend.redis_url,
        "WHARF_BROKER_URL": backend.broker_url,
        "storage_url": objects.as_uri(),
        "port": 0,
        "events_recheck_seconds": 0.5,
        "events_poll_seconds": 0.2,
        "stop_seconds": 3,
    }
    return GatewaySettings(_env_file=None, **{**values, **overrides})


@contextmanager
def serving(backend: Backend, objects: Path, **overrides: Any) -> Iterator[Gateway]:
    """A gateway in a thread of this process, on a free port."""
    server = make_server(make_settings(backend, objects, **overrides))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        gateway = Gateway(url, server, thread, objects)
        wait_until(lambda: server.started, "the gateway's start")
        try:
            yield gateway
        finally:
            gateway.stop()


@pytest.fixture(scope="session")
def gateway(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway with the default limits, for all tests that do not need their own."""
    with serving(backend, tmp_path_factory.mktemp("objects")) as running:
        yield running


@pytest.fixture
def serve(backend: Backend, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Start further gateways with settings of their own."""
    with ExitStack() as stack:
        yield lambda **overrides: stack.enter_context(serving(backend, tmp_path / uuid4().hex, **overrides))


@dataclass
class Tenant:
    """A tenant of its own for one test, its keys, and a worker's view of it."""

    backend: Backend
    gateway: Gateway
    name: str
    id: UUID
    keys: dict[str, str]
    database: Database
    feed: Feed

    def client(self, role: str = "admin", url: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.keys[role]}"}
        return httpx.Client(base_url=url or self.gateway.url, headers=headers, timeout=DEADLINE)

    def key(self, role: Role, **rest: Any) -> dict[str, Any]:
        with self.client("admin") as client:
            answer = client.post("/api/v1/keys", json={"name": "test", "role": role, **rest})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def caller(self, role: str = "admin") -> Caller:
        found = identify(self.database, self.keys[role])
        assert found
        return found

    def execute(self, statement: str, **values: Any) -> Any:
        """One statement in the tenant, as the role of the services."""
        with self.database.tenant(self.id) as connection:
            done = connection.execute(text(statement), values)
            return done.mappings().all() if done.returns_rows else done.rowcount

    def count(self, table: str) -> int:
        return int(self.execute(f"SELECT count(*) AS n FROM wharf.{table}")[0]["n"])

    def job(self, *, project_id: str = "default", label: str = "sales.csv", kind: str = "import") -> JobView:
        """A job in the ledger, unpublished, as a submit leaves it when the broker is away."""
        with self.database.tenant(self.id) as connection:
            upload_id, import_id = new_id(), new_id()
            payload: Any = EchoPayload(message="hello")
            if kind == "import":
                payload = ImportPayload(import_id=import_id, upload_id=upload_id, profile="transactions", mode=None)
                self._import(connection, upload_id, import_id, project_id)
            declared = IMPORT if kind == "import" else ECHO
            return write_job(connection, Order(self.id, project_id, declared, payload, label=label)).view

    def _import(self, connection: Any, upload_id: UUID, import_id: UUID, project_id: str) -> None:
        connection.exec_driver_sql(
            "INSERT INTO wharf.uploads (id, tenant_id, project_id, file_name, media_type, size, sha256, storage_key)"
            " VALUES (%s, %s, %s, 'sales.csv', 'text/csv', 3, 'ab', 'k')",
            (upload_id, self.id, project_id),
        )
        connection.exec_driver_sql(
            "INSERT INTO wharf.imports (id, tenant_id, project_id, upload_id) VALUES (%s, %s, %s, %s)",
            (import_id, self.id, project_id, upload_id),
        )

    def move(self, view: JobView, tell: bool = True, **changes: Any) -> JobView:
        """Write a job's new state into the ledger as a worker does, and tell of it."""
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        assert self.execute(f"UPDATE wharf.jobs SET {sets} WHERE id = :id", id=view.job_id, **changes) == 1
        moved = self.view(view.job_id)
        if tell:
            self.feed.tell(moved, self.id)
        return moved

    def upload_of(self, job: JobView) -> str:
        """The id of the upload that a job imports."""
        return str(
            self.execute("SELECT payload ->> 'upload_id' AS u FROM wharf.jobs WHERE id = :id", id=job.job_id)[0]["u"]
        )

    def import_of(self, job: JobView) -> str:
        """The id of the import that a job works on."""
        return str(
            self.execute("SELECT payload ->> 'import_id' AS i FROM wharf.jobs WHERE id = :id", id=job.job_id)[0]["i"]
        )

    def view(self, job_id: UUID) -> JobView:
        with self.database.tenant(self.id) as connection:
            return find(connection, job_id)


@pytest.fixture
def make_tenant(backend: Backend, gateway: Gateway) -> Iterator[Callable[[], Tenant]]:
    """Make tenants through the API, each with a key of every role."""
    with ExitStack() as stack:
        database = Database.connect(backend.app_url, pool=3, application="test")
        stack.callback(database.close)
        yield lambda: new_tenant(backend, gateway, database)


def new_tenant(backend: Backend, gateway: Gateway, database: Database) -> Tenant:
    name = f"t-{uuid4().hex[:12]}"
    headers = {"X-API-Key": backend.platform_key}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=DEADLINE) as platform:
        made = platform.post("/api/v1/tenants", json={"name": name})
        assert made.status_code == 201, made.text
        keys = {
            role: platform.post("/api/v1/keys", json={"name": role, "role": role, "tenant": name}).json()["key"]
            for role in ("viewer", "operator", "admin")
        }
    return Tenant(
        backend, gateway, name, UUID(made.json()["id"]), keys, database, Feed(backend.redis_url, patience=DEADLINE)
    )


@pytest.fixture
def tenant(make_tenant: Callable[[], Tenant]) -> Tenant:
    """A tenant that no other test sees."""
    return make_tenant()


@pytest.fixture
def api(tenant: Tenant) -> Iterator[httpx.Client]:
    """The tenant's admin as a client."""
    with tenant.client() as client:
        yield client


@pytest.fixture
def dataset(tenant: Tenant) -> Callable[[str, dict[str, Any], list[dict[str, Any]]], None]:
    """Put rows into the tenant's dataset, as a worker does."""

    def fill(profile: str, definition: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        ensure = "SELECT wharf.ensure_dataset(:p, CAST(:d AS jsonb)) AS place"
        place = tenant.execute(ensure, p=profile, d=json.dumps(definition))
        for nth, row in enumerate(rows):
            values = {"project_id": "default", "_import_id": str(new_id()), "_line": nth + 2, **row}
            names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
            tenant.execute(f'INSERT INTO "{place[0]["place"]}"."{profile}" ({names}) VALUES ({marks})', **values)

    return fill


@pytest.fixture
def broker(backend: Backend) -> Iterator[redis.Redis]:
    """What the gateway publishes to."""
    with redis.Redis.from_url(backend.broker_url) as client:
        yield client


class Page(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: Elements = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def elements() -> Callable[[str], Elements]:
    """Take a page apart."""
    return lambda text: Page(text).found


@pytest.fixture
def harmless(elements: Callable[[str], Elements]) -> Callable[[str], None]:
    """Whatever users wrote into a page is no markup in it: no picture of theirs, no handler, no script."""

    def check(text: str) -> None:
        found = elements(text)
        assert not [tag for tag, attributes in found if tag == "img" or "onerror" in attributes]
        assert all(attributes.get("src") for tag, attributes in found if tag == "script")
        assert "ababab" not in text, "{{'ab'*3}} was computed"

    return check
