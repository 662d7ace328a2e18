"""All dashboards, and the queue that the figures of most of them can be narrowed to."""

from __future__ import annotations

from deploy.observability.source import imports, overview, packages, queues, schedules, servers
from deploy.observability.source.figures import Board

BOARDS: tuple[Board, ...] = (
    overview.BOARD,
    queues.BOARD,
    imports.BOARD,
    packages.BOARD,
    servers.BOARD,
    schedules.BOARD,
)
