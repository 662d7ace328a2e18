"""How many messages the broker has lost: a pure decision over time.

A published job that nobody has claimed should have a message in the broker. For a moment it may not (a worker has just
taken it), so a shortfall counts only when it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Shortfall:
    """A gap between ledger and broker: since when (seconds on a steady clock), and the least that it was since then."""

    since: float
    least: int


@dataclass
class Reconciler:
    """Watches the queues; `patience` in seconds."""

    patience: float
    _open: dict[str, Shortfall] = field(default_factory=dict)

    def observe(self, queue: str, published: int, waiting: int, now: float) -> int:
        """How many jobs of the queue to publish again: of the jobs published and unclaimed `waiting` have a message."""
        missing = published - waiting
        if missing <= 0:
            self._open.pop(queue, None)
            return 0
        gap = self._open.setdefault(queue, Shortfall(now, missing))
        gap.least = min(gap.least, missing)
        if now - gap.since < self.patience:
            return 0
        del self._open[queue]
        return gap.least
