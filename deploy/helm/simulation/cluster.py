"""Pods that work off a queue, event by event."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import count

from deploy.helm.simulation.load import DAY, URGENT, Job
from deploy.helm.simulation.policy import TICK_SECONDS, Policy, Scaler
from deploy.helm.simulation.times import CHECKPOINT_SECONDS, FINISH_SECONDS, START_SECONDS

PLACES, URGENT_PLACES = 200, 20
"""A tenant's published jobs in a queue, and urgent ones beside them."""
LEVEL_SECONDS = 60.0
"""A level of priority is worth a minute of waiting."""
Turn = tuple[float, int, Job, float, bool]
"""Whose turn it is: by waiting; a running number; the job; seconds that are left of it; whether it begins."""


@dataclass(eq=False)
class Pod:
    """One replica. `ready` is when it can take jobs, `leaving` when it was told to go."""

    ready: float
    free: int
    leaving: float | None = None
    running: dict[int, tuple[Job, float, float]] = field(default_factory=dict)
    """By a run's number: the job, its start, seconds that were left of it then."""


@dataclass
class Seen:
    """What came of a day."""

    waits: list[tuple[float, int, float]] = field(default_factory=list)
    """Of each job: when it was due, its priority, how long it waited for its first run."""
    replicas: list[tuple[float, int, int]] = field(default_factory=list)
    """At each look: pods that there are, and jobs."""
    pod_seconds: float = 0.0
    given_back: int = 0
    done_again: float = 0.0
    ended: int = 0


@dataclass
class Cluster:
    """A day of one queue under a policy."""

    queue: str
    policy: Policy
    start_seconds: float = START_SECONDS
    seen: Seen = field(default_factory=Seen)
    _pods: list[Pod] = field(default_factory=list)
    _turns: list[Turn] = field(default_factory=list)
    _unplaced: dict[tuple[int, bool], list[Turn]] = field(default_factory=lambda: defaultdict(list))
    _placed: Counter[tuple[int, bool]] = field(default_factory=Counter)
    _number: count[int] = field(default_factory=count)
    _events: list[tuple[float, int, str, object]] = field(default_factory=list)
    _jobs: int = 0

    def run(self, jobs: list[Job]) -> Seen:
        """Until the last job has ended."""
        scaler = Scaler(self.policy)
        first = self.policy.fixed if self.policy.fixed is not None else self.policy.least
        self._pods = [Pod(0.0, self.policy.slots) for _ in range(first)]
        for job in jobs:
            self._plan(job.at, "due", job)
        self._plan(0.0, "look", scaler)
        while self._events:
            now, _, what, about = heapq.heappop(self._events)
            getattr(self, f"_{what}")(now, about)
            self._hand_out(now)
        return self.seen

    def _plan(self, at: float, what: str, about: object) -> None:
        heapq.heappush(self._events, (at, next(self._number), what, about))

    def _due(self, now: float, job: Job) -> None:
        self._jobs += 1
        whose = (job.tenant, job.priority == URGENT)
        turn = self._turn(now, job)
        if self._placed[whose] < (URGENT_PLACES if whose[1] else PLACES):
            self._placed[whose] += 1
            heapq.heappush(self._turns, turn)
        else:
            heapq.heappush(self._unplaced[whose], turn)

    def _turn(self, now: float, job: Job) -> Turn:
        """It is published now: the broker serves in this order, and is told anew of those that wait."""
        return (now - LEVEL_SECONDS * job.priority, next(self._number), job, job.seconds, True)

    def _look(self, now: float, scaler: Scaler) -> None:
        staying = [pod for pod in self._pods if pod.leaving is None]
        wanted = scaler.wanted(now, len(staying), self._jobs, self._oldest(now))
        for _ in range(wanted - len(staying)):
            self._pods.append(Pod(now + self.start_seconds, self.policy.slots))
            self._plan(now + self.start_seconds, "ready", None)
        # Kubernetes takes those that are not ready yet first, then the youngest; it cannot pick idle ones.
        for pod in sorted(staying, key=lambda pod: -pod.ready)[: max(0, len(staying) - wanted)]:
            self._leave(now, pod)
        self.seen.replicas.append((now, len(self._pods), self._jobs))
        self.seen.pod_seconds += len(self._pods) * TICK_SECONDS
        if now < DAY or self._jobs:
            self._plan(now + TICK_SECONDS, "look", scaler)

    def _oldest(self, now: float) -> float:
        waiting = [
            job.at for _, _, job, *_ in (*self._turns[:1], *(turns[0] for turns in self._unplaced.values() if turns))
        ]
        return now - min(waiting, default=now)

    def _ready(self, now: float, about: None) -> None:
        """There is one more that takes jobs."""

    def _leave(self, now: float, pod: Pod) -> None:
        pod.leaving, pod.free = now, 0
        self._plan(now + FINISH_SECONDS if pod.running else now, "gone", pod)

    def _gone(self, now: float, pod: Pod) -> None:
        for job, begun, left in pod.running.values():
            done = (now - begun) // CHECKPOINT_SECONDS[self.queue] * CHECKPOINT_SECONDS[self.queue]
            self.seen.given_back += 1
            self.seen.done_again += now - begun - done
            turn = (job.at - LEVEL_SECONDS * job.priority, next(self._number), job, max(left - done, 0.1), False)
            heapq.heappush(self._turns, turn)
        pod.running.clear()
        if pod in self._pods:
            self._pods.remove(pod)

    def _end(self, now: float, about: tuple[Pod, int]) -> None:
        pod, run = about
        if run not in pod.running:
            return
        job, _, _ = pod.running.pop(run)
        self._jobs -= 1
        self.seen.ended += 1
        if pod.leaving is None:
            pod.free += 1
        elif not pod.running and pod in self._pods:
            self._pods.remove(pod)
        self._give_place(now, (job.tenant, job.priority == URGENT))

    def _give_place(self, now: float, whose: tuple[int, bool]) -> None:
        if self._unplaced[whose]:
            heapq.heappush(self._turns, self._turn(now, heapq.heappop(self._unplaced[whose])[2]))
        else:
            self._placed[whose] -= 1

    def _hand_out(self, now: float) -> None:
        for pod in self._pods if self._turns else ():
            while pod.free and pod.ready <= now and self._turns:
                _, _, job, left, begins = heapq.heappop(self._turns)
                run = next(self._number)
                if begins:
                    self.seen.waits.append((job.at, job.priority, now - job.at))
                pod.free -= 1
                pod.running[run] = (job, now, left)
                self._plan(now + left, "end", (pod, run))
