"""Celery's prefork pool, where it costs little to replace a child.

As it comes, a child that has done its number of jobs is replaced after 160 ms, and now and then after five seconds:

- It looks every tenth of a second whether its last message was heard, and leaves only then.
- Its end is looked for when it has closed its files, which may be too soon, and after that every five seconds.
- From one that is gone 20 ms are waited for more, while nobody is given a job.
- Each new child loads for itself what the main process could load for all: a parser of C, for one system call, and a
  list of all installed packages, for a place of results that nobody asked for.
- A child whose last job has just ended counts as idle: what it is given in that moment waits for its successor.
- Garbage is collected before each fork: with our libraries that stops the main loop, and so all children, for 80 ms.
"""

from __future__ import annotations

import contextlib
import gc
import time
from typing import Any

from billiard.util import get_pdeathsig
from celery.concurrency.asynpool import AsynPool, Worker
from celery.concurrency.prefork import TaskPool

from wharf.common.logs import get_logger
from wharf.common.runtime.notice import NOTICES

LOOK_SECONDS = 0.002
"""Between two looks: of a child whether it was heard of, which nothing wakes it for, and for a child's end."""
LOOK_AT_MOST_SECONDS = 1.0
"""The same of a child that has closed its files and does not go."""
LONGEST_SECONDS = 30.0
"""A child waits until it is heard of."""


class Child(Worker):  # type: ignore[misc]  # Celery has no types
    """One process."""

    def _ensure_messages_consumed(self, completed: int) -> bool:
        """Wait until the main process has heard of all jobs, as billiard's does; False where it never did."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while self.on_ready_counter.value < completed:
            if time.monotonic() > deadline:
                get_logger().warning("worker.child_unheard")
                return False
            time.sleep(LOOK_SECONDS)
        return True


class Children(AsynPool):  # type: ignore[misc]  # Celery has no types
    """The processes, and which of them may be given a job."""

    Worker = Child

    def register_with_event_loop(self, hub: Any) -> None:  # noqa: ANN401 - kombu's loop
        """Watch the children, and what they give notice of."""
        super().register_with_event_loop(hub)
        hub.add_reader(NOTICES.fileno(), self._read_notices)

    @property
    def ending(self) -> int:
        """How many children have given notice that their job ends, and go on to another one."""
        return sum(self._ends(child) for child in self._pool)

    def on_job_ready(self, job: object, i: object, obj: object, inqW_fd: int) -> None:  # noqa: N803 - Celery's signature
        """A child has finished a job: it is idle, or it leaves and counts as busy until its successor is there."""
        child = self._fileno_to_inq.get(inqW_fd)
        if child is None or not self._leaves(child):
            super().on_job_ready(job, i, obj, inqW_fd)

    def process_flush_queues(self, proc: Any) -> None:  # noqa: ANN401 - billiard's process
        """Read what a child has left unread, if there is anything: one that is gone writes nothing more."""
        if proc.exitcode is None or proc.outq._reader.poll(0):  # noqa: SLF001 - billiard's
            super().process_flush_queues(proc)

    def _read_notices(self) -> None:
        children = {child.pid: child for child in self._pool}
        for pid, nth in NOTICES.read():
            if pid in children:
                children[pid].ending_job = nth

    def _ends(self, child: Any) -> bool:  # noqa: ANN401 - billiard's process
        """Whether it gave notice of the job that it is at, not of one that has ended since, and has a next one."""
        nth = getattr(child, "ending_job", 0)
        return bool(nth == getattr(child, "jobs_done", 0) + 1 and nth != self._maxtasksperchild)

    def _leaves(self, child: Any) -> bool:  # noqa: ANN401 - billiard's process
        """Whether that was the last job of this child."""
        child.jobs_done = getattr(child, "jobs_done", 0) + 1
        return bool(self._maxtasksperchild and child.jobs_done >= self._maxtasksperchild)

    def _event_process_exit(self, hub: Any, proc: Any, pause: float = LOOK_SECONDS) -> None:  # noqa: ANN401 - kombu's loop, billiard's process
        """A child has closed its files: replace it as soon as it is gone."""
        self._untrack_child_process(proc, hub)
        self.maintain_pool()
        if proc in self._pool:
            hub.call_later(pause, self._event_process_exit, hub, proc, min(2 * pause, LOOK_AT_MOST_SECONDS))


class Pool(TaskPool):  # type: ignore[misc]  # Celery has no types
    """What `worker_pool` names."""

    Pool = Children

    @property
    def room(self) -> int:
        """How many messages may have been taken and not ended: one for each child, another where it ends its job."""
        return int(self.num_processes + self._pool.ending)

    def on_start(self) -> None:
        """Fork the first children. What is loaded by now stays: nobody looks through it for garbage again."""
        self._prepare()
        gc.collect()
        gc.freeze()
        super().on_start()

    def _prepare(self) -> None:
        """Load what each child would load for itself."""
        # A child sets it, by the same parser; a system that does not know it is told nothing.
        with contextlib.suppress(OSError):
            get_pdeathsig()
        NOTICES.open()
        _ = self.app.backend
