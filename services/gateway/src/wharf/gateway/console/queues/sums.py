"""All queues together."""

from __future__ import annotations

from typing import Any, Final

SUMMED: Final = ("waiting", "running", "slots", "ended_lately")


def sums_of(queues: list[dict[str, Any]]) -> dict[str, object]:
    """What they have, and for how long the oldest of all waits; None where nothing does."""
    waits = [queue["oldest_wait_seconds"] for queue in queues if queue["oldest_wait_seconds"] is not None]
    return {name: sum(queue[name] for queue in queues) for name in SUMMED} | {"oldest": max(waits, default=None)}
