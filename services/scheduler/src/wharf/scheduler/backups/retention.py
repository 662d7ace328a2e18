"""Which backups are kept: a pure decision."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from wharf.common.backups import Backup

Period = Callable[[datetime], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days, weeks and months with a backup the newest of each is kept."""

    daily: int
    weekly: int
    monthly: int

    def superfluous(self, backups: Iterable[Backup]) -> list[Backup]:
        """Those that no rule keeps, oldest first. The newest that was restored on trial is never among them."""
        newest_first = sorted(backups, key=lambda one: one.manifest.created_at, reverse=True)
        kept = {one.id for one in newest_first if one.verified} and {
            next(one.id for one in newest_first if one.verified)
        }
        for period, most in ((_day, self.daily), (_week, self.weekly), (_month, self.monthly)):
            kept |= _newest_of_each(newest_first, period, most)
        return [one for one in reversed(newest_first) if one.id not in kept]


def _newest_of_each(newest_first: Iterable[Backup], period: Period, most: int) -> set[UUID]:
    found: dict[tuple[int, ...], UUID] = {}
    for one in newest_first:
        found.setdefault(period(one.manifest.created_at), one.id)
    return set(list(found.values())[:most])


def _day(at: datetime) -> tuple[int, ...]:
    return (at.year, at.month, at.day)


def _week(at: datetime) -> tuple[int, ...]:
    return at.isocalendar()[:2]


def _month(at: datetime) -> tuple[int, ...]:
    return (at.year, at.month)
