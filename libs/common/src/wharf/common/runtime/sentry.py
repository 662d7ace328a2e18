"""Reports of bugs to Sentry, off unless `WHARF_SENTRY_DSN` is set.

A bug is an error that nobody classified: bad input, a server that is away and what a job says of itself are none.
A report is written here, field by field, from what code says of itself: nothing is collected first and scrubbed then.
No text of an error, no values of variables, no request, no file and no key can be in it.

The SDK is imported where a report may be sent, and none of its integrations are on.
"""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import SecretStr

from wharf.common.jobs.kinds import Kind
from wharf.common.runtime.retries import UNEXPECTED, classify
from wharf.common.runtime.transients import sqlstate

if TYPE_CHECKING:  # imported where it is on
    from types import TracebackType

    from sentry_sdk import Client
    from sentry_sdk.types import Event

NAMED = ("kind", "queue", "job_id")
"""What the log context knows of a job, and a report may tell."""
FLUSH_SECONDS = 2.0
"""How long the end of a process waits for a Sentry that does not answer."""
REST_SECONDS = 60.0
"""An error of one place is told once in this time: what fails with every tick must not use up the month's reports."""
LONGEST_CHAIN = 5
FRAMES = 50


class Sentry:
    """Of one process. A worker's child begins its own: the thread that sends does not survive a fork."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._pid = 0
        self._service = ""
        self._told: dict[tuple[object, ...], float] = {}

    def begin(self, service: str, dsn: SecretStr | None) -> None:
        """Send to `dsn` from now on; without one nothing is done. Once in a process."""
        if dsn is None or (self._client is not None and self._pid == os.getpid()):
            return
        from sentry_sdk import Client  # noqa: PLC0415 - who sends no reports does not load it

        # The thread that sends would load this codec: who is forked meanwhile inherits half of it, and reaches no host
        codecs.lookup("idna")
        self._service, self._pid, self._told = service, os.getpid(), {}
        self._client = Client(
            dsn.get_secret_value(),
            release=f"wharf@{version('wharf-common')}",
            server_name=f"wharf-{service}",
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            send_client_reports=False,
            enable_backpressure_handling=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
        )

    def end(self) -> None:
        """Send what is left."""
        if self._client is not None:
            self._client.close(timeout=FLUSH_SECONDS)
            self._client = None

    def report(self, error: BaseException, kind: Kind[Any] | None = None, **said: str) -> None:
        """Tell of an error if it is a bug, by the rules of its `kind` of job too; never waits for Sentry."""
        if self._client is None or not isinstance(error, Exception) or classify(error, kind).error_code != UNEXPECTED:
            return
        if self._is_new(error):
            self._client.capture_event(_event(error, {"service": self._service} | said))

    def _is_new(self, error: Exception) -> bool:
        place = (type(error), *(frame["lineno"] for frame in _lines(error.__traceback__)))
        now = time.monotonic()
        if now - self._told.get(place, -REST_SECONDS) < REST_SECONDS:
            return False
        self._told[place] = now
        return True


def _event(error: Exception, said: dict[str, str]) -> Event:
    context = structlog.contextvars.get_contextvars()
    known = {name: str(context[name]) for name in NAMED if context.get(name)}
    code = {"code": sqlstate(error) or UNEXPECTED}
    values = [_shown(one) for one in reversed(list(_chain(error)))]
    return {"level": "error", "exception": {"values": values}, "tags": code | known | said}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those behind it."""
    for _ in range(LONGEST_CHAIN):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _shown(error: BaseException) -> dict[str, Any]:
    frames = list(_lines(error.__traceback__))[-FRAMES:]
    named = {"type": type(error).__qualname__, "module": type(error).__module__}
    return named | ({"stacktrace": {"frames": frames}} if frames else {})


def _lines(trace: TracebackType | None) -> Iterator[dict[str, Any]]:
    while trace is not None:
        code = trace.tb_frame.f_code
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        ours = module.startswith("wharf.")
        yield {"module": module, "function": code.co_qualname, "lineno": trace.tb_lineno, "in_app": ours}
        trace = trace.tb_next


SENTRY = Sentry()
"""This process'."""
