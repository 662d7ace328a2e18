"""Every service tells Sentry of its bugs, and of nothing else: on real processes, with what they forked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from wharf.local.samples import write_transactions
from wharf.local.sentrystub import SentryStub
from wharf.local.trial import Trial, eventually

SECRET = "Alice Smith"
STUMBLE = """
    CREATE FUNCTION wharf.stumble() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'a row of Alice Smith: %', NEW; END $$;
    CREATE TRIGGER stumble BEFORE UPDATE ON wharf.imports FOR EACH ROW EXECUTE FUNCTION wharf.stumble()"""
STAND = "DROP TRIGGER stumble ON wharf.imports; DROP FUNCTION wharf.stumble()"


@pytest.fixture
def sentry(sentry_port: int) -> Iterator[SentryStub]:
    """Where the services of the stack report to."""
    with SentryStub.listening(sentry_port) as found:
        yield found


@contextmanager
def broken(wharf: Trial, breaking: str, mending: str) -> Iterator[None]:
    """A ledger that is not as the code believes."""
    with psycopg.connect(wharf.connection.database_url, autocommit=True) as owner:
        owner.execute(breaking.encode())
        try:
            yield
        finally:
            owner.execute(mending.encode())


def told(sentry: SentryStub, service: str) -> dict[str, Any]:
    """The first report of a service."""

    def first() -> dict[str, Any] | None:
        return next((event for event in sentry.events if event["tags"]["service"] == service), None)

    return eventually(first, f"a report of {service}")


def test_a_worker_s_bug(sentry: SentryStub, tenant: Trial, tmp_path: Path) -> None:
    """From the child that ran the job, while it lives: which job, and where in the code; not the row that was in it."""
    path = tmp_path / f"{SECRET}.csv"
    write_transactions(path, 20, seed=2)
    with broken(tenant, STUMBLE, STAND):
        job_id = tenant.upload(path, profile="transactions", project_id="p")["job_id"]
        event = told(sentry, "ingest-worker")
    assert tenant.ended(job_id)["status"] == "completed"
    known = {"job_id": job_id, "kind": "import", "queue": "ingest", "code": "P0001", "service": "ingest-worker"}
    assert event["tags"] == known
    frames = [
        frame for value in event["exception"]["values"] for frame in value.get("stacktrace", {}).get("frames", ())
    ]
    assert "wharf.ingest_worker.imports" in {frame["module"] for frame in frames}
    for secret in ("Alice", "a row of", str(tmp_path), tenant.connection.api_key):
        assert secret not in json.dumps(event)


def test_a_gateway_s_bug(sentry: SentryStub, wharf: Trial) -> None:
    """By its route, without the request."""
    breaking, mending = (
        f"ALTER TABLE wharf.projects RENAME COLUMN {a} TO {b}" for a, b in (("slug", "slag"), ("slag", "slug"))
    )
    with broken(wharf, breaking, mending):
        answer = wharf.api.get("/api/v1/projects", params={"limit": "7"}, headers={"X-Request-ID": "Alice"})
    assert answer.status_code == 500
    event = told(sentry, "gateway")
    assert event["tags"] == {"service": "gateway", "route": "/api/v1/projects", "code": "42703"}
    assert not {"request", "user", "breadcrumbs", "extra", "contexts"} & set(event)
    assert "Alice" not in json.dumps(event)


def test_a_scheduler_s_bug(sentry: SentryStub, wharf: Trial) -> None:
    """Once, although it comes with every tick."""
    names = ("next_at", "next_ever")
    breaking, mending = (f"ALTER TABLE wharf.schedules RENAME COLUMN {a} TO {b}" for a, b in (names, names[::-1]))
    with broken(wharf, breaking, mending):
        event = told(sentry, "scheduler")
    assert event["tags"] == {"service": "scheduler", "code": "42703"}


def test_bad_input_is_no_bug(sentry: SentryStub, tenant: Trial, tmp_path: Path) -> None:
    """A file that cannot be loaded and a request that is none are told to who sent them, and to nobody else."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"\x00\x01" * 500)
    assert tenant.load(path, profile="transactions", project_id="p")["status"] == "failed"
    assert tenant.api.get("/api/v1/jobs", params={"limit": "-1"}).status_code == 422
    assert sentry.events == []
