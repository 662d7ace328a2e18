"""The five systems' clients: whose key counts where they bring none, over HTTP and over their sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from wharf.common.clock import new_id
from wharf.common.errors import Invalid
from wharf.common.settings import load
from wharf.gateway.resources import Resources
from wharf.gateway.sessions import COOKIE
from wharf.gateway.settings import GatewaySettings

DEADLINE = 20.0
CSV = b"transaction_id,date,quantity,unit_price\nt1,2025-01-02,2,3.50\n"
FILE = {"file": ("data.csv", CSV, "text/csv")}
POSTS = (
    ("/api/upload", {}),
    ("/api/v1/ingestion/upload-csv", {"project_id": "proj-001"}),
    ("/api/processing/upload/", {}),
    ("/api/processing/upload", {}),
    ("/data-ingestion/uploads/", {}),
    ("/data-ingestion/uploads", {}),
)
EMPTY = {"column": "tag", "code": "required", "message": "It needs a value."}
CUT = {"column": None, "code": "too_few_cells", "message": "It ends too early."}
ROWS = [{"line": 3, "errors": [EMPTY]}, {"line": 4, "errors": [EMPTY, CUT]}]
FIRST = "2 of 3 rows have errors. The first: line 3, tag: It needs a value."
ERROR = {"code": "rows_rejected", "message": FIRST, "detail": {"rejected": 2, "rows": ROWS}, "retryable": False}
WHY = f"{FIRST} Rows: line 4, tag: It needs a value.; line 4: It ends too early."


@pytest.fixture
def keyless(tenant, serve, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client that brings no key, of a gateway that lends it the tenant's operator's."""
    file = tmp_path / "key"
    file.write_text(tenant.keys["operator"] + "\n")
    with httpx.Client(base_url=serve(legacy_key_file=file).url, timeout=DEADLINE) as client:
        yield client


def test_clients_without_a_key_stand_under_the_legacy_key(keyless, tenant):
    """On their routes, for reading and writing; on no other route."""
    for path, form in POSTS:
        assert keyless.post(path, files=FILE, data=form).status_code == 200, path
    assert tenant.count("uploads") == len(POSTS)
    job = tenant.job()
    assert keyless.get(f"/api/job/{job.job_id}").status_code == 200
    assert keyless.get(f"/api/v1/tasks/{job.job_id}").status_code == 200
    for path in ("/api/v1/jobs", f"/api/v1/jobs/{job.job_id}", "/api/v1/events", "/api/v1/keys"):
        assert keyless.get(path).status_code == 401
    assert keyless.post("/api/v1/uploads", files=FILE).status_code == 401


def test_a_key_that_is_brought_counts(keyless, make_tenant, tenant):
    """Another tenant's key sees its own; a wrong one is not replaced by the legacy key."""
    stranger = make_tenant()
    job = tenant.job()
    other = {"Authorization": f"Bearer {stranger.keys['viewer']}"}
    assert keyless.get(f"/api/job/{job.job_id}", headers=other).status_code == 404
    assert keyless.get(f"/api/job/{job.job_id}", headers={"X-API-Key": "wk_0123456789ab_no"}).status_code == 401


