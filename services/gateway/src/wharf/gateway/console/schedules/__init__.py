"""Schedules: when work begins by itself, and what came of it."""
