"""What became of a canary: a pure decision over its job's row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from wharf.common.jobs.kinds import ECHO, IMPORT, PACKAGE
from wharf.common.jobs.states import ENDED, Status

LATE = timedelta(minutes=5)
"""A canary that has not come through by then is told of as a failure."""
GONE, WRONG = "job_gone", "wrong_result"
DONE: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    IMPORT.name: lambda result: result.get("inserted") == 1,
    PACKAGE.name: lambda result: len(result.get("files", ())) == 1,
    ECHO.name: lambda result: "message" in result,
}
"""Whether a job's result is what its canary was sent for, by the kind of the job."""


class Outcome(StrEnum):
    """How the way of a canary ended."""

    OK = "ok"
    FAILED = "failed"
    LATE = "late"
    """It has not ended in time."""
    PAUSED = "paused"
    """Its queue rests: nothing is wrong, and nothing is known."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A canary that nobody has accounted for, with its job as it is now: without a status it is gone."""

    sent_at: datetime
    paused: bool
    kind: str = ""
    status: Status | None = None
    result: Mapping[str, Any] | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, and of a failure the code."""

    outcome: Outcome
    code: str | None = None


def judge(sent: Sent, now: datetime) -> Verdict | None:
    """What is known of it now; None while it is under way."""
    if sent.status is None:
        return Verdict(Outcome.FAILED, GONE)
    if sent.status in ENDED:
        return _of_ended(sent)
    if sent.paused:
        return Verdict(Outcome.PAUSED)
    return Verdict(Outcome.LATE, sent.code or sent.status) if now - sent.sent_at > LATE else None


def _of_ended(sent: Sent) -> Verdict:
    if sent.status is not Status.COMPLETED:
        return Verdict(Outcome.FAILED, sent.code)
    done = DONE[sent.kind](sent.result or {})
    return Verdict(Outcome.OK) if done else Verdict(Outcome.FAILED, WRONG)
