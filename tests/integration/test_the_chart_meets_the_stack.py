"""What the Helm chart asks the ledger, and what its test does, on a running stack."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.helm.tests.rendering import CHART, render
from wharf.local.trial import Trial

SLOTS, JOBS_PER_SLOT, WITHIN = 2, 3, 40
LEASE = """
    INSERT INTO wharf.leases (job_id, tenant_id, attempt, worker, expires_at)
    SELECT id, tenant_id, 1, 'w', now() FROM wharf.jobs WHERE id = %s"""
LATER = "UPDATE wharf.jobs SET available_at = now() - interval '1 hour' WHERE id = %s"
RESUME = "DELETE FROM wharf.pauses WHERE tenant_id = (SELECT tenant_id FROM wharf.jobs WHERE id = %s)"


@pytest.fixture(scope="module")
def asks() -> dict[str, str]:
    """KEDA's questions about imports, by name."""
    keda = {"jobsPerSlot": JOBS_PER_SLOT, "waitSeconds": WITHIN}
    made = render({"workers": {"ingest": {"slots": SLOTS, "autoscaling": {"mode": "keda", "keda": keda}}}})
    triggers = made.one("ScaledObject", "wharf-worker-ingest")["spec"]["triggers"]
    return {one["name"]: one["metadata"]["query"] for one in triggers}


@pytest.fixture
def waiting(tenant: Trial, tmp_path: Path) -> str:
    """An import of a tenant whose queue rests: the job's id."""
    tenant.api.post("/api/v1/queues/ingest/pause").raise_for_status()
    path = tmp_path / "sales.csv"
    path.write_text("transaction_id,date,quantity,unit_price\nt1,2025-01-02,1,3.50\n", "utf-8")
    return str(tenant.upload(path, profile="transactions")["job_id"])


@pytest.fixture
def ledger(tenant: Trial) -> Iterator[psycopg.Connection]:
    """As its owner; what is changed is taken back."""
    with psycopg.connect(tenant.connection.database_url) as connection:
        yield connection
        connection.rollback()


def told(ledger: psycopg.Connection, question: str) -> float:
    """What KEDA reads, with the login that the chart gives it."""
    ledger.execute("SET LOCAL ROLE wharf_dispatch")
    row = ledger.execute(question.encode()).fetchone()
    ledger.execute("RESET ROLE")
    assert row is not None
    assert isinstance(row[0], float)
    return row[0]


def test_jobs_that_rest_ask_for_no_replica(ledger: psycopg.Connection, asks: dict[str, str], waiting: str) -> None:
    """What is paused is not counted; the same job is as soon as it goes on, and its wait with it."""
    before = told(ledger, asks["jobs"])
    for change in (RESUME, LATER):
        ledger.execute(change, [waiting])
    assert told(ledger, asks["jobs"]) == before + 1
    assert told(ledger, asks["wait"]) == pytest.approx(1.2 * (before + 1) / SLOTS)


def test_what_runs_is_what_holds_a_slot(ledger: psycopg.Connection, asks: dict[str, str], waiting: str) -> None:
    """An import that waits for its parts is running and holds no lease: it asks for no replica."""
    before = told(ledger, asks["jobs"])
    ledger.execute("UPDATE wharf.jobs SET status = 'running' WHERE id = %s", [waiting])
    assert told(ledger, asks["jobs"]) == before
    ledger.execute(LEASE, [waiting])
    assert told(ledger, asks["jobs"]) == before + 1


def helm_test(trial: Trial, key: Path) -> subprocess.CompletedProcess[str]:
    """What the pod of `helm test` does."""
    script = CHART / "files/import_a_file.py"
    told = {"WHARF_URL": trial.connection.url, "WHARF_API_KEY_FILE": str(key), "WHARF_TEST_SECONDS": "120"}
    command = [sys.executable, str(script)]
    return subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True, check=False)


def test_helm_test_imports_a_file(wharf: Trial, tmp_path: Path) -> None:
    """Again and again, with the rows of the last one kept."""
    key = tmp_path / "first_api_key"
    key.write_text(wharf.connection.api_key + "\n", "utf-8")
    for _ in range(2):
        done = helm_test(wharf, key)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("ok: 100 rows imported")
    rows = wharf.api.get("/api/v1/datasets/transactions/rows", params={"project_id": "helm-test", "limit": 1000})
    assert len(rows.json()["items"]) == 100


def test_helm_test_says_what_is_wrong(wharf: Trial, tmp_path: Path) -> None:
    """A key that is none ends it with a sentence, not a traceback."""
    key = tmp_path / "first_api_key"
    key.write_text("wk_none", "utf-8")
    done = helm_test(wharf, key)
    assert done.returncode != 0
    assert done.stderr.startswith("FAILED: /api/v1/uploads answered 401")
