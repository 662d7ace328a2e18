"""What alerts about backups need, as the ledger knows it: every scheduler tells the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from wharf.common.jobs.kinds import BACKUP, BackupPayload
from wharf.common.jobs.submission import Order, write_job
from wharf.common.schedules.policies import INSTALLATION
from wharf.scheduler.observing import of_the_ledger

OF_BACKUPS = ("wharf_backup_", "wharf_installed_")
END = "UPDATE wharf.jobs SET status = %s, finished_at = %s, result = %s, error = %s WHERE id = %s"


@pytest.fixture
def end(ledger) -> Callable[..., None]:
    """A job of backups that ended on that day of January, as its worker leaves it."""

    def write(action: str, day: int, size: int | None = None, code: str = "backup_differs") -> None:
        with ledger.app.tenant(INSTALLATION) as connection:
            written = write_job(connection, Order(INSTALLATION, "default", BACKUP, BackupPayload(action=action)))
        status, result = ("completed", f'{{"bytes": {size}, "seconds": 2.5}}') if size else ("failed", None)
        error = None if size else f'{{"code": "{code}"}}'
        ledger.ask(END, status, f"2026-01-0{day}T02:00:00Z", result, error, written.view.job_id)

    return write


@pytest.fixture
def told(ledger, observed) -> Callable[[], dict[str, float]]:
    """What Prometheus is told of backups."""

    def look() -> dict[str, float]:
        found = observed(of_the_ledger(ledger.dispatch))
        return {name: value for (name, *_), value in found.items() if name.startswith(OF_BACKUPS)}

    return look


def at(day: int) -> float:
    return datetime(2026, 1, day, 2, tzinfo=UTC).timestamp()


def test_where_there_is_none_only_the_installation_is_told(ledger, told):
    """A moment that never was is missing: the rules take the installation's instead."""
    (row,) = ledger.ask("SELECT created_at FROM wharf.tenants WHERE id = %s", INSTALLATION)
    since = row["created_at"].timestamp()
    assert told() == {"wharf_installed_timestamp_seconds": pytest.approx(since), "wharf_backup_trial_failed": 0}


def test_the_newest_backup_and_trial_are_told(end, told):
    """Those that succeeded; what failed later makes them no newer."""
    end("make", 2, 200)
    end("make", 1, 100)
    end("make", 3)
    end("verify", 4, 200)
    end("verify", 5, 400)
    seen = told()
    assert seen["wharf_backup_last_success_timestamp_seconds"] == at(2)
    assert (seen["wharf_backup_bytes"], seen["wharf_backup_seconds"]) == (200, 2.5)
    assert seen["wharf_backup_last_verified_timestamp_seconds"] == at(5)
    assert seen["wharf_backup_trial_failed"] == 0


def test_a_trial_that_failed_is_told_until_one_is_whole(end, told):
    """Whatever became of the backups themselves."""
    end("verify", 2)
    end("make", 3, 100)
    assert told()["wharf_backup_trial_failed"] == 1
    end("verify", 4, 100)
    assert told()["wharf_backup_trial_failed"] == 0
    end("verify", 5)
    assert told()["wharf_backup_trial_failed"] == 1


def test_a_trial_that_never_began_is_no_failed_one(end, told):
    """Another backup, or another trial, was at work all the time that it waited: nothing is known to be wrong."""
    end("verify", 2, 100)
    end("verify", 3, code="backup_at_work")
    assert told()["wharf_backup_trial_failed"] == 0
