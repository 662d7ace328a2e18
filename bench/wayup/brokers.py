"""Jobs that do nothing through RabbitMQ, beside the same through Redis."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.wayup.stacks import by_turns, echoes_a_second, ratio, stack
from tests.integration.test_rabbitmq import PROGRAM, RabbitMq

ROUNDS = 3


def measure() -> dict[str, Any]:
    """Jobs a second of each, and their ratio."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = RabbitMq(PROGRAM, Path(folder))
        try:
            server.start()
            with stack() as redis, stack(broker_url=server.url) as rabbit:
                sides = {"redis": lambda: echoes_a_second(redis), "rabbitmq": lambda: echoes_a_second(rabbit)}
                found = by_turns(sides, ROUNDS)
        finally:
            server.stop()
    return {"jobs_a_second": found, "ratio": ratio(found, "rabbitmq", "redis")}
