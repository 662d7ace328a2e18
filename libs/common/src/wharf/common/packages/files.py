"""Where a package's files are in the object storage."""

from __future__ import annotations

from uuid import UUID


def file_key(tenant_id: UUID, job_id: UUID, name: str) -> str:
    """The key of a file that a job made."""
    return f"packages/{tenant_id}/{job_id}/{name}"
