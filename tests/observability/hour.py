"""`make watch`: an hour of work and faults, seen by a real Prometheus with the rules as they are.

Exit code 1 where a metric or a panel stays empty, a rule cannot be evaluated, an expected alert does not fire, or
another one does. What is seen to be wrong is a stopped package worker: a third of the time in, for some minutes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from rich.console import Console

from docs.load import Load, receiver
from tests.observability.panels import panel_queries
from tests.observability.watching import Prometheus, watching
from wharf.common.metrics import series
from wharf.local.ports import HOST
from wharf.local.stack import LocalStack

STOPPED_SECONDS = 300
"""Longer than the rules wait, the two minutes of the largest of them and the time until a worker counts as gone."""
LOOK_SECONDS = 5.0
ROUND_SECONDS = 240
MUST = {"WharfWatchdog", "WharfNoWorkers", "WharfTargetDown"}
MAY = {"WharfQueueNotDraining", "WharfCanaryFails", "WharfJobsWaitTooLong", "WharfWebhooksFail"}
"""What follows from the same, if there is time for it: packages and canaries wait; every fifth webhook is refused."""
ELSEWHERE = ("kube_",)
"""Metrics of an installation in a cluster."""
screen = Console(stderr=True)


@dataclass
class Hour(Load):
    """What happens; shorter than an hour where it is to be tried."""

    minutes: float = 60.0

    def _events(self, begun: float) -> None:
        end = begun + self.minutes * 60
        self._begin_by_night()
        stop = threading.Timer(self.minutes * 20, self._stop)
        stop.start()
        while (left := end - time.monotonic()) > 0:
            screen.print(f"{left / 60:4.1f} minutes to go")
            self._kill()
            self._cancel()
            time.sleep(min(left, ROUND_SECONDS))
            self._begin("backup-verify")  # by now there is a backup to try
        stop.join()

    def _stop(self) -> None:
        """The worker is there, and does nothing any more; what watches over the stack does not see it."""
        worker = psutil.Process(self.connection.processes["package-worker"])
        everyone = [worker, *worker.children(recursive=True)]
        _signal(everyone, signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        _signal(everyone, signal.SIGCONT)


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        if process.is_running():
            os.kill(process.pid, number)


@dataclass
class Watch:
    """What a Prometheus told, all the time."""

    prometheus: Prometheus
    fired: dict[str, float] = field(default_factory=dict)
    unhealthy: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Note in a thread what fires, and when it began to."""
        ended, begun = threading.Event(), time.monotonic()
        thread = threading.Thread(target=self._look, args=(ended, begun))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _look(self, ended: threading.Event, begun: float) -> None:
        while not ended.wait(LOOK_SECONDS):
            try:
                for name in self.prometheus.firing():
                    self.fired.setdefault(name, time.monotonic() - begun)
                self.unhealthy |= self.prometheus.unhealthy()
            except httpx.HTTPError as error:
                self.failures.append(f"Prometheus did not answer: {error}")

    def judge(self, minutes: float) -> list[str]:
        """What is not as it should be."""
        allowed = MUST | MAY | self._of_this_machine()
        lacking = {name for name in series() if not name.startswith(ELSEWHERE)} - self.prometheus.names()
        queries = [q for q in panel_queries(over=f"{max(int(minutes), 1)}m") if not any(e in q for e in ELSEWHERE)]
        return [
            *self.failures,
            *(f"{name} did not fire." for name in sorted(MUST - self.fired.keys())),
            *(f"{name} fired after {self.fired[name]:.0f} s." for name in sorted(self.fired.keys() - allowed)),
            *(f"The rule {name} cannot be evaluated: {why}" for name, why in self.unhealthy.items()),
            *(f"The metric {name} never came." for name in sorted(lacking)),
            *(f"A panel is empty: {query}" for query in queries if not self._ever(query, minutes)),
        ]

    def _ever(self, query: str, minutes: float) -> bool:
        """Whether it gave data at any time."""
        end = time.time()
        said: dict[str, str | float] = {"query": query, "start": end - minutes * 60, "end": end, "step": 15}
        answer = self.prometheus.api.get("/api/v1/query_range", params=said, timeout=60).raise_for_status().json()
        return bool(answer["data"]["result"])

    def _of_this_machine(self) -> set[str]:
        """Its disk may really be nearly full."""
        full = self.prometheus.query("min(wharf_storage_free_bytes / wharf_storage_size_bytes) < 0.1")
        return {"WharfDiskFillsUp"} if full else set()


def main() -> None:
    """Work, look, judge."""
    parser = argparse.ArgumentParser(prog="make watch", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long; fifteen are the least that shows all")
    minutes = parser.parse_args().minutes
    program = shutil.which("prometheus")
    if program is None:
        sys.exit("There is no prometheus here. On Debian or Ubuntu: apt-get install prometheus")
    os.environ["WHARF_WEBHOOK_ALLOWED_NETWORKS"] = f"{HOST}/32"
    with tempfile.TemporaryDirectory() as name, LocalStack(Path(name, "stack"), port=0, discard=True) as stack:
        folder, targets = Path(name), stack.connection.metrics
        with watching(program, folder, targets, patient=True) as prometheus, receiver() as url:
            watch = Watch(prometheus)
            with watch.looking():
                Hour(stack, folder, url, minutes=minutes).run()
            wrong = watch.judge(minutes)
    for alert, after in sorted(watch.fired.items(), key=lambda one: one[1]):
        screen.print(f"{alert} fired after {after:.0f} s")
    good = f"{minutes:g} minutes: every metric came, every panel showed something, and nothing else was told."
    screen.print("\n".join(wrong) or good, markup=False, soft_wrap=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
