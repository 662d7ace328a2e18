"""A worker takes a message for each child, and the next one when a child gives notice that its job ends."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from wharf.common.runtime import pool as pools
from wharf.common.runtime.notice import Notices
from wharf.common.runtime.pool import Children, Pool

FD, PID = 7, 4711


@pytest.fixture
def notices(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notices]:
    """A pipe of the test's own, whose writer has the child's pid."""
    made = Notices()
    made.open()
    monkeypatch.setattr(pools, "NOTICES", made)
    monkeypatch.setattr("wharf.common.runtime.notice.os.getpid", lambda: PID)
    return made


@pytest.fixture
def pool(notices: Notices) -> Pool:
    """Of one child, which is replaced after three jobs."""
    assert notices.fileno()
    child = SimpleNamespace(pid=PID)
    children = Children.__new__(Children)
    children._pool, children._processes = [child], 1
    children._fileno_to_inq = {FD: child}
    children._maxtasksperchild = 3
    children._mark_worker_as_available = lambda _fd: None
    made = Pool.__new__(Pool)
    made._pool = children
    return made


def end_of_a_job(pool: Pool) -> None:
    """The main process hears of it."""
    pool._pool.on_job_ready(None, None, None, FD)


def room(pool: Pool) -> int:
    """After what was given notice of has been read."""
    pool._pool._read_notices()
    return pool.room


def test_there_is_room_for_another_message_from_the_notice_to_the_end(pool: Pool, notices: Notices) -> None:
    """Not before, so that no job waits behind a long one; and not after."""
    notices.begin()
    assert room(pool) == 1
    notices.give()
    assert room(pool) == 2
    end_of_a_job(pool)
    assert room(pool) == 1


def test_a_notice_that_is_read_after_the_end_is_none(pool: Pool, notices: Notices) -> None:
    """The child may be at a long job by then."""
    notices.begin()
    notices.give()
    end_of_a_job(pool)
    assert room(pool) == 1


def test_a_child_that_leaves_has_no_next_job(pool: Pool, notices: Notices) -> None:
    """What it were given would wait for its successor."""
    for _ in range(2):
        notices.begin()
        end_of_a_job(pool)
    notices.begin()
    notices.give()
    assert room(pool) == 1


def test_a_child_that_is_gone_makes_no_room(pool: Pool, notices: Notices) -> None:
    """Neither by what it wrote before, nor by what is read of it after."""
    notices.begin()
    notices.give()
    assert room(pool) == 2
    notices.give()
    pool._pool._pool.clear()
    assert room(pool) == 1


def test_nobody_waits_for_a_main_process_that_does_not_read(notices: Notices) -> None:
    """A notice more or less: the end is worth more."""
    for _ in range(10_000):
        notices.give()
    assert (PID, 0) in list(notices.read())
