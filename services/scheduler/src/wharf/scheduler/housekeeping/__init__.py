"""What is kept for a time only: looked for, counted, and removed in small steps that hold up no work."""

from __future__ import annotations

from wharf.scheduler.housekeeping.cleanup import run_cleanup

__all__ = ["run_cleanup"]
