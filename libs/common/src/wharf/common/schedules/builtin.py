"""The schedules that every installation has, in its own time zone: the platform may change or disable them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wharf.common.jobs.kinds import BENCHMARK, CLEANUP, HEALTH, Kind
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


BUILTIN: tuple[Builtin, ...] = (
    Builtin("cleanup", "30 3 * * *", CLEANUP, {"keep_runs_days": 90}),
    # What was not looked at then cannot be made up for now.
    Builtin("health", "* * * * *", HEALTH, misfire=Misfire.SKIP, grace_seconds=60),
    Builtin("benchmark", "0 4 * * MON", BENCHMARK, {"days": 365}),
)
