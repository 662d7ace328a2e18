"""The HTTP API: takes files, enqueues jobs, reads their status."""
