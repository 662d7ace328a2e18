"""What becomes of an occurrence that finds another one still at work, or that comes too late."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

INSTALLATION = UUID(int=0)
"""The tenant of what belongs to nobody's data but to the installation; it has no keys, no list shows it."""


class Overlap(StrEnum):
    """What an occurrence does while a job of its schedule has not ended."""

    SKIP = "skip"
    """Nothing: it is noted as skipped."""
    QUEUE = "queue"
    """It waits, and starts when those before it have ended."""
    REPLACE = "replace"
    """It cancels the job, and starts when that has ended; others that wait are skipped."""


class Misfire(StrEnum):
    """What becomes of occurrences that are later than their schedule's grace, as after a time without a scheduler."""

    RUN_ONCE = "run_once"
    """The latest of them starts one job, the others are noted as missed."""
    SKIP = "skip"
    """All are noted as missed."""


class Outcome(StrEnum):
    """What became of an occurrence."""

    STARTED = "started"
    WAITING = "waiting"
    SKIPPED = "skipped"
    MISSED = "missed"
