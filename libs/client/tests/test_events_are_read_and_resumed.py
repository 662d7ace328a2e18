from __future__ import annotations

import httpx
import pytest

from wharf.client.api import WharfClient
from wharf.client.failure import ClientError
from wharf.client.following import Following
from wharf.client.job import ENDED
from wharf.client.sse import parse_events
from wharf.client.testing import JOB, KEY, Gateway, event_bytes, job_document
from wharf.common.jobs import states

EVENTS = f"GET /api/v1/jobs/{JOB}/events"
STATE = f"GET /api/v1/jobs/{JOB}"


def progress(current: int) -> bytes:
    document = job_document(progress={"current": current, "total": 100})
    return event_bytes("job.progress", document, f"{current}-0")


def completed() -> bytes:
    return event_bytes("job.completed", job_document("completed"), "900-0")


def test_the_client_knows_the_states_that_end_a_job() -> None:
    """The client imports nothing of the services, so this is written twice: it stays the same."""
    assert frozenset(str(status) for status in states.ENDED) == ENDED


def test_events_are_parsed_wherever_the_network_cuts_them() -> None:
    """Each byte may come alone; comments are passed over, data of several lines is one value."""
    stream = (
        b': hello\r\n\r\nevent: job.log\r\nid: 7-0\r\ndata: {"line":\r\ndata: {"event": "x"}}\r\n\r\ndata: {"a": 1}\n\n'
    )
    events = list(parse_events(bytes([byte]) for byte in stream))
    assert [(e.type, e.id, e.data) for e in events] == [
        ("job.log", "7-0", {"line": {"event": "x"}}),
        ("message", "7-0", {"a": 1}),
    ]


def test_a_line_separator_inside_json_is_no_end_of_a_line() -> None:
    """U+2028 and NEL may stand in a file's name; only CR and LF end a line of a stream."""
    label = "a\u2028b\x85c"
    [event] = parse_events([f'data: {{"label": "{label}"}}\n\n'.encode()])
    assert event.data == {"label": label}


def test_an_event_that_the_stream_breaks_off_is_dropped() -> None:
    """Half an event is none: it comes again after the resume."""
    assert list(parse_events([b'event: job.progress\ndata: {"a": 1}\n'])) == []


def test_following_ends_with_the_job(gateway: Gateway) -> None:
    """A stream that stays open after the end holds nobody up."""
    gateway.streams = [[progress(10), completed()]]
    gateway.release.clear()
    with WharfClient(gateway.url, KEY) as wharf:
        jobs = list(wharf.follow(JOB))
    assert [(job.status, job.progress.current) for job in jobs] == [("running", 10), ("completed", 0)]


def test_a_stream_that_breaks_is_resumed_after_the_last_event(gateway: Gateway) -> None:
    """The second request names the last id that the first one brought, and nothing is asked twice."""
    gateway.streams = [[progress(10), progress(20)], [progress(30), completed()]]
    with WharfClient(gateway.url, KEY) as wharf:
        events = list(wharf.events(JOB))
    assert [event.id for event in events] == ["10-0", "20-0", "30-0", "900-0"]
    assert [one.headers.get("last-event-id") for one in gateway.requests(EVENTS)] == [None, "20-0"]


def test_without_streams_the_job_is_polled(gateway: Gateway) -> None:
    """A proxy that lets no stream through costs liveliness, not the answer."""
    moving = job_document(progress={"current": 5, "total": 10})
    gateway.says(STATE, moving, moving, job_document("failed", error={"code": "x", "message": "No."}))
    pauses: list[float] = []
    with WharfClient(gateway.url, KEY) as wharf, httpx.Client(base_url=gateway.url) as http:
        following = Following(http, f"/api/v1/jobs/{JOB}/events", lambda: wharf.job(JOB), pauses.append)
        events = list(following.events())
    assert [event.type for event in events] == ["job.progress", "job.failed"]
    assert events[-1].ended
    assert len(pauses) >= 3


def test_an_event_without_the_job_sends_the_client_to_the_ledger(gateway: Gateway) -> None:
    """The dispatcher may not see jobs: it says that one moved, and the client asks what it is like."""
    gateway.streams = [[event_bytes("job.failed", {"job_id": JOB, "job": None}, "5-0")]]
    gateway.says(STATE, job_document("failed", error={"code": "poison", "message": "It died three times."}))
    with WharfClient(gateway.url, KEY) as wharf:
        [job] = wharf.follow(JOB)
    assert job.error == {"code": "poison", "message": "It died three times."}


def test_a_job_that_is_not_there_is_no_reason_to_wait(gateway: Gateway) -> None:
    """A refusal ends the following with the server's sentence, at once."""
    gateway.says(EVENTS, {"title": "Not Found", "detail": "There is no such job."}, status=404)
    with (
        WharfClient(gateway.url, KEY) as wharf,
        pytest.raises(ClientError, match=r"^There is no such job\.$") as caught,
    ):
        list(wharf.follow(JOB))
    assert caught.value.status == 404
    assert len(gateway.asked) == 1
