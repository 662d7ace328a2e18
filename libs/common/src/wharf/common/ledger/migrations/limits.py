"""How long a migration may wait, and hold up others: it fails, and is run again."""

from __future__ import annotations

LIMITS = ("SET lock_timeout = '5s'", "SET statement_timeout = '300s'")
