"""What a gateway tells Prometheus of itself beside what it counts: its pool of connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.pool import QueuePool

from wharf.common import metrics
from wharf.common.ledger.database import Database


@dataclass(frozen=True)
class PoolObserver(Collector):
    """Of one pool. Requests wait, and then fail, where all of it is lent out."""

    database: Database

    def collect(self) -> Iterator[Metric]:
        """As of now."""
        pool = self.database.engine.pool
        if isinstance(pool, QueuePool):
            yield metrics.POOL_USED.alone(pool.checkedout())
            yield metrics.POOL_SIZE.alone(pool.size())
