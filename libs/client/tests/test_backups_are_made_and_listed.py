"""`wharf backup`: made, verified and listed with the platform's key; restored by what the scheduler brings."""

from __future__ import annotations

from typing import Any

import pytest

from wharf.client.testing import JOB, Gateway, job_document

BACKUP = "01999999-0000-7000-8000-00000000000b"
SEEN = {"id": BACKUP, "created_at": "2026-03-01T02:00:00Z", "bytes": 2_000_000, "rows": 20_000, "verification": None}
RESULT = {"action": "make", "backup_id": BACKUP, "bytes": 2_000_000, "tables": 26, "rows": 20_000, "seconds": 1.25}


@pytest.fixture
def kept(known: Gateway, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway with one backup."""
    monkeypatch.setenv("WHARF_PLATFORM_KEY", "platform")
    known.says("GET /api/v1/backups", {"items": [SEEN], "next_cursor": None})
    return known


def test_they_are_listed_with_their_last_trial(wharf: Any, kept: Gateway) -> None:
    """One that failed is told with the reason."""
    assert wharf("backup", "ls") == 0
    assert f"{BACKUP}  2026-03-01T02:00:00Z  2.0 MB  20,000  not yet" in wharf.out
    assert kept.asked[-1].headers["authorization"] == "Bearer platform"
    failed = {"at": "2026-03-08T04:00:00Z", "passed": False, "seconds": 1, "problem": "It is damaged."}
    kept.says("GET /api/v1/backups", {"items": [SEEN | {"verification": failed}], "next_cursor": None})
    assert wharf("backup", "ls") == 0
    assert "FAILED: It is damaged." in wharf.out


def test_one_is_made_and_watched_to_its_end(wharf: Any, kept: Gateway) -> None:
    """Exit code 1 and its reason when it failed; with --no-watch it is only begun."""
    kept.says("POST /api/v1/backups", job_document("queued"), status=202)
    running, done = job_document("running"), job_document("completed", result=RESULT)
    kept.says(f"GET /api/v1/jobs/{JOB}", running, done)
    assert wharf("backup", "run") == 0
    assert wharf.out == f"Backup {BACKUP} stored and read back (26 tables, 20,000 rows, 2.0 MB, 1.2 s).\n"
    kept.says(f"GET /api/v1/jobs/{JOB}", job_document("failed", error={"message": "There is no room."}))
    assert wharf("backup", "run") == 1
    assert wharf.err == "There is no room.\n"
    assert wharf("backup", "run", "--no-watch") == 0
    assert wharf.out == f"Job {JOB} is queued.\n"


def test_the_newest_or_the_one_that_is_named_is_verified(wharf: Any, kept: Gateway) -> None:
    """Where there is none, nothing is begun."""
    kept.says(f"POST /api/v1/backups/{BACKUP}/verify", job_document("queued"), status=202)
    done = job_document("completed", result=RESULT | {"action": "verify"})
    kept.says(f"GET /api/v1/jobs/{JOB}", done)
    for arguments in ((), (BACKUP,)):
        assert wharf("backup", "verify", *arguments) == 0
        assert wharf.out.startswith(f"Backup {BACKUP} restored on trial: it has the same rows")
    kept.says("GET /api/v1/backups", {"items": [], "next_cursor": None})
    assert wharf("backup", "verify") == 1
    assert wharf.err == "There is no backup yet: wharf backup run\n"


def test_restore_is_brought_by_the_scheduler(wharf: Any, known: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks no gateway: none may be there. Without its settings it says which."""
    for name in ("WHARF_DATABASE_URL", "DATABASE_URL", "WHARF_STORAGE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert "WHARF_DATABASE_URL" in str(wharf("backup", "restore", "latest"))
    assert known.asked == []
    assert wharf("backup", "--help") == 0
    assert all(name in wharf.out for name in ("ls", "run", "verify", "restore"))
