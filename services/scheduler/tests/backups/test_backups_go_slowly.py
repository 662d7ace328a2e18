"""A backup leaves the machine to others: a rest for each piece of work, and none for anything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from wharf.common.backups import Backups
from wharf.common.clock import new_id
from wharf.common.errors import Cancelled
from wharf.common.settings import BackupStorageSettings
from wharf.scheduler.backups.dump import Dump
from wharf.scheduler.backups.pace import LEAST_SECONDS, MOST_SECONDS, STEP_SECONDS, Check, Pace


def never() -> None:
    """Nothing stops the work."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that have passed; a rest lets them pass."""
    passed = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])

    def rest(seconds: float) -> None:
        assert seconds <= STEP_SECONDS
        passed[0] += seconds

    monkeypatch.setattr(time, "sleep", rest)
    return passed


def work(pace: Pace, clock: list[float], *pieces: float) -> None:
    for seconds in pieces:
        with pace.piece():
            clock[0] += seconds


@pytest.mark.parametrize("rests", [0.0, 1.0, 2.0])
def test_it_rests_as_long_as_it_worked(clock: list[float], rests: float) -> None:
    """Short pieces are added up, long ones are rested for at once."""
    work(Pace(never, rests), clock, *(LEAST_SECONDS / 4,) * 40, 1.5)
    assert clock[0] == pytest.approx((LEAST_SECONDS * 10 + 1.5) * (1 + rests))


def test_what_is_no_work_is_not_rested_for(clock: list[float]) -> None:
    """The server is idle while the storage takes an hour; a piece that waited for an hour gets a short rest."""
    pace = Pace(never)
    work(pace, clock, LEAST_SECONDS / 2)
    clock[0] += 3600
    work(pace, clock, LEAST_SECONDS / 2)
    assert clock[0] == pytest.approx(3600 + LEAST_SECONDS * 2)
    work(pace, clock, 3600)
    assert clock[0] == pytest.approx(7200 + LEAST_SECONDS * 2 + MOST_SECONDS)


def test_a_rest_ends_for_who_is_cancelled(clock: list[float]) -> None:
    """Also in the middle of it."""

    def cancelled() -> None:
        if clock[0] > MOST_SECONDS + STEP_SECONDS:
            raise Cancelled

    with pytest.raises(Cancelled):
        work(Pace(cancelled), clock, MOST_SECONDS)
    assert clock[0] == MOST_SECONDS + 2 * STEP_SECONDS


@dataclass
class Recording(Pace):
    """Rests as said, and remembers what was work."""

    check: Check = never
    rests: float = 0.0
    pieces: int = 0
    at_work: bool = field(default=False)

    @contextmanager
    def piece(self) -> Iterator[None]:
        """As the real one."""
        self.pieces += 1
        with super().piece():
            self.at_work = True
            yield
            self.at_work = False


def test_all_that_the_server_does_for_a_backup_is_work(backend, ledger, tmp_path):
    """Counting each table, dumping, reading back; what the storage does is none."""
    backups, pace = Backups.open(BackupStorageSettings(storage_url=tmp_path.as_uri())), Recording()
    stages = []

    def told(_bytes: int) -> None:
        stages.append((pace.pieces, pace.at_work))

    made = Dump(backend.backup_url, backups, "", pace, told).make(new_id(), 1, never)
    counted, dumped = stages[0][0], stages[-1][0]
    assert counted > len(made.manifest.tables)
    assert pace.pieces > dumped
    assert not any(at_work for _, at_work in stages)
