"""Starts children, keeps them running, and stops them in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from wharf.local.child import Child, ChildSpec
from wharf.local.failure import Interrupted, StartFailed
from wharf.local.watchdog import Ward, Watchdog

TICK_SECONDS = 0.05
EMERGENCY_GRACE = 5.0
"""How long the watchdog waits for a service before it kills it: the ledger is made for that, and people wait."""


class Supervisor:
    """The children of one stack.

    `logs` is the folder of their logs, `lock` the descriptor that the watchdog holds with us. `on_change` gets the pids
    by name after every start; `say` gets a line for people.
    """

    def __init__(
        self, logs: Path, lock: int, *, on_change: Callable[[dict[str, int]], None], say: Callable[[str], None]
    ) -> None:
        self.interrupt = threading.Event()
        """Set from anywhere (a signal handler): a start in progress ends with `Interrupted`."""
        self.hurry = threading.Event()
        """Set from anywhere: a stop in progress no longer waits for services."""
        self._logs = logs
        self._on_change = on_change
        self._say = say
        self._children: list[Child] = []
        self._unpublished = False
        self._watchdog = Watchdog(lock)
        self._stopping = threading.Event()
        self._monitor = threading.Thread(target=self._keep_running, name="wharf-supervisor", daemon=True)

    def processes(self) -> dict[str, int]:
        """The children's pids by name, in the order of their start."""
        return {child.spec.name: child.pid for child in self._children}

    def start(self, *specs: ChildSpec, within: float) -> None:
        """Start these children together and wait until all are ready.

        Raises `StartFailed` with the end of the log of the child that ended or was not ready `within` seconds, after
        stopping the ones of `specs`.
        """
        started: list[Child] = []
        try:
            for spec in specs:
                started.append(self._launch(spec))  # noqa: PERF401 - what was started before a failure has to be known
            self._publish()
            self._await_ready(started, time.monotonic() + within)
        except BaseException:
            self._stop(started)
            self._publish()
            raise

    def watch(self) -> None:
        """From now on start children again that die, after a back-off."""
        self._monitor.start()

    def stop(self) -> None:
        """Stop all children, stage by stage. What does not end within its grace is killed."""
        self._stopping.set()
        if self._monitor.is_alive():
            self._monitor.join()
        self._stop(self._children)
        self._watchdog.dismiss()

    def _launch(self, spec: ChildSpec) -> Child:
        child = Child(spec, self._logs / f"{spec.name}.log")
        try:
            child.start()
        except OSError as error:
            message = f"{spec.name} cannot be started ({error}): {spec.command[0]}"
            raise StartFailed(message) from error
        self._children.append(child)
        return child

    def _publish(self) -> None:
        self._watchdog.watch([_ward(child) for child in self._children])
        self._on_change(self.processes())
        self._unpublished = False

    def _await_ready(self, waiting: list[Child], deadline: float) -> None:
        while waiting:
            if self.interrupt.wait(TICK_SECONDS):
                message = "Stopped before everything was ready."
                raise Interrupted(message)
            self._check_all_alive()
            waiting = [child for child in waiting if not child.spec.ready()]
            if waiting and time.monotonic() > deadline:
                raise _failed(waiting[0], "was not ready in time")

    def _check_all_alive(self) -> None:
        for child in self._children:
            code = child.exit_code()
            if code is not None:
                raise _failed(child, f"ended with exit code {code} while the stack started")

    def _keep_running(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            try:
                for child in self._children:
                    self._revive(child)
                self._watchdog.keep_alive()
                if self._unpublished:
                    self._publish()
            except OSError as error:  # a full disk must not end the supervision
                self._say(f"the supervisor goes on after: {error}")
                self._stopping.wait(1.0)

    def _revive(self, child: Child) -> None:
        code = child.exit_code()
        if code is None:
            return
        if child.restart_at is None:
            child.end_group()
            delay = child.plan_restart()
            self._say(f"{child.spec.name} ended (exit code {code}); again in {delay:g} s, see {child.log}")
        elif time.monotonic() >= child.restart_at:
            self._restart(child)

    def _restart(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:
            delay = child.plan_restart()
            self._say(f"{child.spec.name} cannot be started ({error}); again in {delay:g} s")
        else:
            self._unpublished = True

    def _stop(self, children: list[Child]) -> None:
        ordered = sorted(children, key=lambda child: child.spec.stage)
        for _, stage in groupby(ordered, key=lambda child: child.spec.stage):
            self._stop_together(list(stage))
        self._children = [child for child in self._children if child not in children]

    def _stop_together(self, children: list[Child]) -> None:
        for child in children:
            child.ask_to_stop()
        start = time.monotonic()
        for child in children:
            while child.exit_code() is None and time.monotonic() - start < self._patience(child):
                time.sleep(TICK_SECONDS)
            child.end_group()

    def _patience(self, child: Child) -> float:
        """Servers keep their grace in a hurry: PostgreSQL then starts without a recovery."""
        return 0.0 if self.hurry.is_set() and not child.spec.is_server else child.spec.grace


def _ward(child: Child) -> Ward:
    spec = child.spec
    return Ward(spec.stage, child.pid, spec.stop_signal, spec.grace if spec.is_server else EMERGENCY_GRACE)


def _failed(child: Child, what: str) -> StartFailed:
    log = child.tail() or "(empty)"
    return StartFailed(
        f"{child.spec.name} {what}; its log {child.log} ends with:\n{log}", detail={"child": child.spec.name}
    )
