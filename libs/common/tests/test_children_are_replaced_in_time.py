"""A worker's children are replaced after so many jobs, and nobody waits for one that leaves."""

from __future__ import annotations

from types import SimpleNamespace

from celery.concurrency.prefork import TaskPool

from wharf.common.queues import Queue
from wharf.common.runtime.celery import celery_app
from wharf.common.runtime.pool import Children, Pool

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


def test_workers_use_that_pool():
    """It is Celery's prefork pool but for this, whichever way a worker is started."""
    app = celery_app("test", "redis://127.0.0.1:1/0", (Queue.INGEST,))
    assert app.conf.worker_pool == f"{Pool.__module__}:{Pool.__qualname__}"
    assert issubclass(Pool, TaskPool)
    assert Pool.Pool is Children
