"""Whoever changes a dataset of a project takes turns: one merge, undo or decision at a time."""

from __future__ import annotations

from sqlalchemy import Connection, text

# The counts are exact, and nobody's insert can collide. Every version has the same text: they wait for each other.
TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:place, 0))")


def take_turn(connection: Connection, schema: str, dataset: str, project_id: str) -> None:
    """Wait until nobody else changes that dataset in that project, and let nobody begin before the transaction ends."""
    connection.execute(TURN, {"place": f"{schema}.{dataset}/{project_id}"})
