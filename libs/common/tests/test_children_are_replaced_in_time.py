"""A worker's children are replaced after so many jobs, and nobody waits for one that leaves."""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import SimpleNamespace

from celery.concurrency.prefork import TaskPool

from wharf.common.queues import Queue
from wharf.common.runtime.celery import celery_app
from wharf.common.runtime.pool import Child, Children, Pool

FD = 7


def children_after(jobs: int, most: int | None) -> set[int]:
    """Which of the children (there is one) count as busy once theirs have ended."""
    busy: set[int] = set()
    pool = Children.__new__(Children)
    pool._fileno_to_inq = {FD: SimpleNamespace()}
    pool._maxtasksperchild = most
    pool._mark_worker_as_available = busy.discard
    for _ in range(jobs):
        busy.add(FD)
        pool.on_job_ready(None, None, None, FD)
    return busy


def test_a_child_is_idle_after_each_job_but_its_last():
    """What a leaving child is given would wait until somebody notices that it is gone."""
    assert children_after(2, most=3) == set()
    assert children_after(3, most=3) == {FD}


def test_without_a_limit_a_child_is_always_idle_after_its_job():
    """Nobody leaves, so nobody is left out."""
    assert children_after(3, most=None) == set()


def test_a_child_that_is_gone_already_is_forgotten():
    """Its successor may have its file descriptor."""
    busy = {FD}
    pool = Children.__new__(Children)
    pool._fileno_to_inq = {}
    pool._mark_worker_as_available = busy.discard
    pool.on_job_ready(None, None, None, FD)
    assert busy == set()


class Counter:
    """What the main process has heard of a child: one more of its jobs each time that it is looked at."""

    def __init__(self) -> None:
        self.heard = 0

    @property
    def value(self) -> int:
        """How many jobs."""
        self.heard += 1
        return self.heard


def test_a_child_leaves_once_its_last_job_was_heard_of(monkeypatch):
    """Not before: its result would be lost. And it does not sleep for longer than it takes the other to read."""
    slept: list[float] = []
    monkeypatch.setattr("wharf.common.runtime.pool.time.sleep", slept.append)
    child = Child.__new__(Child)
    child.on_ready_counter = Counter()
    assert child._ensure_messages_consumed(completed=4)
    assert child.on_ready_counter.heard == 4
    assert sum(slept) < 0.02


def test_a_child_that_nobody_hears_leaves_in_the_end(monkeypatch):
    """Its main process may hang."""
    monkeypatch.setattr("wharf.common.runtime.pool.LONGEST_SECONDS", -1.0)
    child = Child.__new__(Child)
    child.on_ready_counter = SimpleNamespace(value=0)
    assert not child._ensure_messages_consumed(completed=1)


class Loop:
    """Kombu's: what is to be called later is called at once."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def call_later(self, seconds: float, call: Callable[..., None], *arguments: object) -> None:
        """Now."""
        self.pauses.append(seconds)
        call(*arguments)


def test_a_child_that_has_closed_its_files_is_looked_at_until_it_is_gone():
    """The first look may come too early, and the next one of Celery's is five seconds later."""
    child, looks, loop = SimpleNamespace(), [], Loop()
    pool = Children.__new__(Children)
    pool._pool = [child]
    pool._untrack_child_process = lambda *_: None

    def look() -> None:
        looks.append(child)
        if len(looks) == 12:
            pool._pool.remove(child)

    pool.maintain_pool = look
    pool._event_process_exit(loop, child)
    assert len(looks) == 12
    assert loop.pauses[:3] == [0.002, 0.004, 0.008]
    assert loop.pauses[-2:] == [1.0, 1.0]


def test_what_a_child_left_unread_is_read_before_it_is_forgotten(monkeypatch):
    """Of one that is gone and left nothing, nobody waits for more."""
    asked: list[object] = []
    monkeypatch.setattr(
        "celery.concurrency.asynpool.AsynPool.process_flush_queues", lambda _pool, one: asked.append(one)
    )
    states = {"lives": (None, False), "left something": (0, True), "left nothing": (0, False)}
    pool = Children.__new__(Children)
    for code, unread in states.values():
        reader = SimpleNamespace(poll=lambda _seconds, unread=unread: unread)
        pool.process_flush_queues(SimpleNamespace(exitcode=code, outq=SimpleNamespace(_reader=reader)))
    assert [one.exitcode for one in asked] == [None, 0]


def test_what_each_child_needs_is_loaded_before_they_are_made(monkeypatch):
    """Once, in the main process."""
    asked: list[int] = []
    monkeypatch.setattr(TaskPool, "on_start", lambda _pool: None)
    monkeypatch.setattr("wharf.common.runtime.pool.get_pdeathsig", lambda: asked.append(1))
    pool = Pool.__new__(Pool)
    pool.app = celery_app("test", "redis://127.0.0.1:1/0", (Queue.INGEST,))
    pool.on_start()
    gc.unfreeze()
    assert pool.app._backend is not None
    assert len(asked) == 1


def test_workers_use_that_pool():
    """It is Celery's prefork pool but for this, whichever way a worker is started."""
    app = celery_app("test", "redis://127.0.0.1:1/0", (Queue.INGEST,))
    assert app.conf.worker_pool == f"{Pool.__module__}:{Pool.__qualname__}"
    assert issubclass(Pool, TaskPool)
    assert Pool.Pool is Children
    assert Children.Worker is Child
