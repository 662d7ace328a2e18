"""The schedules that every installation has, in its own time zone: the platform may change or disable them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from wharf.common.jobs.kinds import BACKUP, BENCHMARK, CLEANUP, HEALTH, REPORTS, Kind
from wharf.common.schedules.policies import Misfire, Overlap


@dataclass(frozen=True)
class Builtin:
    """One of them; `grace_seconds` is how late it may begin and still be on time."""

    name: str
    cron: str
    kind: Kind[Any]
    payload: Mapping[str, Any] = field(default_factory=dict)
    overlap: Overlap = Overlap.SKIP
    misfire: Misfire = Misfire.RUN_ONCE
    grace_seconds: int = 300

    def payload_in(self, zone: ZoneInfo) -> dict[str, Any]:
        """What its jobs are told in an installation of that zone."""
        zoned = "time_zone" in self.kind.payload.model_fields
        return dict(self.payload) | ({"time_zone": zone.key} if zoned else {})


BUILTIN: tuple[Builtin, ...] = (
    Builtin("cleanup", "30 3 * * *", CLEANUP),
    Builtin("weekly_reports", "0 8 * * MON", REPORTS, {"report": "weekly"}),
    Builtin("monthly_reports", "0 8 1 * *", REPORTS, {"report": "monthly"}),
    Builtin("backup", "0 2 * * *", BACKUP),
    Builtin("backup-verify", "0 4 * * SUN", BACKUP, {"action": "verify"}),
    # What was not looked at then cannot be made up for now.
    Builtin("health", "* * * * *", HEALTH, misfire=Misfire.SKIP, grace_seconds=60),
    Builtin("benchmark", "0 4 * * MON", BENCHMARK, {"days": 365}),
)
