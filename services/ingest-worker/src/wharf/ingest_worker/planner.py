"""What PostgreSQL's planner cannot know of large merges."""

from __future__ import annotations

from sqlalchemy import text

MEMORY = text("SET LOCAL work_mem = '96MB'")
# Staging has no statistics: the planner would look up a million rows one by one, and it is five times as long.
BY_HASH = text("SET LOCAL enable_nestloop = off")
