"""What a webhook can be told of. The ends of jobs are written by the trigger on `wharf.jobs`."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """The type of a message."""

    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    REPORT_READY = "report.ready"
    TEST = "webhook.test"
    """Sent when somebody asks for it, whatever the webhook names."""


EVENTS = tuple(event for event in Event if event is not Event.TEST)
"""Those that a webhook can name."""
