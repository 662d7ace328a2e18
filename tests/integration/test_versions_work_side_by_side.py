"""While a new version is rolled out the one before goes on: its processes run here, from the repository's history."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from wharf.local.ports import HOST, Ports
from wharf.local.samples import Expected, write_transactions
from wharf.local.services import answers
from wharf.local.trial import Trial, eventually

BEFORE = "f0bb13cf822817548ac4f009313a24dc00570bcf"
"""The last commit before the newest migration: set it when you add one."""
ROOT = Path(__file__).parents[2]
MEMBERS = ("libs/common", "services/gateway", "services/ingest-worker")
MIGRATIONS = "libs/common/src/wharf/common/ledger/migrations/versions"
ROWS = 3_000
Start = Callable[..., psutil.Process]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the version before."""
    folder = tmp_path_factory.mktemp("earlier")
    made = subprocess.run(["git", "archive", BEFORE, *MEMBERS], cwd=ROOT, capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this copy of the repository has no history to take the version before from")
    subprocess.run(["tar", "-x"], cwd=folder, input=made.stdout, check=True)
    *_, previous, newest = sorted((ROOT / MIGRATIONS).glob("0*.py"))
    assert (folder / MIGRATIONS / previous.name).exists()
    assert not (folder / MIGRATIONS / newest.name).exists(), (
        "set BEFORE to the last commit without the newest migration"
    )
    return folder


@pytest.fixture
def start(wharf: Trial, earlier: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a service of the version before, as one more of that name in the running stack."""
    path = os.pathsep.join(str(earlier / member / "src") for member in MEMBERS)

    def begin(name: str, module: str, **settings: str) -> psutil.Popen:
        inherited = psutil.Process(wharf.connection.processes[name]).environ()
        own = {"WHARF_METRICS_PORT": "0", "WHARF_HEARTBEAT_FILE": str(tmp_path / name), "PYTHONPATH": path}
        with (tmp_path / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", module]
            environment = inherited | own | {"WHARF_METRICS_DIR": str(tmp_path / "metrics")} | settings
            started = psutil.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
        stopping.callback(stop, started)
        return started

    with ExitStack() as stopping:
        yield begin


def stop(service: psutil.Popen) -> None:
    """In order, or else by force."""
    service.terminate()
    try:
        service.wait(20)
    except psutil.TimeoutExpired:
        service.kill()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    """A file, and what must become of it."""
    path = tmp_path_factory.mktemp("sample") / "sales.csv"
    return path, write_transactions(path, ROWS, seed=21, bad=5)


@contextmanager
def standing_still(wharf: Trial, name: str) -> Iterator[None]:
    """While this lasts the stack's own service takes nothing."""
    main = psutil.Process(wharf.connection.processes[name])
    family = [main, *main.children()]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            process.resume()


def test_a_worker_of_the_version_before_works_on_the_new_schema(
    wharf: Trial, start: Start, sample: tuple[Path, Expected], project: str, tmp_path: Path
) -> None:
    """A migration only adds: claim, load, merge and end go on as before."""
    old = start("ingest-worker", "wharf.ingest_worker")
    eventually((tmp_path / "ingest-worker").exists, "the old worker to be ready")
    path, expected = sample
    with standing_still(wharf, "ingest-worker"):
        job = wharf.load(path, profile="transactions", project_id=project)
    assert job["status"] == "completed", job["error"]
    assert (job["status"], job["result"]["inserted"]) == ("completed", expected.good), job["error"]
    rejects = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/rejects").raise_for_status().json()["items"]
    assert [bool(reject["assigned"]) for reject in rejects] == [True] * len(expected.rejects)
    worker = wharf.one("SELECT worker FROM wharf.attempts WHERE job_id = %s AND outcome = 'complete'", job["job_id"])
    assert int(worker.rsplit(":", 1)[1]) in {child.pid for child in old.children()}


def test_jobs_and_messages_of_the_version_before_are_understood(
    wharf: Trial, start: Start, sample: tuple[Path, Expected], project: str, tmp_path: Path
) -> None:
    """An old gateway takes the file, writes the job and rings; the new worker loads it. So with a package."""
    port = Ports(tmp_path / "ports").pick("old")
    start("gateway", "wharf.gateway", WHARF_PORT=str(port))
    url = f"http://{HOST}:{port}"
    eventually(lambda: answers(f"{url}/livez"), "the old gateway to be ready")
    path, expected = sample
    headers = {"Authorization": f"Bearer {wharf.connection.api_key}"}
    with path.open("rb") as file:
        taken = httpx.post(
            f"{url}/api/v1/uploads",
            headers=headers,
            data={"profile": "transactions", "project_id": project},
            files={"file": (path.name, file)},
            timeout=30,
        )
    assert taken.status_code == httpx.codes.ACCEPTED, taken.text
    job = wharf.ended(taken.json()["job_id"])
    assert (job["status"], job["result"]["inserted"]) == ("completed", expected.good), job["error"]
    wish = {"package_type": "transactions_report", "project_id": project, "options": {"sections": ["by_store"]}}
    ordered = httpx.post(f"{url}/api/v1/packages", headers=headers, json=wish, timeout=30)
    assert ordered.status_code == httpx.codes.ACCEPTED, ordered.text
    package = wharf.ended(ordered.json()["job_id"])
    assert (package["status"], package["result"]["package_type"]) == ("completed", "transactions_report")
