"""The worker that makes packages."""
