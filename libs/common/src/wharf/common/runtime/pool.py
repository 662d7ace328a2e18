"""Celery's prefork pool, where it costs little to replace a child.

- Celery takes a child whose last job has just ended for an idle one. What it is given in the second before it is gone
  waits until somebody notices: up to five seconds, while its neighbours have nothing to do.
- It collects garbage before each fork: with our libraries that stops the main loop, and so all children, for 80 ms.
"""

from __future__ import annotations

import gc
from typing import Any

from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool


class Children(AsynPool):  # type: ignore[misc]  # Celery has no types
    """The processes, and which of them may be given a job."""

    def on_job_ready(self, job: object, i: object, obj: object, inqW_fd: int) -> None:  # noqa: N803 - Celery's signature
        """A child has finished a job: it is idle, or it leaves and counts as busy until its successor is there."""
        child = self._fileno_to_inq.get(inqW_fd)
        if child is None or not self._leaves(child):
            super().on_job_ready(job, i, obj, inqW_fd)

    def _leaves(self, child: Any) -> bool:  # noqa: ANN401 - billiard's process
        """Whether that was the last job of this child."""
        child.jobs_done = getattr(child, "jobs_done", 0) + 1
        return bool(self._maxtasksperchild and child.jobs_done >= self._maxtasksperchild)


class Pool(TaskPool):  # type: ignore[misc]  # Celery has no types
    """What `worker_pool` names."""

    Pool = Children

    def on_start(self) -> None:
        """Fork the first children. What is loaded by now stays: nobody looks through it for garbage again."""
        gc.collect()
        gc.freeze()
        super().on_start()
