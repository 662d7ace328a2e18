"""What follows a failure: a pure decision."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from wharf.common.errors import Transient, WharfError
from wharf.common.jobs.kinds import Kind
from wharf.common.jobs.states import Event
from wharf.common.runtime.transients import RULES

UNEXPECTED = "unexpected"
"""The code of an error that nobody classified."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to a job whose attempt failed; `delay` in seconds where it is tried again."""

    event: Event
    delay: float = 0.0


def classify(error: Exception, kind: Kind[Any] | None = None) -> WharfError:
    """An error in our words, by the kind's own rules and then by those of all.

    One that nobody classified counts as transient. The text of a foreign error stays in the log.
    """
    if isinstance(error, WharfError):
        return error
    for rule in (*(kind.also_transient if kind else ()), *RULES):
        if rule.matches(error):
            return Transient(rule.message, code=rule.code)
    message = f"Something unexpected happened ({type(error).__name__}). Wharf tries again; the log has the details."
    return Transient(message, code=UNEXPECTED)


def judge(error: WharfError, failures: int, max_attempts: int, kind: Kind[Any]) -> Verdict:
    """Try again, or give up: `failures` counts this one."""
    if not error.retryable or failures >= max_attempts:
        return Verdict(Event.FAIL)
    return Verdict(Event.FAIL_FOR_NOW, backoff(failures, kind.first_delay, kind.longest_delay))


def backoff(failures: int, first: float, longest: float) -> float:
    """Seconds until the next try: doubling, bounded, with full jitter so that retries never come as a herd.

    See Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    """
    ceiling = min(longest, first * 2 ** max(failures - 1, 0))
    return random.uniform(0, ceiling)  # noqa: S311 - spreads load, guards nothing
