"""Compose: the demo's work from outside, scaling, crashes, and a restart of everything under load."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.containers.docker import inspect, run
from tests.containers.project import Project
from wharf.client.api import WharfClient
from wharf.client.failure import ClientError
from wharf.local.demo import SAMPLES, Import, Sample
from wharf.local.samples import write_transactions
from wharf.local.trial import eventually
from wharf.scheduler.leadership import LOCK

RUNNING = {
    "postgres": 1,
    "redis": 1,
    "gateway": 1,
    "ingest-worker": 1,
    "ingest-bulk-worker": 1,
    "package-worker": 1,
    "scheduler": 2,
    "maintenance-worker": 1,
}
PROFILES = {"flower": {"flower"}, "observability": {"prometheus", "grafana"}, "s3": {"s3"}, "rabbitmq": {"rabbitmq"}}
LARGE_ROWS = 200_000
LEADING = """
    SELECT host(client_addr) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND objid = %s AND granted"""
PAUSE_SECONDS = 1.0
RESTARTED = ("gateway", "ingest-worker", "scheduler", "package-worker", "maintenance-worker", "ingest-bulk-worker")


@pytest.fixture
def wharf(composed: Project) -> Iterator[WharfClient]:
    with WharfClient(composed.url, composed.connection.api_key, timeout=60) as client:
        yield client


def test_everything_runs_and_is_well(composed: Project) -> None:
    """One of each, two schedulers, the migrations done; every health check is content."""
    assert {name: len(composed.containers(name)) for name in RUNNING} == RUNNING
    eventually(lambda: all(composed.health(name) == {"healthy"} for name in RUNNING), "all to be healthy")


def test_only_the_gateway_is_published(composed: Project) -> None:
    """The servers are on a network that leads nowhere; no secret is in the environment or among the arguments."""
    published = {
        name
        for name in RUNNING
        for container in composed.containers(name)
        if any((inspect(container)["NetworkSettings"]["Ports"] or {}).values())
    }
    assert published == {"gateway"}
    secrets = [composed.secret(path.name) for path in (composed.folder / "secrets").iterdir()]
    for container in composed.containers():
        shown = str(inspect(container)["Config"]) + run("docker", "top", container)
        assert not [secret for secret in secrets if secret in shown]


def test_services_may_write_nowhere(composed: Project) -> None:
    """But for their working folders, which are memory, and the storage."""
    for name in ("gateway", "ingest-worker", "package-worker", "scheduler", "maintenance-worker"):
        host = inspect(composed.containers(name)[0])["HostConfig"]
        assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_the_demo_s_files_are_loaded_from_outside(
    composed: Project, wharf: WharfClient, tmp_path: Path, sample: Sample
) -> None:
    """Over the published port, with the first key; every count and sum is as the sample's own account says."""
    path, rows = tmp_path / sample.name, sample.rows or 50_000
    one = Import(sample, path, sample.write(path, rows, seed=7, bad=rows // 1000))
    job = wharf.wait(wharf.upload(path)["job_id"])
    assert one.wrong(job, composed.connection) == []


def test_a_crashed_worker_s_job_goes_on(composed: Project, wharf: WharfClient, tmp_path: Path) -> None:
    """Docker starts the container again; the import ends with every row once."""
    path = tmp_path / "large.csv"
    expected = write_transactions(path, LARGE_ROWS, seed=11, bad=50)
    job_id = wharf.upload(path, profile="transactions", project_id="crash")["job_id"]
    eventually(lambda: (wharf.job(job_id).progress.current or 0) > 0, "the first rows")
    (worker,) = composed.containers("ingest-worker")
    composed.crash(worker)
    job = wharf.wait(job_id)
    assert job.succeeded, job.error
    assert job.document["attempt"] > 1
    result = job.result or {}
    assert (result["inserted"], result["rejected"]) == (expected.good, len(expected.rejects))
    assert eventually(lambda: composed.containers("ingest-worker"), "the container's restart") == [worker]


def test_a_scheduler_whose_machine_is_gone_leads_no_more(composed: Project) -> None:
    """Its wire is cut: nobody closes its connection, and the database lets go of its lead all the same."""
    before = leading(composed)
    with composed.cut_off(next(one for one in composed.containers("scheduler") if composed.address_of(one) == before)):
        assert eventually(lambda: {leading(composed)} - {None, before}, "the other one to lead")
    eventually(lambda: composed.health("scheduler") == {"healthy"}, "both to be well again")


def leading(composed: Project) -> str | None:
    """From which address the schedulers' lead is held."""
    with psycopg.connect(composed.connection.database_url) as ledger:
        row = ledger.execute(LEADING, (LOCK,)).fetchone()
    return row[0] if row else None


def test_workers_are_scaled_by_their_queue(composed: Project, wharf: WharfClient) -> None:
    """`--scale ingest-worker=3`: three serve the queue, nothing else changes; and back to one."""
    before = set(composed.containers()) - set(composed.containers("ingest-worker"))
    composed.compose("up", "--detach", "--no-build", "--no-recreate", "--scale", "ingest-worker=3")
    eventually(lambda: serving(wharf, "ingest") == 3, "three workers")
    assert before <= set(composed.containers())
    composed.compose("up", "--detach", "--no-build", "--no-recreate", "--scale", "ingest-worker=1")
    eventually(lambda: serving(wharf, "ingest") == 1, "one worker")


def serving(wharf: WharfClient, queue: str) -> int:
    """How many live workers serve a queue."""
    return sum(queue in worker["queues"] and worker["alive"] for worker in wharf.workers())


def test_a_rolling_restart_under_load_loses_nothing(composed: Project, wharf: WharfClient, tmp_path: Path) -> None:
    """Every service is replaced by a new container, one after the other, while files come in without a pause."""
    path = tmp_path / "small.csv"
    expected = write_transactions(path, 200, seed=5, bad=2)
    over, jobs = threading.Event(), list[str]()

    def send() -> None:
        while not over.wait(PAUSE_SECONDS):
            jobs.append(deliver(wharf, path, f"roll-{len(jobs) % 7}"))

    with ThreadPoolExecutor(2) as clients:
        sending = [clients.submit(send) for _ in range(2)]
        try:
            for service in RESTARTED:
                composed.compose("up", "--detach", "--no-build", "--no-deps", "--force-recreate", service)
        finally:
            over.set()
        for one in sending:
            one.result()
    ended = [wharf.wait(job_id) for job_id in jobs]
    assert len(set(jobs)) == len(jobs)
    assert len(jobs) > len(RESTARTED)
    assert {job.status for job in ended} == {"completed"}
    assert {(job.result or {})["rows_read"] for job in ended} == {expected.good + len(expected.rejects)}


def deliver(wharf: WharfClient, path: Path, project_id: str) -> str:
    """Send a file until it is taken, under one key: what was taken but not answered is not loaded twice."""
    key = uuid4().hex

    def sent() -> str | None:
        with suppress(ClientError):
            taken = wharf.upload(path, profile="transactions", project_id=project_id, idempotency_key=key)
            return str(taken["job_id"])
        return None

    return eventually(sent, "the file to be taken")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_with_an_image_of_others_is_well_formed(composed: Project, profile: str) -> None:
    """These images are not at hand here: that Compose understands the profile is checked, not that it runs."""
    assert PROFILES[profile] <= set(composed.compose("--profile", profile, "config", "--services").split())
