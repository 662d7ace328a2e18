"""Traces: off by default; a request's goes with its message, and a job's links to it."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from wharf.common import tracing
from wharf.common.doorbell import Doorbell
from wharf.common.errors import Invalid
from wharf.common.queues import Priority, Queue
from wharf.common.runtime.celery import celery_app
from wharf.common.startup import check_traces
from wharf.common.tracing import HEADER, STANDARD, Traces

ELSEWHERE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector:
    """What was exported to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.services: list[str] = []
        self.spans: dict[str, object] = {}

    def take(self, body: bytes) -> None:
        """Read an export as a collector does."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services += [a.value.string_value for a in resource.resource.attributes if a.key == "service.name"]
            self.spans |= {span.name: span for scope in resource.scope_spans for span in scope.spans}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """One that listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            found.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Collector(f"http://127.0.0.1:{server.server_address[1]}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


@pytest.fixture
def traces(collector: Collector) -> Traces:
    """Those that go there."""
    made = Traces()
    made.begin("tests", f"{collector.url}/")
    return made


def test_nothing_is_traced_unless_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No endpoint, no spans, and no link in a message."""
    for name in STANDARD:
        monkeypatch.delenv(name, raising=False)
    off = Traces()
    off.begin("tests", None)
    with off.span("x", link=ELSEWHERE):
        off.note("y", status="fine")
        assert off.here() is None
    off.end()


def test_a_job_is_a_trace_of_its_own_with_a_link_to_its_request(collector: Collector, traces: Traces) -> None:
    """The request goes on a trace of its client; the job does not, but leads there."""
    with traces.span("POST", parent=ELSEWHERE, request_id="r-1"):
        traces.note("POST /api/v1/uploads", status=202)
        submitted = traces.here()
    with traces.span("job import", link=submitted, job_id="j-1", attempt=2):
        traces.note(status="completed", code=None)
    traces.end()
    request, job = collector.spans["POST /api/v1/uploads"], collector.spans["job import"]
    assert set(collector.services) == {"wharf-tests"}
    assert request.trace_id.hex() == ELSEWHERE.split("-")[1]
    assert job.trace_id != request.trace_id
    assert [(link.trace_id, link.span_id) for link in job.links] == [(request.trace_id, request.span_id)]
    said = {a.key: a.value.string_value or a.value.int_value for a in job.attributes}
    assert said == {"job_id": "j-1", "attempt": 2, "status": "completed"}


def test_an_error_s_text_is_not_exported(collector: Collector, traces: Traces) -> None:
    """It may quote a row."""
    with pytest.raises(ValueError, match="Alice"), traces.span("job import"):
        raise ValueError("Key (customer)=(Alice Smith)")
    traces.end()
    span = collector.spans["job import"]
    assert "Alice" not in str(span)
    assert span.status.message == "ValueError"


@pytest.mark.parametrize("trace", [ELSEWHERE, None])
def test_a_message_carries_where_it_came_from(trace: str | None) -> None:
    """In a header beside the ids, not among them."""
    with celery_app("test", "memory://") as app:
        Doorbell(app).ring(uuid4(), 1, "echo", "maintenance", Priority.NORMAL, trace=trace)
        with app.connection_for_read() as connection:
            message = connection.default_channel.basic_get(Queue.MAINTENANCE.value)
    assert message.headers.get(HEADER) == trace
    assert set(message.payload[1]) == {"job_id", "attempt", "version"}


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our setting without OpenTelemetry cannot work; its own variables may be meant for others, and stop nobody."""
    monkeypatch.setattr(tracing, "EXPORTER", "opentelemetry_that_is_not_there.exporter")
    with pytest.raises(Invalid, match=r"wharf-common\[traces\]"):
        check_traces("http://127.0.0.1:1")
    check_traces(None)
    monkeypatch.setenv(STANDARD[0], "http://127.0.0.1:1")
    off = Traces()
    off.begin("tests", None)
    with off.span("x"):
        assert off.here() is None
