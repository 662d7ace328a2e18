"""Retention: the newest backup of each of the last days, weeks and months that have one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from wharf.common.backups import Backup, Manifest, Verification
from wharf.common.clock import new_id
from wharf.common.errors import Invalid
from wharf.common.settings import load
from wharf.scheduler.backups.retention import Retention
from wharf.scheduler.settings import BackupSettings

LAST = datetime(2026, 3, 31, 2, tzinfo=UTC)
"""A Tuesday."""


def backup(at: datetime, *, verified: bool = False) -> Backup:
    about = {"seconds": 1, "key": "k", "bytes": 1, "sha256": "", "compression": "1", "server_version": "18.4"}
    manifest = Manifest(id=new_id(), created_at=at, revision="0012", tables=(), **about)
    return Backup(manifest, Verification(at=at, passed=True, seconds=1) if verified else None)


def kept(backups: Iterable[Backup], retention: Retention) -> list[str]:
    """The days of those that stay."""
    gone = {one.id for one in retention.superfluous(backups)}
    return [f"{one.manifest.created_at:%m-%d}" for one in backups if one.id not in gone]


@pytest.mark.parametrize(
    ("retention", "stay"),
    [
        (Retention(1, 1, 1), ["03-31"]),
        (Retention(3, 1, 1), ["03-31", "03-30", "03-29"]),
        (Retention(1, 3, 1), ["03-31", "03-29", "03-22"]),
        (Retention(1, 1, 3), ["03-31", "02-28", "01-31"]),
        (Retention(2, 2, 2), ["03-31", "03-30", "03-29", "02-28"]),
    ],
    ids=str,
)
def test_the_newest_of_each_day_week_and_month_stays(retention: Retention, stay: list[str]) -> None:
    """One may stand for its day, its week and its month at once."""
    assert kept([backup(LAST - timedelta(days=days)) for days in range(90)], retention) == stay


def test_days_without_a_backup_do_not_count() -> None:
    """After a week without one the old ones are still there; of two on a day the later one stays."""
    days = [0, 0, 8, 9, 10]
    backups = [backup(LAST - timedelta(days=day, hours=nth)) for nth, day in enumerate(days)]
    assert kept(backups, Retention(3, 1, 1)) == ["03-31", "03-23", "03-21"]


def test_the_newest_that_was_restored_on_trial_is_never_let_go() -> None:
    """It may be the only one that can be relied on; older ones of those go like all others."""
    backups = [backup(LAST - timedelta(days=days), verified=days in {9, 10}) for days in range(20)]
    assert kept(backups, Retention(2, 1, 1)) == ["03-31", "03-30", "03-22"]


@pytest.mark.parametrize("name", ["DAILY", "WEEKLY", "MONTHLY"])
def test_to_keep_none_is_refused(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """The service does not start, and says which setting and why."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHARF_STORAGE_URL", "file:///x")
    monkeypatch.setenv(f"WHARF_BACKUP_KEEP_{name}", "0")
    with pytest.raises(Invalid, match=rf"WHARF_BACKUP_KEEP_{name} \(.*keep at least 1: with 0 there would be no"):
        load(BackupSettings)
