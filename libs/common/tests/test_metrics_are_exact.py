"""Counting across processes, and what is declared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from wharf.common import metrics
from wharf.common.queues import Priority

CHILDREN, JOBS, MOST = 2, 40, 5
COUNTING = f"""
import os
from billiard.pool import Pool
from wharf.common import metrics

def job(nth):
    metrics.JOB_RETRIES.labels("import").inc()
    metrics.JOB_WAIT.labels("ingest").observe(nth)
    return os.getpid()

metrics.JOB_RETRIES.labels("import")
metrics.WORKER_SLOTS.labels("ingest").set({CHILDREN})
pool = Pool({CHILDREN}, maxtasksperchild={MOST})
pids = pool.map(job, range({JOBS}), chunksize=1)
pool.close()
pool.join()
print(len(set(pids)))
print(metrics.exposition().decode())
"""
FRESH = """
from wharf.common import metrics
from wharf.common.jobs.kinds import IMPORT
from wharf.common.queues import Queue
from wharf.common.runtime.zeros import of_a_scheduler, of_a_worker

of_a_worker([IMPORT], [Queue.INGEST])
of_a_scheduler([IMPORT], ["backup"])
print(metrics.exposition().decode())
"""


def told_by(program: str, folder: Path) -> str:
    """What a process of its own prints, which counts in files in that folder."""
    environment = os.environ | {metrics.OURS: str(folder)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def read(text: str) -> dict[tuple[str, ...], float]:
    """Its samples: the value of each name and its labels' values."""
    return {(s.name, *s.labels.values()): s.value for f in text_string_to_metric_families(text) for s in f.samples}


def test_counters_begin_with_their_process(tmp_path: Path) -> None:
    """Of a series that appears with its first event Prometheus sees no rise, and no alert hears of it."""
    text = told_by(FRESH, tmp_path)
    for kind in ("import", "canary"):
        for cause in ("input", "permanent", "exhausted", "died"):
            assert f'wharf_jobs_failed_total{{cause="{cause}",kind="{kind}",queue="ingest"}} 0.0' in text
        assert f'wharf_job_retries_total{{kind="{kind}"}} 0.0' in text
    for outcome in ("delivered", "retried", "failed", "disabled", "lost"):
        assert f'wharf_webhook_deliveries_total{{outcome="{outcome}"}} 0.0' in text
    assert {read(text)["wharf_priority_wait_seconds_count", level] for level in Priority} == {0.0}


def test_children_that_come_and_go_lose_no_count(tmp_path: Path) -> None:
    """Each does a few jobs and is replaced: totals are exact, sums too, and no file is left for each of them."""
    processes, _, text = told_by(COUNTING, tmp_path).partition("\n")
    assert int(processes) > 2 * CHILDREN
    found = read(text)
    assert found["wharf_job_retries_total", "import"] == JOBS
    assert found["wharf_job_wait_seconds_count", "ingest"] == JOBS
    assert found["wharf_job_wait_seconds_sum", "ingest"] == sum(range(JOBS))
    assert found["wharf_worker_slots", "ingest"] == CHILDREN
    slots = {re.sub(r".*_(slot\w+)\.db", r"\1", path.name) for path in tmp_path.iterdir()}
    assert slots == {"slotmain", *(f"slot{nth}" for nth in range(CHILDREN))}


def test_targets_are_bounds_of_the_histograms() -> None:
    """A second for urgent jobs, ten for high ones, a minute for normal ones, half a second for an answer."""
    assert {0.5, 1, 10, 60} <= set(metrics.SECONDS)


def test_no_label_can_grow_without_bound() -> None:
    """Jobs, tenants, projects, files, workers and pods have no bound; what they are named is in the logs."""
    unbound = {"job", "job_id", "tenant", "tenant_id", "project", "project_id", "file", "worker", "pod", "host", "pid"}
    assert not {(name, label) for name, labels in metrics.series().items() for label in labels if label in unbound}


def test_what_is_declared_is_what_is_told() -> None:
    """Every series of this process is in the list that rules and dashboards are checked against."""
    metrics.JOB_WAIT.labels("ingest")
    metrics.JOB_RETRIES.labels("import")
    told = {s.name for f in text_string_to_metric_families(metrics.exposition().decode()) for s in f.samples}
    ours = {name for name in told if name.startswith("wharf_") and not name.endswith("_created")}
    assert ours
    assert ours <= set(metrics.series())
