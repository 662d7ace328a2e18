"""What can go wrong, in our own words.

Every error that leaves a function of Wharf on purpose is one of three kinds:

* `Transient`: the world was not ready; the runtime tries the job again.
* `Permanent`: trying again cannot help.
* `Invalid`: what the user gave cannot be used; says what and where.

An exception of any other class is one that nobody classified: the runtime treats it as transient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: where it is, a stable code, a sentence."""

    loc: str
    code: str
    message: str


class WharfError(Exception):
    """Anything that Wharf says about a failure: a stable `code` and a sentence that tells what to do."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False
    cause: ClassVar[str] = "permanent"
    """What `wharf_jobs_failed_total` calls a job that fails for it."""

    def __init__(self, message: str, *, code: str | None = None, detail: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.detail = detail or {}

    def as_dict(self) -> dict[str, object]:
        """The `error` of a job as the contract shows it."""
        return {
            "code": self.error_code,
            "message": self.message,
            "detail": self.detail or None,
            "retryable": self.retryable,
        }


class Transient(WharfError):
    """The world was not ready (a connection, a lock, a time-out): the runtime tries again."""

    code = "transient"
    retryable = True
    cause = "exhausted"
    """Where it fails a job there were no tries left."""


class Permanent(WharfError):
    """Trying again cannot help: the job ends as failed."""

    code = "permanent"


class Invalid(WharfError):
    """The user's input cannot be used: `problems` say what and where."""

    code = "invalid_input"
    cause = "input"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        detail: dict[str, object] | None = None,
        problems: tuple[Problem, ...] = (),
    ) -> None:
        super().__init__(message, code=code, detail=detail)
        self.problems = problems

    def as_dict(self) -> dict[str, object]:
        """With its cause, which the ledger alone keeps: who reads a part's error learns what it was."""
        return super().as_dict() | {"cause": self.cause}


class NotFound(Invalid):
    """There is no such thing in this tenant. The same answer as for another tenant's thing."""

    code = "not_found"


class Gone(NotFound):
    """The thing was there, and was removed when its time was over."""

    code = "gone"


class Conflict(Invalid):
    """The thing is in a state that does not allow this."""

    code = "conflict"


class Unauthorized(Invalid):
    """No valid key came with the request."""

    code = "unauthorized"


class Forbidden(Invalid):
    """The key's role does not allow this."""

    code = "forbidden"


class TooLarge(Invalid):
    """The body is larger than the installation's limit."""

    code = "too_large"


class OutOfRange(Invalid):
    """The part of a file that is asked for lies beyond its end."""

    code = "range_not_satisfiable"


class Cancelled(WharfError):
    """The job's cancel flag was seen; the runtime rolls back and ends the job as cancelled."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("The job was cancelled.")


class Fenced(WharfError):
    """This attempt has lost its lease: another one owns the job, nothing of this one may be committed."""

    code = "fenced"


class GivenBack(WharfError):
    """The worker stops: the attempt is given back with its last checkpoint, and counts as neither failed nor dead."""

    code = "given_back"
    retryable = True


class Waits(WharfError):
    """The attempt has divided its work into parts: the job goes on when they have ended."""

    code = "waits"

    def __init__(self) -> None:
        super().__init__("The job waits for its parts.")


class TimeLimit(Permanent):
    """The job took longer than it may."""

    code = "time_limit"
