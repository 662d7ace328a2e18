"""How many replicas: KEDA's questions, and what Kubernetes' scaler makes of the answers."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

TICK_SECONDS = 15.0
"""How often the scaler looks."""
TOLERANCE = 0.1
"""So near to the aim is at it."""
BEYOND = 1.2
"""More than the tolerance: what waits too long is not overlooked."""
UP_SHARE, UP_PODS = 1.0, 4
"""Kubernetes' own: at each look twice as many, or four more."""
DOWN_SHARE, DOWN_PODS, DOWN_SECONDS = 0.25, 1, 60.0
"""The chart's: a quarter a minute, or one."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a worker's values say."""

    slots: int = 2
    least: int = 1
    most: int = 20
    jobs_per_slot: int = 1
    wait_seconds: float = 30.0
    down_seconds: float = 900.0
    cooldown_seconds: float = 900.0
    fixed: int | None = None
    """So many, whatever there is to do."""

    def asked(self, jobs: int, oldest: float) -> float:
        """Replicas that the triggers ask for, not yet a whole number: the higher of both."""
        by_jobs = jobs / (self.slots * self.jobs_per_slot)
        by_wait = min(oldest / self.wait_seconds, BEYOND) * jobs / self.slots
        return max(by_jobs, by_wait)


@dataclass
class Scaler:
    """One deployment's."""

    policy: Policy
    _wishes: deque[tuple[float, int]] = field(default_factory=deque)
    _downs: deque[tuple[float, int]] = field(default_factory=deque)
    _idle_since: float | None = None

    def wanted(self, now: float, current: int, jobs: int, oldest: float) -> int:
        """Replicas from now on."""
        policy = self.policy
        if policy.fixed is not None:
            return policy.fixed
        if policy.least == 0 and (zero := self._at_zero(now, current, jobs)) is not None:
            return zero
        wish = self._stabilised(now, self._wish(current, policy.asked(jobs, oldest)))
        return wish if wish >= current else self._step_down(now, current, wish)

    def _wish(self, current: int, asked: float) -> int:
        within = current and abs(asked / current - 1) <= TOLERANCE
        wish = current if within else math.ceil(asked - 1e-9)
        most = max(int(current * (1 + UP_SHARE)), current + UP_PODS)
        return max(self.policy.least, 1, min(wish, most, self.policy.most))

    def _stabilised(self, now: float, wish: int) -> int:
        """The highest wish of the window: replicas go only when fewer were enough for so long."""
        self._wishes.append((now, wish))
        while self._wishes[0][0] < now - self.policy.down_seconds:
            self._wishes.popleft()
        return max(one for _, one in self._wishes)

    def _step_down(self, now: float, current: int, wish: int) -> int:
        while self._downs and self._downs[0][0] <= now - DOWN_SECONDS:
            self._downs.popleft()
        gone = sum(count for _, count in self._downs)
        allowed = max(int((current + gone) * DOWN_SHARE), DOWN_PODS) - gone
        count = max(0, min(current - wish, allowed))
        if count:
            self._downs.append((now, count))
        return current - count

    def _at_zero(self, now: float, current: int, jobs: int) -> int | None:
        """KEDA's own part: from zero with the first job, to zero when there was none for a while."""
        if jobs:
            self._idle_since = None
            return 1 if current == 0 else None
        self._idle_since = now if self._idle_since is None else self._idle_since
        return 0 if current == 0 or now - self._idle_since >= self.policy.cooldown_seconds else None
