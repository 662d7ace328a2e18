"""Traces, off unless an OTLP endpoint is set: from the request through its message to the job, joined by links.

A job is no child of the request that submitted it: it may begin hours later, and is tried several times. Each attempt
is a trace of its own with a link to the request's. The link travels in the message that the gateway itself sends; one
that the dispatcher sends later has none. Spans name kinds, ids and codes; never rows, files or keys.

OpenTelemetry is the extra `traces` of wharf-common; what is off is never imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from wharf.common.logs import get_logger

if TYPE_CHECKING:  # the extra may not be installed
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Link, Span

STANDARD = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""OpenTelemetry's own variables."""
EXPORTER = "opentelemetry.exporter.otlp.proto.http"
HEADER = "traceparent"
"""W3C Trace Context: the header of requests, and of our messages."""


def installed() -> bool:
    """Whether OpenTelemetry is there."""
    try:
        return find_spec(EXPORTER) is not None
    except ModuleNotFoundError:  # not even the package that it is in
        return False


class Traces:
    """Of one process. A worker's child begins its own: a thread that exports does not survive a fork."""

    def __init__(self) -> None:
        self._provider: TracerProvider | None = None

    def begin(self, service: str, endpoint: str | None) -> None:
        """Export to `endpoint`, or to where the standard variables say; without either nothing is done."""
        if not endpoint and not any(map(os.environ.get, STANDARD)):
            return
        if not installed():
            get_logger().warning("traces.not_installed", extra="wharf-common[traces]")
            return
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces") if endpoint else OTLPSpanExporter()
        self._provider = TracerProvider(resource=Resource.create({"service.name": f"wharf-{service}"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))

    def end(self) -> None:
        """Export what is left."""
        if self._provider is not None:
            self._provider.shutdown()
            self._provider = None

    @contextmanager
    def span(
        self, name: str, *, parent: str | None = None, link: str | None = None, **said: str | int
    ) -> Iterator[None]:
        """One piece of work; `parent` and `link` are `traceparent`s of elsewhere."""
        if self._provider is None:
            yield
            return
        # The library would export an error's text, which may hold a row.
        begun = self._provider.get_tracer("wharf").start_as_current_span(
            name,
            context=_context(parent),
            links=_links(link),
            attributes=said,
            record_exception=False,
            set_status_on_exception=False,
        )
        with begun as span:
            try:
                yield
            except Exception as error:
                _fail(span, error)
                raise

    def note(self, name: str | None = None, **said: str | int | None) -> None:
        """Say more about the span that is under way, or call it by a better name."""
        span = self._current()
        if span is None:
            return
        if name is not None:
            span.update_name(name)
        span.set_attributes({key: value for key, value in said.items() if value is not None})

    def here(self) -> str | None:
        """The `traceparent` of the span that is under way."""
        span = self._current()
        if span is None or not span.get_span_context().is_valid:
            return None
        context = span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def _current(self) -> Span | None:
        if self._provider is None:
            return None
        from opentelemetry.trace import get_current_span  # noqa: PLC0415 - as above

        return get_current_span()


def _fail(span: Span, error: Exception) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - an extra

    span.set_status(StatusCode.ERROR, type(error).__qualname__)


def _context(parent: str | None) -> Context | None:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - an extra

    return TraceContextTextMapPropagator().extract({HEADER: parent}) if parent else None


def _links(link: str | None) -> list[Link]:
    from opentelemetry.trace import Link, get_current_span  # noqa: PLC0415 - an extra

    context = _context(link)
    found = get_current_span(context).get_span_context() if context is not None else None
    return [Link(found)] if found is not None and found.is_valid else []


TRACES = Traces()
"""This process'."""
