"""For how many days what is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from wharf.scheduler.settings import SchedulerSettings


@dataclass(frozen=True, slots=True)
class Retention:
    """The installation's, in whole days: the settings `WHARF_KEEP_…_DAYS`."""

    uploads: int
    rejects: int
    staging: int
    dry_runs: int
    undo: int
    packages: int
    logs: int
    attempts: int
    deliveries: int
    runs: int

    @classmethod
    def of(cls, settings: SchedulerSettings) -> Self:
        """As they were set."""
        return cls(**{one.name: getattr(settings, f"keep_{one.name}_days") for one in fields(cls)})
