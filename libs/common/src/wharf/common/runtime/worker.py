"""A worker service: a Celery application that runs the kinds of job it implements.

Usable as people know it (`celery -A wharf.ingest_worker.app worker`) and by the service's own command, which
adds our defaults.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from celery import Celery, Task, bootsteps
from celery.signals import (
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from wharf.common.errors import Invalid
from wharf.common.feed import QueuedFeed
from wharf.common.jobs.kinds import Kind
from wharf.common.ledger.database import Database
from wharf.common.logs import configure_logs, get_logger
from wharf.common.metrics import WORKER_SLOTS
from wharf.common.queues import Queue
from wharf.common.runtime.celery import celery_app
from wharf.common.runtime.errands import Errands, read_message
from wharf.common.runtime.health import TOUCH_SECONDS, Beacon, serve_health
from wharf.common.runtime.heartbeat import Heart
from wharf.common.runtime.implementation import Implementation
from wharf.common.runtime.leaving import Departure, LeaveSign
from wharf.common.runtime.notice import NOTICES, Room
from wharf.common.runtime.place import Place
from wharf.common.runtime.registry import Registry, Serving
from wharf.common.runtime.request import Watch, WatchedRequest
from wharf.common.runtime.runner import Runner
from wharf.common.runtime.sentry import SENTRY
from wharf.common.runtime.voice import Voice
from wharf.common.runtime.zeros import of_a_worker
from wharf.common.settings import WorkerSettings
from wharf.common.startup import check, give_up
from wharf.common.storage import Storage
from wharf.common.tracing import HEADER, TRACES

HEARTBEAT_SECONDS = 5.0
"""How long the ledger may take to answer a heartbeat: a thread that waits for ever keeps no lease."""
ERRAND_SECONDS = 10.0
PATIENCE_SECONDS = 5.0


@dataclass
class Worker:
    """One worker service, before it runs."""

    service: str
    settings: WorkerSettings
    implementations: tuple[Implementation[Any], ...]
    queues: tuple[Queue, ...]
    runner: Runner | None = field(default=None, init=False)
    # Made before the pool forks: the children see what the main process writes.
    sign: LeaveSign = field(default_factory=LeaveSign, init=False)

    def build(self) -> Celery:
        """The Celery application of this service."""
        app = celery_app(self.service, self._broker_url(), self.served())
        app.conf.update(
            worker_concurrency=self.settings.concurrency,
            worker_max_tasks_per_child=self.settings.max_jobs_per_child,
            task_time_limit=self.settings.time_limit,
        )
        departure = Departure(self._errands(), self.sign, self.settings)
        main = _Main(
            watch=Watch(self._errands(), PATIENCE_SECONDS),
            departure=departure,
            registry=Registry(self._errands(), Place.of(self.service), lambda: departure.begun),
        )
        for implementation in self.implementations:
            self._register(app, implementation, main)
        self._connect_signals(main)
        app.steps["worker"].add(_beacon_step(Beacon(self.settings.heartbeat_file), self.settings))
        app.steps["consumer"].add(Room)
        return app

    def served(self) -> tuple[Queue, ...]:
        """The queues that this worker serves unless it is told others."""
        names = [n.strip() for n in self.settings.queues.split(",") if n.strip()]
        return tuple(Queue(n) for n in names) or self.queues

    def _broker_url(self) -> str:
        return self.settings.broker_url.get_secret_value()

    def _errands(self) -> Errands:
        return Errands(self._database(answer_within=ERRAND_SECONDS))

    def _database(self, answer_within: float | None = None, pool: int = 1) -> Database:
        url = self.settings.database_url.get_secret_value()
        return Database.connect(url, pool=pool, application=self.service, answer_within=answer_within)

    def _register(self, app: Celery, implementation: Implementation[Any], main: _Main) -> None:
        request = type("WatchedRequest", (WatchedRequest,), {"watch": main.watch, "departure": main.departure})

        def run(task: Task, job_id: object = None, attempt: object = None, **_later: object) -> None:
            NOTICES.begin()
            # The ids have meant the same since version 1; a later version may say more.
            message = read_message(job_id, attempt)
            if message is None:
                get_logger().error("broker.unreadable_message", kind=implementation.kind.name)
                return
            told = {"job_id": str(message["job"]), "attempt": message["attempt"]}
            try:
                with TRACES.span(f"job {implementation.kind.name}", link=task.request.get(HEADER), **told):
                    self._runner().run(implementation, message["job"], message["attempt"])
            except Exception as error:  # noqa: BLE001 - the ledger knows the job; Celery would log a text that may hold a row
                get_logger().exception("job.not_run", kind=implementation.kind.name)
                SENTRY.report(error, implementation.kind)

        limits = self._limits(implementation.kind)
        app.task(run, bind=True, name=implementation.kind.task_name, Request=request, ignore_result=True, **limits)

    def _limits(self, kind: Kind[Any]) -> dict[str, float]:
        """Celery's: of a kind with a time limit of its own as long after it as others are killed after theirs."""
        if kind.time_limit is None:
            return {}
        return {"time_limit": kind.time_limit + self.settings.time_limit - self.settings.soft_time_limit}

    def _runner(self) -> Runner:
        # Made in the child, at its first job: nothing that is connected is carried over the fork.
        if self.runner is None:
            # Two, for large imports. A merge may take its time: they wait as long as the job has its lease.
            database = self._database(pool=2)
            feed = QueuedFeed(self.settings.redis_url.get_secret_value())
            self.runner = Runner(
                database=database,
                storage=Storage.open(self.settings),
                feed=feed,
                heart=Heart(self._database(HEARTBEAT_SECONDS), self.sign, self.settings.soft_time_limit),
                worker=Place.of(self.service).name(os.getpid()),
                lease_seconds=self.settings.lease_seconds,
                voice=Voice(database, feed),
            )
        return self.runner

    def _connect_signals(self, main: _Main) -> None:
        def logs(**_kwargs: object) -> None:
            configure_logs(self.service, self.settings.log_level, self.settings.log_format)

        def child(**_kwargs: object) -> None:
            self.runner = None
            TRACES.begin(self.service, self.settings.otlp_endpoint)
            SENTRY.begin(self.service, self.settings.sentry_dsn)
            self._runner()

        def child_ends(**_kwargs: object) -> None:
            # First: whoever watches the child's last job must not see it run until its snapshot expires.
            if self.runner is not None:
                self.runner.feed.close()
            TRACES.end()
            SENTRY.end()

        def ready(sender: Any, **_kwargs: object) -> None:  # noqa: ANN401 - Celery's consumer
            SENTRY.begin(self.service, self.settings.sentry_dsn)
            serving = Serving(tuple(queue.name for queue in sender.task_consumer.queues), sender.controller.concurrency)
            main.start(serving)

        def main_ends(**_kwargs: object) -> None:
            main.registry.leave()
            SENTRY.end()

        # weak=False: the receivers live as long as the process.
        setup_logging.connect(logs, weak=False)
        worker_init.connect(lambda **_: self._begin(main), weak=False)
        worker_process_init.connect(child, weak=False)
        worker_process_shutdown.connect(child_ends, weak=False)
        worker_ready.connect(ready, weak=False)
        worker_shutting_down.connect(lambda **_: main.departure.begin(), weak=False)
        worker_shutdown.connect(main_ends, weak=False)

    def _begin(self, main: _Main) -> None:
        """Before the pool forks, however the worker was started."""
        try:
            check(self.settings)
        except Invalid as error:
            give_up(f"wharf-{self.service}", error)
        of_a_worker([implementation.kind for implementation in self.implementations], self.served())
        main.watch.warm_up()


@dataclass(frozen=True)
class _Main:
    """What the main process does beside handing out messages."""

    watch: Watch
    departure: Departure
    registry: Registry

    def start(self, serving: Serving) -> None:
        self.watch.start()
        self.registry.start(serving)
        for queue in serving.queues:
            WORKER_SLOTS.labels(queue).set(serving.slots)


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
