"""`wharf cleanup`: by hand, with the platform's key, and as a dry run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wharf.client.testing import JOB, Gateway, job_document

ID = "01999999-0000-7000-8000-00000000000a"
RESULT: dict[str, Any] = {
    "dry_run": True, "complete": True, "removed": {"attempts": 0, "uploads": 1234}, "bytes": {"uploads": 5_300_000},
    "partitions_made": 0, "missing": {"count": 0, "examples": []}, "seconds": 1.0,
}  # fmt: skip


@pytest.fixture
def kept(known: Gateway) -> Gateway:
    """A gateway with the built-in schedule, whose job runs for a moment."""
    known.says("GET /api/v1/schedules", {"items": [{"id": ID, "name": "cleanup"}], "next_cursor": None})
    known.says(f"POST /api/v1/schedules/{ID}/run", job_document("queued"))
    return known


def ends(kept: Gateway, status: str, **fields: Any) -> None:
    kept.says(f"GET /api/v1/jobs/{JOB}", job_document("running"), job_document(status, **fields))


def test_a_dry_run_lists_what_would_go(wharf: Any, kept: Gateway) -> None:
    """By class, with the bytes of files; the server is told that it is one."""
    ends(kept, "completed", result=RESULT)
    assert wharf("cleanup", "--dry-run") == 0
    assert [line.split() for line in wharf.out.splitlines()] == [
        ["CLASS", "WOULD", "GO", "BYTES"], ["attempts", "0"], ["uploads", "1,234", "5.3", "MB"],
    ]  # fmt: skip
    assert json.loads(kept.requests(f"POST /api/v1/schedules/{ID}/run")[-1].body) == {"dry_run": True}


def test_a_real_one_says_what_is_gone_and_what_is_wrong(wharf: Any, kept: Gateway) -> None:
    """And what it had no time for."""
    missing = {"count": 2, "examples": []}
    ends(kept, "completed", result=RESULT | {"dry_run": False, "complete": False, "missing": missing})
    assert wharf("cleanup") == 0
    assert "GONE" in wharf.out
    assert "the next run goes on" in wharf.out
    assert "2 rows name a file that is not in the storage" in wharf.out
    assert kept.requests(f"POST /api/v1/schedules/{ID}/run")[-1].body == b""
    ends(kept, "completed", result=RESULT)
    assert wharf("cleanup", "--json") == 0
    assert json.loads(wharf.out) == RESULT


def test_one_that_failed_is_an_error(wharf: Any, kept: Gateway) -> None:
    """With its sentence, and exit code 1."""
    error = {"code": "storage_unavailable", "message": "The object storage did not answer as it should."}
    ends(kept, "failed", error=error)
    assert wharf("cleanup") == 1
    assert "did not answer" in wharf.err
