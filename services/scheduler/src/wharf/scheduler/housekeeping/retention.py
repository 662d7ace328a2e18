"""For how long what is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from wharf.scheduler.settings import SchedulerSettings


@dataclass(frozen=True, slots=True)
class Retention:
    """The installation's, in whole days: the settings `WHARF_KEEP_…_DAYS`; and `WHARF_ORPHAN_SECONDS`."""

    uploads: int
    rejects: int
    dry_runs: int
    undo: int
    packages: int
    logs: int
    attempts: int
    deliveries: int
    runs: int
    orphan_seconds: float
    """How old an object that no row knows must be: the same for all of them, since they may be wanted again."""

    @classmethod
    def of(cls, settings: SchedulerSettings) -> Self:
        """As they were set."""
        names = [one.name for one in fields(cls) if one.name != "orphan_seconds"]
        days = {name: getattr(settings, f"keep_{name}_days") for name in names}
        return cls(**days, orphan_seconds=settings.orphan_seconds)
