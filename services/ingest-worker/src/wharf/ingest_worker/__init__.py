"""The worker that inspects, checks and loads files."""
