"""A job as the API shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ENDED = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is; `rate` is in units a second, `total` is None while nobody knows it."""

    current: int = 0
    total: int | None = None
    percent: float = 0.0
    unit: str = "steps"
    stage: str = ""
    message: str = ""
    rate: float | None = None
    eta_seconds: float | None = None

    @classmethod
    def of(cls, document: dict[str, Any] | None) -> Progress:
        """Read the API's `progress`; fields that this version does not know are left out."""
        known = {name: value for name, value in (document or {}).items() if name in cls.__slots__}
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Job:
    """One unit of work; `document` is the whole answer of the API."""

    job_id: str
    kind: str
    status: str
    progress: Progress
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    document: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Job:
        """Read the API's `Job`."""
        return cls(
            job_id=str(document["job_id"]),
            kind=str(document.get("kind", "")),
            status=str(document["status"]),
            progress=Progress.of(document.get("progress")),
            error=document.get("error"),
            result=document.get("result"),
            document=document,
        )

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        """Whether it did what it was asked to do."""
        return self.status == "completed"
