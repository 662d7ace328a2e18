"""A worker service: a Celery application that runs the kinds of job it implements.

Usable as people know it (`celery -A wharf.ingest_worker.app worker`) and by the service's own command, which
adds our defaults.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from celery import Celery, Task, bootsteps
from celery.signals import setup_logging, worker_init, worker_process_init, worker_ready

from wharf.common.feed import Feed
from wharf.common.ledger.database import Database
from wharf.common.logs import configure_logs
from wharf.common.metrics import WORKER_SLOTS
from wharf.common.queues import Queue
from wharf.common.runtime.celery import celery_app
from wharf.common.runtime.health import TOUCH_SECONDS, Beacon, serve_health
from wharf.common.runtime.heartbeat import Heart
from wharf.common.runtime.implementation import Implementation
from wharf.common.runtime.request import Watch, WatchedRequest
from wharf.common.runtime.runner import Runner
from wharf.common.settings import WorkerSettings
from wharf.common.storage import Storage

CHILD_POOL = 2  # one connection for the job, one for its heartbeat
PATIENCE_SECONDS = 5.0


@dataclass
class Worker:
    """One worker service, before it runs."""

    service: str
    settings: WorkerSettings
    implementations: tuple[Implementation[Any], ...]
    queues: tuple[Queue, ...]
    runner: Runner | None = field(default=None, init=False)

    def build(self) -> Celery:
        """The Celery application of this service."""
        app = celery_app(self.service, self.settings.broker_url.get_secret_value(), self.served())
        app.conf.update(
            worker_concurrency=self.settings.concurrency,
            worker_max_tasks_per_child=self.settings.max_jobs_per_child,
            task_soft_time_limit=self.settings.soft_time_limit,
            task_time_limit=self.settings.time_limit,
        )
        watch = Watch(self._database(1), PATIENCE_SECONDS)
        worker_init.connect(lambda **_: watch.warm_up(), weak=False)
        for implementation in self.implementations:
            self._register(app, implementation, watch)
        self._connect_signals(watch)
        app.steps["worker"].add(_beacon_step(Beacon(self.settings.heartbeat_file), self.settings))
        return app

    def served(self) -> tuple[Queue, ...]:
        """The queues that this worker serves unless it is told others."""
        names = [n.strip() for n in self.settings.queues.split(",") if n.strip()]
        return tuple(Queue(n) for n in names) or self.queues

    def _database(self, pool: int) -> Database:
        url = self.settings.database_url.get_secret_value()
        return Database.connect(url, pool=pool, application=self.service)

    def _register(self, app: Celery, implementation: Implementation[Any], watch: Watch) -> None:
        request = type("WatchedRequest", (WatchedRequest,), {"watch": watch})

        def run(_task: Task, job_id: str, attempt: int, version: int = 1) -> None:
            del version  # the ids have meant the same since version 1
            self._runner().run(implementation, UUID(job_id), attempt)

        app.task(run, bind=True, name=implementation.kind.task_name, Request=request, ignore_result=True)

    def _runner(self) -> Runner:
        # Made in the child, at its first job: nothing that is connected is carried over the fork.
        if self.runner is None:
            database = self._database(CHILD_POOL)
            self.runner = Runner(
                database=database,
                storage=Storage.open(self.settings.storage_url),
                feed=Feed(self.settings.redis_url.get_secret_value()),
                heart=Heart(database),
                worker=f"{self.service}@{socket.gethostname()}:{os.getpid()}",
                lease_seconds=self.settings.lease_seconds,
            )
        return self.runner

    def _connect_signals(self, watch: Watch) -> None:
        def logs(**_kwargs: object) -> None:
            configure_logs(self.service, self.settings.log_level)

        def child(**_kwargs: object) -> None:
            self.runner = None
            self._runner()

        def ready(sender: Any, **_kwargs: object) -> None:  # noqa: ANN401 - Celery's consumer
            watch.start()
            for queue in sender.task_consumer.queues:
                WORKER_SLOTS.labels(queue.name).set(self.settings.concurrency)

        # weak=False: the receivers live as long as the process.
        setup_logging.connect(logs, weak=False)
        worker_process_init.connect(child, weak=False)
        worker_ready.connect(ready, weak=False)


def _beacon_step(beacon: Beacon, settings: WorkerSettings) -> type[bootsteps.StartStopStep]:
    class BeaconStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
        """Touches the heartbeat file from the main loop's timer, and serves the metrics from the main process."""

        requires = {"celery.worker.components:Timer"}  # noqa: RUF012 - Celery's declaration

        def start(self, parent: Any) -> None:  # noqa: ANN401 - Celery's worker
            """Begin when the worker begins."""
            serve_health(settings.metrics_host, settings.metrics_port, lambda: beacon.fresh, lambda: beacon.fresh)
            beacon.touch()
            self.entry = parent.timer.call_repeatedly(TOUCH_SECONDS, beacon.touch)

        def stop(self, _parent: Any) -> None:  # noqa: ANN401 - Celery's worker
            """End when the worker ends."""
            self.entry.cancel()

    return BeaconStep


def start_worker(app: Celery, arguments: list[str]) -> None:
    """Run the worker in this process until it is told to stop."""
    # --quiet: no banner among the JSON lines.
    app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat", *arguments])
