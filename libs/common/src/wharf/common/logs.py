"""Structured logs: one JSON object a line on stdout, the same fields from every service.

`timestamp level event service` and, where they are known, `request_id job_id attempt tenant_id queue kind`.
Never row data, keys or file contents: what is logged is named at the call, nothing is dumped. What slips through
all the same (a library's line with an address and its password) is covered on its way out.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import orjson
import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

Form = Literal["json", "console"]
FRAMES = 30
COVER = "***"
SECRET_NAMES = re.compile(r"(?i)passw|secret|token|authorization|cookie|api_?key|credential|dsn$")
"""Fields whose value is nobody's business, whatever it is."""
SECRETS = re.compile(
    r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)|\bwk_[\w-]+|\bwhsec_[\w+/=-]+|(?<=earer )[\w.~+/=-]+"  # the alphabets of base64
)
"""What is secret in any text: an address' login, our keys, webhooks' secrets, what an Authorization header carries."""

# The last two say for each message what the runtime's own lines say better.
QUIET = (
    "urllib3",
    "httpx",
    "httpcore",
    "asyncio",
    "kombu",
    "amqp",
    "celery.worker.strategy",
    "celery.app.trace",
)


def get_logger() -> structlog.stdlib.BoundLogger:
    """The logger that everything in Wharf writes to."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger()
    return logger


def configure_logs(service: str, level: str, form: Form = "json") -> None:
    """Send our lines and those of the libraries through one pipeline to stdout; `console` is for people who develop."""

    def name_service(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        name_service,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[Processor] = [show_error, cover_secrets, _renderer(form)]
    _configure_structlog([*shared, *rendering], level)
    _configure_stdlib(shared, rendering, level)


def _renderer(form: Form) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(serializer=_dumps)
    return structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), sort_keys=False)


def _configure_structlog(processors: list[Processor], level: str) -> None:
    # Not through the standard library's logging: its records and handlers cost several times the line itself.
    structlog.configure(
        processors=processors,
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )


def _configure_stdlib(shared: list[Processor], rendering: list[Processor], level: str) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering], foreign_pre_chain=shared
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def cover_secrets(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Passwords and keys, by the names of fields and by how they look, however deep they are."""
    return {name: COVER if _is_secret(name) else _covered(value) for name, value in event.items()}


@lru_cache(4096)  # the same few names, in every line
def _is_secret(name: str) -> bool:
    return SECRET_NAMES.search(name) is not None


def _covered(value: object) -> object:
    if isinstance(value, str):
        # Looking for the signs of a secret first costs a tenth of looking for secrets, and this is in every job's way.
        signed = "://" in value or "wk_" in value or "whsec_" in value or "earer " in value
        return SECRETS.sub(COVER, value) if signed else value
    if isinstance(value, Mapping):
        return cover_secrets(None, "", {str(name): inner for name, inner in value.items()})
    if isinstance(value, list | tuple):
        return [_covered(inner) for inner in value]
    return value


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