def test_a_page_of_another_site_gets_no_key_lent(keyless, tenant):
    """Or any page in the world could upload through its visitor's browser."""
    for origin in ("https://evil.example", "null"):
        answer = keyless.post("/api/upload", files=FILE, headers={"Origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert tenant.count("uploads") == 0
    assert keyless.post("/api/upload", files=FILE, headers={"Origin": str(keyless.base_url)}).status_code == 200


def test_a_session_that_has_ended_is_nobodys(keyless, tenant, dial):
    """A browser that still keeps its cookie is lent the key as one without: over HTTP, through a socket, from here."""
    cookie = f"{COOKIE}=ws_{'x' * 43}"
    assert keyless.post("/api/upload", files=FILE, headers={"Cookie": cookie}).status_code == 200
    foreign = {"Cookie": cookie, "Origin": "https://evil.example"}
    assert keyless.post("/api/upload", files=FILE, headers=foreign).json()["code"] == "foreign_origin"
    own = tenant.upload_of(tenant.job())
    assert heard(dial(keyless.base_url, f"/ws/upload/{own}", Cookie=cookie))["type"] == "upload.progress"
    assert keyless.get("/api/v1/jobs", headers={"Cookie": cookie}).status_code == 401


def test_a_legacy_key_that_is_none_stops_the_start(backend, tmp_path, monkeypatch):
    """One sentence that names the setting, and not what is in the file."""
    file = tmp_path / "key"
    monkeypatch.chdir(tmp_path)
    urls = {"DATABASE": backend.app_url, "REDIS": backend.redis_url, "BROKER": backend.broker_url}
    for name, url in {**urls, "STORAGE": tmp_path.as_uri()}.items():
        monkeypatch.setenv(f"WHARF_{name}_URL", url)
    monkeypatch.setenv("WHARF_LEGACY_KEY_FILE", str(file))
    for content in (None, b"", b"secret-nonsense", b"\xff"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(Invalid, match="WHARF_LEGACY_KEY_FILE") as refusal:
            Resources.open(load(GatewaySettings))
        assert "nonsense" not in refusal.value.message
    monkeypatch.setenv("WHARF_LEGACY_KEY_FILE", "")
    unset = Resources.open(load(GatewaySettings))
    unset.close()
    assert unset.legacy_key is None


@pytest.fixture
def dial() -> Iterator[Callable[..., ClientConnection]]:
    """Open a socket."""
    with ExitStack() as stack:

        def start(url: Any, path: str, **headers: str) -> ClientConnection:
            address = str(url).replace("http", "ws", 1).rstrip("/") + path
            return stack.enter_context(connect(address, additional_headers=headers, open_timeout=DEADLINE))

        yield start


def heard(socket: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(socket.recv(timeout=DEADLINE))
    return found


def closed(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as ending:
        socket.recv(timeout=DEADLINE)
    assert ending.value.rcvd
    return ending.value.rcvd.code


@pytest.mark.parametrize(
    ("status", "last"),
    [("completed", "upload.completed"), ("failed", "upload.failed"), ("cancelled", "upload.failed")],
)
def test_an_uploads_socket_tells_its_events_to_the_last(tenant, dial, keyless, status, last):
    """`upload.progress` while it goes on, whatever our state is called, then the end and 1000; no log lines."""
    job = tenant.job()
    upload_id = tenant.upload_of(job)
    socket = dial(keyless.base_url, f"/ws/upload/{upload_id}")
    waiting = {"type": "upload.progress", "upload_id": upload_id, "progress": 0, "message": "Waiting to start..."}
    assert heard(socket) == waiting
    running = tenant.move(job, tell=False, status="running")
    progress = running.progress.model_copy(update={"percent": 50.0, "message": "Processing..."})
    tenant.feed.tell_log(job.job_id, tenant.id, {"level": "info", "event": "import.planned", "fields": {}})
    tenant.feed.tell(running.model_copy(update={"progress": progress}), tenant.id, "job.progress")
    half = {"type": "upload.progress", "upload_id": upload_id, "progress": 50, "message": "Processing..."}
    assert heard(socket) == half
    for state in ("cancelling", "retrying"):
        tenant.move(running, status=state)
        assert heard(socket)["type"] == "upload.progress"
    tenant.move(running, status=status, **({"error": json.dumps(ERROR)} if status == "failed" else {}))
    ending = heard(socket)
    assert (ending["type"], ending["upload_id"]) == (last, upload_id)
    assert ending["message"] == {"completed": "Completed.", "failed": WHY, "cancelled": "cancelled"}[status]
    assert closed(socket) == 1000


def test_an_uploads_socket_is_the_tenants_own(tenant, make_tenant, dial, keyless, gateway):
    """Another tenant's upload, none, and one without an import are 4404; without a key and a legacy key it is 4401."""
    foreign = make_tenant()
    stored = keyless.post("/data-ingestion/uploads/", files=FILE).json()["upload_id"]
    for upload_id in (foreign.upload_of(foreign.job()), new_id(), stored, "abc-123"):
        assert closed(dial(keyless.base_url, f"/ws/upload/{upload_id}/")) == 4404
    own = tenant.upload_of(tenant.job())
    socket = dial(gateway.url, f"/ws/upload/{own}")
    socket.send("{}")
    assert closed(socket) == 4401
    with pytest.raises(InvalidStatus):
        dial(keyless.base_url, f"/ws/upload/{own}", Origin="https://evil.example")


def test_synapses_socket_needs_no_key_and_the_plain_one_does(tenant, dial, keyless):
    """`?format=log` is its client's; `/api/v1/ws` itself is nobody's old route."""
    job = tenant.job()
    assert heard(dial(keyless.base_url, "/api/v1/ws?format=log"))["context"]["task_id"] == str(job.job_id)
    plain = dial(keyless.base_url, "/api/v1/ws")
    plain.send("{}")
    assert closed(plain) == 4401


def test_a_key_told_later_replaces_the_legacy_key(tenant, make_tenant, dial, keyless):
    """From then on the socket shows that key's tenant, and not the other one."""
    stranger = make_tenant()
    first, second = tenant.job(), stranger.job()
    socket = dial(keyless.base_url, "/api/v1/ws?format=log")
    assert heard(socket)["context"]["task_id"] == str(first.job_id)
    socket.send(json.dumps({"type": "auth", "key": stranger.keys["viewer"]}))
    assert heard(socket)["context"]["task_id"] == str(second.job_id)
    tenant.move(first, status="completed")
    stranger.move(second, status="completed")
    assert heard(socket)["context"]["task_id"] == str(second.job_id)
