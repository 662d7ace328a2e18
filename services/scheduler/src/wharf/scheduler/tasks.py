"""The kinds of job that the maintenance worker runs."""

from __future__ import annotations

from typing import Any

from wharf.common.jobs.kinds import ECHO, EchoPayload
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.implementation import Implementation


def echo(context: JobContext[EchoPayload]) -> dict[str, Any]:
    """Give the message back."""
    context.report(1, 1, stage="echo", message=context.payload.message)
    return {"message": context.payload.message}


IMPLEMENTATIONS: tuple[Implementation[Any], ...] = (Implementation(ECHO, echo),)
