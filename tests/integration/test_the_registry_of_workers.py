from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil

from wharf.local.samples import write_transactions
from wharf.local.trial import Trial, eventually


def registered(wharf: Trial) -> dict[int, tuple[str, tuple[str, ...], bool]]:
    """By pid: service, queues, and whether it was seen lately."""
    rows = wharf.ask("SELECT pid, service, queues, alive FROM wharf.list_workers()")
    return {row["pid"]: (row["service"], tuple(row["queues"]), row["alive"]) for row in rows}


def test_every_worker_of_the_stack_is_registered(wharf: Trial) -> None:
    """Its main process, its queues, and that it lives."""
    pids = {name: pid for name, pid in wharf.connection.processes.items() if name.endswith("worker")}
    found = eventually(lambda: known if set(pids.values()) <= (known := registered(wharf)).keys() else None, "all")
    assert found[pids["ingest-worker"]] == ("ingest-worker", ("ingest",), True)
    assert found[pids["ingest-bulk-worker"]] == ("ingest-worker", ("ingest-bulk",), True)
    assert found[pids["maintenance-worker"]] == ("scheduler", ("maintenance",), True)


def test_a_worker_tells_what_it_works_on(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The job by the process that has its lease, and the memory of all its processes."""
    write_transactions(tmp_path / "large.csv", 300_000, seed=15)
    job_id = wharf.upload(tmp_path / "large.csv", profile="transactions", project_id=project)["job_id"]

    def holders() -> list[dict[str, Any]]:
        workers = wharf.api.get("/api/v1/workers").raise_for_status().json()["items"]
        # Which processes are a worker's it tells with its next heartbeat: until then it has the job and no number.
        holds = [one for one in workers if job_id in [held["job"]["job_id"] for held in one["jobs"]]]
        return [one for one in holds if one["running"] >= 1]

    (worker,) = eventually(holders, "who has the job")
    assert (worker["service"], worker["draining_since"]) == ("ingest-worker", None)
    assert worker["memory_bytes"] > 10_000_000
    wharf.ended(job_id)


def test_who_starts_again_buries_those_who_were_killed(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Main process and child killed at once: nobody is left to tell, and the next worker of the place does."""
    path = tmp_path / "large.csv"
    expected = write_transactions(path, 300_000, seed=14)
    job_id = wharf.upload(path, profile="transactions", project_id=project)["job_id"]
    lease = eventually(lambda: wharf.ask("SELECT worker FROM wharf.leases WHERE job_id = %s", job_id), "its start")
    child = psutil.Process(int(lease[0]["worker"].rsplit(":", 1)[1]))
    os.kill(child.pid, signal.SIGSTOP)
    main = child.parent()
    assert main is not None
    main.kill()
    child.kill()
    job = wharf.ended(job_id)
    assert (job["status"], job["result"]["inserted"]) == ("completed", expected.good), job["error"]
    log = (wharf.stack.folder.logs / "ingest-worker.log").read_text("utf-8")
    assert [line for line in log.splitlines() if "registry.lease_of_the_dead" in line and job_id in line]
