"""`wharf schedules`: work that begins by itself is declared, changed, started and looked back at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wharf.client.testing import JOB, Gateway, job_document

ID = "01999999-0000-7000-8000-00000000000a"
OWN = f"/api/v1/schedules/{ID}"
WEEKLY: dict[str, Any] = {
    "id": ID, "name": "weekly", "words": "every Monday at 08:00", "time_zone": "Europe/Berlin", "kind": "package",
    "enabled": True, "next_runs": ["2026-03-30T08:00:00+02:00", "2026-04-06T08:00:00+02:00"],
}  # fmt: skip
SAID = "weekly: package every Monday at 08:00 (Europe/Berlin), next at 2026-03-30T08:00:00+02:00\n"


@pytest.fixture
def kept(known: Gateway) -> Gateway:
    """A gateway with one schedule."""
    known.says("GET /api/v1/schedules", {"items": [WEEKLY], "next_cursor": None})
    return known


def body(known: Gateway, what: str) -> dict[str, Any]:
    return dict(json.loads(known.requests(what)[-1].body))


def test_they_are_listed_and_shown_with_their_next_times(wharf: Any, kept: Gateway) -> None:
    """In words, on the zone's clock; as JSON whole; by name or id."""
    assert wharf("schedules", "ls") == 0
    assert "weekly  every Monday at 08:00  Europe/Berlin  package  2026-03-30T08:00:00+02:00" in wharf.out
    for name in ("weekly", ID):
        assert wharf("schedules", "show", name) == 0
        assert wharf.out == f"{SAID}  2026-03-30T08:00:00+02:00\n  2026-04-06T08:00:00+02:00\n"
    assert wharf("schedules", "show", "weekly", "--json") == 0
    assert json.loads(wharf.out) == WEEKLY
    assert wharf("schedules", "show", "daily") == 1
    assert wharf.err == "wharf: There is no schedule daily. See them: wharf schedules ls\n"


def test_a_package_or_another_kind_is_scheduled(wharf: Any, kept: Gateway) -> None:
    """Only what is said is sent: the server knows the defaults."""
    kept.says("POST /api/v1/schedules", WEEKLY)
    when = ["--cron", "0 8 * * MON", "--zone", "Europe/Berlin"]
    assert wharf("schedules", "create", "weekly", *when, "--package", "asset_register", "--format", "xlsx,pdf") == 0
    assert wharf.out == SAID
    package = {"package_type": "asset_register", "options": {"formats": ["xlsx", "pdf"]}}
    wanted = {
        "name": "weekly",
        "kind": "package",
        "payload": package,
        "cron": "0 8 * * MON",
        "time_zone": "Europe/Berlin",
    }
    assert body(kept, "POST /api/v1/schedules") == wanted
    policies = ["--priority", "high", "--overlap", "queue", "--misfire", "skip", "--grace", "60", "--project", "p"]
    assert (
        wharf("schedules", "create", "e", "--every", "60", "--kind", "echo", "--payload", '{"message": "m"}', *policies)
        == 0
    )
    wanted = {"name": "e", "kind": "echo", "payload": {"message": "m"}, "interval_seconds": 60, "project_id": "p"}
    policy = {"priority": "high", "overlap": "queue", "misfire": "skip", "grace_seconds": 60}
    assert body(kept, "POST /api/v1/schedules") == wanted | policy


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "x", "--cron", "* * * * *"],
        ["create", "x", "--package", "a", "--kind", "echo"],
        ["create", "x", "--kind", "echo", "--payload", "{"],
        ["create", "x", "--kind", "echo", "--payload", "[]"],
        ["set", "weekly"],
    ],
)
def test_a_wrong_call_sends_nothing(wharf: Any, kept: Gateway, arguments: list[str]) -> None:
    """Exit code 2."""
    assert wharf("schedules", *arguments) == 2
    assert kept.asked == []


def test_it_is_changed_switched_and_removed(wharf: Any, kept: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built-in ones with the platform's key."""
    monkeypatch.setenv("WHARF_PLATFORM_KEY", "platform")
    off = WEEKLY | {"enabled": False, "next_runs": []}
    kept.says(f"PATCH {OWN}", WEEKLY, off, WEEKLY)
    kept.says(f"DELETE {OWN}", b"", status=204)
    assert wharf("schedules", "set", "weekly", "--every", "90", "--package", "a") == 0
    assert body(kept, f"PATCH {OWN}") == {"interval_seconds": 90, "payload": {"package_type": "a", "options": {}}}
    assert wharf("schedules", "disable", "weekly", "--installation") == 0
    assert wharf.out == "weekly: package every Monday at 08:00 (Europe/Berlin), disabled\n"
    assert (body(kept, f"PATCH {OWN}"), kept.asked[-1].headers["authorization"]) == (
        {"enabled": False},
        "Bearer platform",
    )
    assert wharf("schedules", "enable", "weekly") == 0
    assert body(kept, f"PATCH {OWN}") == {"enabled": True}
    assert wharf("schedules", "rm", "weekly") == 0
    assert len(kept.requests(f"DELETE {OWN}")) == 1


def test_one_that_is_built_in_is_watched_too(wharf: Any, kept: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """By asking: streams of events are the tenants'. Exit code 1 when it failed."""
    monkeypatch.setenv("WHARF_PLATFORM_KEY", "platform")
    kept.says(f"POST {OWN}/run", job_document("queued"), status=202)
    done = job_document("completed", result={"seconds": 2.0})
    kept.says(
        f"GET /api/v1/jobs/{JOB}", job_document("running"), done, job_document("failed", error={"message": "No."})
    )
    assert wharf("schedules", "run", "weekly", "--installation", "--watch") == 0
    assert wharf.out == "Completed in 2.0 s\n"
    assert wharf("schedules", "run", "weekly", "--installation", "--watch") == 1
    assert wharf.out == f"Job {JOB} failed: No.\n"


def test_it_is_started_by_hand_and_its_history_is_told(wharf: Any, kept: Gateway) -> None:
    """With the jobs, and their states."""
    kept.says(f"POST {OWN}/run", job_document("queued"), status=202)
    run = {
        "scheduled_for": "2026-03-23T07:00:00Z",
        "outcome": "started",
        "manual": False,
        "job_id": JOB,
        "status": "failed",
    }
    kept.says(f"GET {OWN}/runs", {"items": [run | {"manual": True}, run], "next_cursor": None})
    assert wharf("schedules", "run", "weekly") == 0
    assert wharf.out == f"Job {JOB} is queued.\n"
    assert wharf("schedules", "runs", "weekly") == 0
    assert f"2026-03-23T07:00:00Z  by hand  {JOB}  failed" in wharf.out
    assert f"2026-03-23T07:00:00Z  started  {JOB}  failed" in wharf.out
    assert wharf("schedules", "runs", "weekly", "--json") == 0
    assert len(json.loads(wharf.out)) == 2
