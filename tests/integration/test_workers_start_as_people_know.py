from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wharf.local.address import as_role, next_redis_database
from wharf.local.credentials import Credentials
from wharf.local.trial import Trial, eventually

COMMANDS = {
    "ingest worker": ["wharf.ingest_worker.app", "worker", "--concurrency=1"],
    "another queue": ["wharf.ingest_worker.app", "worker", "--concurrency=1", "-Q", "ingest-bulk"],
    "a pool of Celery's own": ["wharf.ingest_worker.app", "worker", "-P", "solo"],
    "package worker": ["wharf.package_worker.app", "worker", "--concurrency=1"],
    "maintenance worker": ["wharf.scheduler.app", "worker", "--concurrency=1"],
    "beat": ["wharf.scheduler.app", "beat"],
}


@pytest.fixture
def environment(wharf: Trial, tmp_path: Path) -> dict[str, str]:
    """What a service is told, under the names that other systems use where there are such."""
    kept = Credentials.keep(wharf.stack.folder.secrets, lambda: "never made")
    connection = wharf.connection
    return {k: v for k, v in os.environ.items() if not k.startswith("WHARF_")} | {
        "DATABASE_URL": as_role(connection.database_url, "wharf_app", kept.app_password),
        "REDIS_URL": connection.redis_url,
        # Queues of its own: the stack's workers must not get what this worker should, nor the other way round.
        "CELERY_BROKER_URL": next_redis_database(next_redis_database(connection.redis_url)),
        "WHARF_STORAGE_URL": (tmp_path / "objects").as_uri(),
        "WHARF_HEARTBEAT_FILE": str(tmp_path / "alive"),
    }


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_celery_starts_each_service(environment: dict[str, str], tmp_path: Path, arguments: list[str]) -> None:
    """`celery -A … worker` and `… beat` start, touch the heartbeat file, log JSON, and stop on SIGTERM."""
    module, *rest = arguments
    command = [sys.executable, "-m", "celery", "--quiet", "-A", module, *rest]
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=subprocess.DEVNULL)
    try:
        eventually((tmp_path / "alive").exists, "the heartbeat file")
        eventually(lambda: "beat" in rest or b" ready." in (tmp_path / "log").read_bytes(), "the worker to be ready")
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
    finally:
        service.kill()
        service.wait(30)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text("utf-8").splitlines() if line.startswith("{")]
    assert {line["service"] for line in lines} <= {"ingest-worker", "package-worker", "scheduler"}
    assert lines or "beat" in rest


def test_a_missing_setting_is_one_sentence(tmp_path: Path) -> None:
    """Each service's own command ends with exit code 2 and names the variables."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WHARF_", "DATABASE", "REDIS", "CELERY"))}
    for module in ("wharf.gateway", "wharf.ingest_worker", "wharf.package_worker", "wharf.scheduler"):
        command = [sys.executable, "-m", module]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert "WHARF_DATABASE_URL" in done.stderr
        assert "Traceback" not in done.stderr
