"""`/api/v1/ws`: who may open it, what goes through it, how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from wharf.common.access import Role
from wharf.common.clock import new_id

DEADLINE = 20.0
Open = Callable[..., ClientConnection]


@pytest.fixture
def dial(tenant) -> Iterator[Open]:
    """Open a socket, with the viewer's key in the handshake unless another (or none) is given."""
    with ExitStack() as stack:

        def start(path: str = "", *, key: str | None = "", url: str | None = None, **headers: str) -> ClientConnection:
            key = tenant.keys["viewer"] if key == "" else key
            given = headers | ({"Authorization": f"Bearer {key}"} if key else {})
            address = (url or tenant.gateway.url).replace("http", "ws", 1) + "/api/v1/ws" + path
            return stack.enter_context(connect(address, additional_headers=given, open_timeout=DEADLINE))

        yield start


def heard(socket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    found: dict[str, Any] = json.loads(socket.recv(timeout=DEADLINE))
    return found


def closed(socket: ClientConnection) -> int:
    """The code with which the socket is closed; what comes before it does not matter."""
    with suppress(ConnectionClosed):
        while True:
            socket.recv(timeout=DEADLINE)
    assert socket.close_code
    return socket.close_code


def test_a_socket_of_a_job_begins_with_the_ledger_and_ends_with_the_job(tenant, dial):
    """First what the job is like, then progress and log lines with their types, then 1000."""
    job = tenant.job()
    socket = dial(f"?job_id={job.job_id}")
    first = heard(socket)
    assert (first["type"], first["job_id"], first["status"]) == ("job.queued", str(job.job_id), "queued")
    assert first["links"] == job.links
    running = tenant.move(job, status="running", started_at=datetime.now(UTC))
    assert heard(socket)["type"] == "job.running"
    half = running.model_copy(update={"progress": running.progress.model_copy(update={"current": 5, "percent": 50.0})})
    tenant.feed.tell(half, tenant.id, "job.progress")
    told = heard(socket)
    assert (told["type"], told["progress"]["percent"]) == ("job.progress", 50.0)
    tenant.feed.tell_log(job.job_id, tenant.id, {"level": "info", "event": "import.merged", "fields": {"rows": 5}})
    line = heard(socket)
    assert (line["type"], line["job_id"], line["event"]) == ("job.log", str(job.job_id), "import.merged")
    tenant.move(running, status="completed", result=json.dumps({"rows_read": 5}))
    last = heard(socket)
    assert (last["type"], last["result"]) == ("job.completed", {"rows_read": 5})
    assert closed(socket) == 1000


def test_a_socket_of_an_ended_job_is_its_end(tenant, dial):
    """One message, and 1000."""
    job = tenant.move(tenant.job(), tell=False, status="completed")
    socket = dial(f"?job_id={job.job_id}")
    assert heard(socket)["type"] == "job.completed"
    assert closed(socket) == 1000


def test_without_a_job_a_socket_tells_of_all_and_stays(tenant, dial):
    """All jobs of the tenant, those that begin later too; the end of one does not end it."""
    first = tenant.job()
    socket = dial()
    assert heard(socket)["job_id"] == str(first.job_id)
    tenant.move(first, status="completed")
    assert heard(socket)["type"] == "job.completed"
    later = tenant.job()
    tenant.feed.tell(later, tenant.id)
    assert heard(socket)["job_id"] == str(later.job_id)


def test_nothing_of_another_tenant_goes_through(make_tenant, tenant, dial):
    """Neither what another tenant's jobs are like nor what happens to them; nor another project's for its key."""
    stranger = make_tenant()
    bound = tenant.key(Role.VIEWER, project_id="p1")["key"]
    everything, project = dial(), dial(key=bound)
    own, other, foreign = tenant.job(project_id="p1"), tenant.job(project_id="p2"), stranger.job(project_id="p1")
    for view, whose in ((foreign, stranger), (other, tenant), (own, tenant)):
        whose.feed.tell(view, whose.id)
    assert {heard(everything)["job_id"], heard(everything)["job_id"]} == {str(own.job_id), str(other.job_id)}
    assert heard(project)["job_id"] == str(own.job_id)


def test_the_key_may_come_in_the_first_message(tenant, dial):
    """As browsers send it, which cannot send headers; what comes after it is ignored."""
    job = tenant.job()
    socket = dial(key=None)
    socket.send(json.dumps({"type": "auth", "key": tenant.keys["viewer"]}))
    assert heard(socket)["job_id"] == str(job.job_id)
    socket.send("hello")
    socket.send(json.dumps({"type": "auth", "key": "wk_0123456789ab_wrong"}))
    tenant.move(job, status="completed")
    assert heard(socket)["type"] == "job.completed"


@pytest.mark.parametrize("message", ["", "[]", '{"type": "auth"}', '{"type": "auth", "key": 1}', b"\0", '{"key": "x"}'])
def test_a_first_message_without_a_key_is_4401(dial, message):
    """Whatever it is."""
    socket = dial(key=None)
    socket.send(message)
    assert closed(socket) == 4401


def test_a_wrong_key_is_4401(dial, tenant):
    """In the handshake and in the first message."""
    assert closed(dial(key="wk_0123456789ab_wrong")) == 4401
    socket = dial(key=None)
    socket.send(json.dumps({"type": "auth", "key": "wk_0123456789ab_wrong"}))
    assert closed(socket) == 4401


def test_who_says_nothing_is_closed(serve, dial):
    """A socket without a key is not waited for for ever."""
    assert closed(dial(key=None, url=serve(events_auth_seconds=0.1).url)) == 4401


def test_what_is_not_there_is_4404_and_what_is_wrong_4400(make_tenant, tenant, dial, backend):
    """Another tenant's job is like one that never was; the platform's key sees no tenant."""
    foreign = make_tenant().job()
    for job_id in (foreign.job_id, new_id()):
        assert closed(dial(f"?job_id={job_id}")) == 4404
    assert closed(dial("?job_id=abc-123")) == 4400
    assert closed(dial("?format=xml")) == 4400
    assert closed(dial(key=backend.platform_key)) == 4403


def test_pages_of_other_sites_are_refused(tenant, dial):
    """By their Origin, in the handshake; a page of our own is not."""
    for origin in ("https://evil.example", "null", "http://[", tenant.gateway.url + "0"):
        with pytest.raises(InvalidStatus) as refusal:
            dial(Origin=origin)
        assert refusal.value.response.status_code == 403
        assert json.loads(refusal.value.response.body)["code"] == "foreign_origin"
    tenant.job()
    assert heard(dial(Origin=tenant.gateway.url))["type"] == "job.queued"


def test_a_revoked_key_ends_an_open_socket(tenant, dial):
    """4401 at the next check."""
    made = tenant.key(Role.VIEWER)
    socket = dial(key=made["key"])
    with tenant.client() as client:
        assert client.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    assert closed(socket) == 4401


def test_sockets_and_streams_share_their_limit(serve, dial, tenant):
    """Those that have not said who they are count too; where there is no room the handshake is 503."""
    gateway = serve(events_max_streams=1, events_auth_seconds=30)
    waiting = dial(key=None, url=gateway.url)
    with pytest.raises(InvalidStatus) as refusal:
        dial(url=gateway.url)
    assert refusal.value.response.status_code == 503
    with tenant.client(url=gateway.url) as client:
        assert client.get("/api/v1/events").status_code == 503
    waiting.close()
    tenant.job()
    assert heard(dial(url=gateway.url))["type"] == "job.queued"


def test_a_large_message_is_refused(dial):
    """Nobody has more to say than a key."""
    socket = dial(key=None)
    socket.send("x" * 100_000)
    assert closed(socket) == 1009


def test_a_stop_tells_clients_to_come_again(serve, dial, tenant):
    """1012, at once."""
    gateway = serve()
    tenant.job()
    socket = dial(url=gateway.url)
    heard(socket)
    gateway.stop()
    assert closed(socket) == 1012


def test_silence_is_filled_with_pings(serve, dial, tenant):
    """The server asks whether the client is there, so that proxies do not cut the socket."""
    socket = dial(url=serve(events_keepalive_seconds=0.1).url)
    pinged = []
    receive = socket.protocol.receive_data
    socket.protocol.receive_data = lambda data: (pinged.append(data[0] == 0x89), receive(data))
    with pytest.raises(TimeoutError):
        socket.recv(timeout=1)
    assert any(pinged)


def test_the_log_format_is_what_synapses_client_reads(tenant, dial):
    """`context.task_id`, `context.percent` and `message` of each frame; a log line cannot be taken for progress."""
    job = tenant.job()
    socket = dial("?format=log")
    first = heard(socket)
    assert first == {
        "level": "INFO",
        "message": "Waiting to start...",
        "source": "CELERY",
        "action_type": "PROGRESS",
        "context": {"task_id": str(job.job_id), "percent": 0, "current": 0, "total": 100},
    }
    running = tenant.move(job, tell=False, status="running")
    progress = {"current": 250, "percent": 25.0, "message": "Reading and checking rows"}
    tenant.feed.tell(
        running.model_copy(update={"progress": running.progress.model_copy(update=progress)}), tenant.id, "job.progress"
    )
    told = heard(socket)
    assert (told["message"], told["action_type"]) == ("Reading and checking rows", "PROGRESS")
    assert told["context"] == {"task_id": str(job.job_id), "percent": 25, "current": 250, "total": 1000}
    tenant.feed.tell_log(job.job_id, tenant.id, {"level": "warning", "event": "import.slow", "fields": {}})
    line = heard(socket)
    assert (line["level"], line["action_type"], line["context"]) == ("WARNING", "LOG", None)
    error = {"code": "no_rows", "message": "The file has no rows.", "detail": None, "retryable": False}
    tenant.move(running, status="failed", error=json.dumps(error))
    last = heard(socket)
    assert (last["level"], last["message"]) == ("ERROR", "The file has no rows.")


def test_an_http_request_is_no_socket(tenant):
    """A GET of the socket's address is 404, not an error of ours."""
    assert httpx.get(f"{tenant.gateway.url}/api/v1/ws").status_code == 404
