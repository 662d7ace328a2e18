"""Structured logs: one JSON object a line on stdout, the same fields from every service.

`timestamp level event service` and, where they are known, `request_id job_id attempt tenant_id queue kind`.
Never row data, keys or file contents: what is logged is named at the call, nothing is dumped.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING

import orjson
import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

FRAMES = 30

# The last two say for each message what the runtime's own lines say better.
QUIET = (
    "urllib3",
    "httpx",
    "httpcore",
    "asyncio",
    "kombu",
    "amqp",
    "alembic",
    "celery.worker.strategy",
    "celery.app.trace",
)


def get_logger() -> structlog.stdlib.BoundLogger:
    """The logger that everything in Wharf writes to."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger


def configure_logs(service: str, level: str) -> None:
    """Send our lines and those of the libraries through one pipeline to stdout."""

    def name_service(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        name_service,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    _configure_structlog(shared, level)
    _configure_stdlib(shared, level)


def _configure_structlog(shared: list[Processor], level: str) -> None:
    # Not through the standard library's logging: its records and handlers cost several times the line itself.
    structlog.configure(
        processors=[*shared, show_error, structlog.processors.JSONRenderer(serializer=_dumps)],
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )


def _configure_stdlib(shared: list[Processor], level: str) -> None:
    rendering: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        show_error,
        structlog.processors.JSONRenderer(serializer=_dumps),
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=rendering, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def show_error(_logger: object, _method: str, event: EventDict) -> EventDict:
    """An error as its class, its SQLSTATE and the places it came through, but never its text.

    The text of a foreign error may hold a row: PostgreSQL quotes the one that failed, Python a value it could not read.
    """
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = f"{type(error).__module__}.{type(error).__qualname__}"
        event["sqlstate"] = getattr(getattr(error, "orig", error), "sqlstate", None)
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
        event["trace"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _error_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        error: BaseException | None = exc_info[1]
        return error
    return sys.exc_info()[1] if exc_info else None


def _dumps(value: object, **_options: object) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode()
