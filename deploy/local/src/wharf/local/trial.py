"""The running stack as a test sees it: its API from outside, its database as it really is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import psycopg
from psycopg.rows import dict_row

from wharf.local.connection import Connection
from wharf.local.stack import LocalStack

T = TypeVar("T")
PATIENCE = 150.0
ENDED = frozenset({"completed", "failed", "cancelled"})
Job = dict[str, Any]


def eventually(question: Callable[[], T | None], what: str, within: float = PATIENCE) -> T:
    """The first true answer; raises TimeoutError that says what was waited for."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    message = f"waited {within:.0f} s for {what}"
    raise TimeoutError(message)


@dataclass
class Trial:
    """A stack, and a client with the key of an admin of a tenant."""

    stack: LocalStack
    api: httpx.Client
    tenant: str = "default"

    @property
    def connection(self) -> Connection:
        """Addresses, keys and the processes of this moment."""
        return self.stack.connection

    @contextmanager
    def as_new_tenant(self) -> Iterator[Trial]:
        """The same stack with the key of an admin of a tenant of its own."""
        platform, name = {"Authorization": f"Bearer {self.connection.platform_key}"}, f"t-{uuid4().hex}"
        self.api.post("/api/v1/tenants", json={"name": name}, headers=platform).raise_for_status()
        wanted = {"name": "admin", "role": "admin", "tenant": name}
        key = self.api.post("/api/v1/keys", json=wanted, headers=platform).raise_for_status().json()["key"]
        own = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=self.api.base_url, headers=own, timeout=self.api.timeout) as api:
            yield Trial(self.stack, api, name)

    def upload(self, path: Path, **fields: str) -> Job:
        """Send a file; gives the answer to the submit."""
        with path.open("rb") as file:
            answer = self.api.post("/api/v1/uploads", data=fields, files={"file": (path.name, file)})
        if answer.status_code != HTTPStatus.ACCEPTED:
            raise AssertionError(answer.text)
        found: Job = answer.json()
        return found

    def job(self, job_id: str) -> Job:
        """The job as it is now."""
        found: Job = self.api.get(f"/api/v1/jobs/{job_id}").raise_for_status().json()
        return found

    def until(self, job_id: str, what: str, holds: Callable[[Job], bool]) -> Job:
        """The job as soon as that holds of it."""
        return eventually(lambda: job if holds(job := self.job(job_id)) else None, f"{job_id}: {what}")

    def ended(self, job_id: str) -> Job:
        """The job once nothing more happens to it by itself."""
        return self.until(job_id, "its end", lambda job: job["status"] in ENDED)

    def load(self, path: Path, **fields: str) -> Job:
        """Upload a file and wait for the end of its job."""
        return self.ended(self.upload(path, **fields)["job_id"])

    def ask(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Ask the database as its superuser: what is really there."""
        with psycopg.connect(self.connection.database_url, row_factory=dict_row) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def one(self, query: str, *values: object) -> Any:  # noqa: ANN401 - whatever the query gives
        """The single value of a query's single row."""
        return next(iter(self.ask(query, *values)[0].values()))

    def dataset(self, profile: str = "transactions") -> str:
        """The quoted name of the tenant's table of a profile."""
        schema = self.one("SELECT schema_name FROM wharf.tenants WHERE name = %s", self.tenant)
        return f'"{schema}"."{profile}"'
