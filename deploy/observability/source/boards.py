"""All dashboards, as they are listed."""

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
