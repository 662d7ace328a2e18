from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SHOW = """
import json
from wharf.common.settings import load
from wharf.ingest_worker.app import app
from wharf.ingest_worker.settings import IngestSettings
names = ("worker_concurrency", "worker_max_tasks_per_child", "task_time_limit",
         "worker_disable_prefetch", "task_serializer", "accept_content", "timezone", "task_acks_late")
# The soft limit is not Celery's: its signal can strike inside a commit.
own = {"soft_time_limit": load(IngestSettings).soft_time_limit}
print(json.dumps({name: app.conf[name] for name in names} | own))
"""


def configuration(folder: Path, **said: str) -> dict[str, Any]:
    """What Celery is told when a worker starts with these settings."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WHARF_")} | {
        "WHARF_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "WHARF_REDIS_URL": "redis://127.0.0.1:1/0",
        "WHARF_BROKER_URL": "redis://127.0.0.1:1/1",
        "WHARF_STORAGE_URL": folder.as_uri(),
        **said,
    }
    command = [sys.executable, "-c", SHOW]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_worker_has_the_limits_that_the_documents_name(tmp_path: Path) -> None:
    """Ten and fifteen minutes, a new child after 1,000 tasks, nothing fetched ahead, JSON, UTC."""
    found = configuration(tmp_path)
    assert (found["soft_time_limit"], found["task_time_limit"]) == (600, 900)
    assert found["worker_max_tasks_per_child"] == 1000
    assert found["worker_disable_prefetch"]
    assert not found["task_acks_late"]
    assert (found["task_serializer"], found["accept_content"], found["timezone"]) == ("json", ["json"], "UTC")


@pytest.mark.parametrize(
    ("variable", "name", "value"),
    [
        ("WHARF_TIME_LIMIT", "task_time_limit", 1800),
        ("WHARF_SOFT_TIME_LIMIT", "soft_time_limit", 60),
        ("WHARF_CONCURRENCY", "worker_concurrency", 4),
        ("WHARF_MAX_JOBS_PER_CHILD", "worker_max_tasks_per_child", 10),
    ],
)
def test_each_limit_can_be_said(tmp_path: Path, variable: str, name: str, value: int) -> None:
    """Thirty minutes, or four processes, as other systems had it."""
    assert configuration(tmp_path, **{variable: str(value)})[name] == value
