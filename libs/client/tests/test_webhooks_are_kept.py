"""`wharf webhooks`: whom another system is told by, what it heard, and what is sent again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wharf.client.testing import JOB, Gateway

ID = "01999999-0000-7000-8000-00000000000b"
SENT = "01999999-0000-7000-8000-00000000000c"
OWN = f"/api/v1/webhooks/{ID}"
ERP: dict[str, Any] = {
    "id": ID, "name": "erp", "url": "https://erp.example.org/in", "events": ["job.completed", "job.failed"],
    "project_id": None, "kinds": None, "enabled": True, "disabled_reason": None, "failing_since": None,
}  # fmt: skip
DELIVERY: dict[str, Any] = {
    "id": SENT, "type": "job.failed", "job_id": JOB, "status": "waiting", "attempt": 2,
    "created_at": "2026-05-01T12:00:00Z", "tries": [
        {"code": "timed_out", "status": None}, {"code": "answered_with_error", "status": 503},
    ],
}  # fmt: skip
ONCE = f"This is the only time that it is shown. erp has the id {ID}.\n"


@pytest.fixture
def kept(known: Gateway) -> Gateway:
    """A gateway with one webhook."""
    known.says("GET /api/v1/webhooks", {"items": [ERP], "next_cursor": None})
    return known


def body(known: Gateway, what: str) -> dict[str, Any]:
    return dict(json.loads(known.requests(what)[-1].body))


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "enabled"),
        ({"failing_since": "2026-05-01T12:00:00Z"}, "failing since 2026-05-01T12:00:00Z"),
        ({"enabled": False, "disabled_reason": "gone"}, "disabled (gone)"),
    ],
)
def test_they_are_listed_with_how_they_are(wharf: Any, kept: Gateway, change: dict[str, Any], state: str) -> None:
    """One that fails, or that nothing is sent to any more, is seen at once."""
    kept.says("GET /api/v1/webhooks", {"items": [ERP | change], "next_cursor": None})
    assert wharf("webhooks", "ls") == 0
    cells = wharf.out.splitlines()[1].split("  ")
    assert [cell.strip() for cell in cells if cell] == ["erp", ERP["url"], "job.completed,job.failed", state, ID]
    assert wharf("webhooks", "ls", "--json") == 0
    assert json.loads(wharf.out) == [ERP | change]


def test_a_secret_is_all_that_standard_output_has(wharf: Any, kept: Gateway) -> None:
    """Of a new webhook and of a new secret: a script reads it as it is."""
    kept.says("POST /api/v1/webhooks", ERP | {"secret": "whsec_a"}, status=201)
    kept.says(f"POST {OWN}/rotate", ERP | {"secret": "whsec_b"})
    assert wharf("webhooks", "add", "erp", ERP["url"], "--kinds", "import, package", "--project", "north") == 0
    assert (wharf.out, wharf.err) == ("whsec_a\n", ONCE)
    assert body(kept, "POST /api/v1/webhooks") == {
        "name": "erp", "url": ERP["url"], "events": ["job.completed", "job.failed", "job.cancelled"],
        "kinds": ["import", "package"], "project_id": "north",
    }  # fmt: skip
    assert wharf("webhooks", "add", "erp", ERP["url"], "--events", "report.ready") == 0
    assert body(kept, "POST /api/v1/webhooks")["events"] == ["report.ready"]
    assert wharf("webhooks", "rotate", "erp") == 0
    assert (wharf.out, wharf.err) == ("whsec_b\n", ONCE)


def test_one_is_disabled_enabled_and_removed_by_name_or_id(wharf: Any, kept: Gateway) -> None:
    """It says how it is now; a name that is not there is told without asking for anything else."""
    kept.says(f"PATCH {OWN}", ERP | {"enabled": False, "disabled_reason": "asked"}, ERP)
    kept.says(f"DELETE {OWN}", None, status=204)
    assert wharf("webhooks", "disable", "erp") == 0
    assert (wharf.out, body(kept, f"PATCH {OWN}")) == ("erp: disabled (asked).\n", {"enabled": False})
    assert wharf("webhooks", "enable", ID) == 0
    assert (wharf.out, body(kept, f"PATCH {OWN}")) == ("erp: enabled.\n", {"enabled": True})
    assert wharf("webhooks", "rm", "erp") == 0
    assert (wharf.out, len(kept.requests(f"DELETE {OWN}"))) == ("erp: removed.\n", 1)
    assert wharf("webhooks", "rm", "crm") == 1
    assert wharf.err == "wharf: There is no webhook crm. See them: wharf webhooks ls\n"


def test_what_it_heard_is_listed_and_sent_again(wharf: Any, kept: Gateway) -> None:
    """With what the newest try came to; a test is one more message."""
    kept.says(f"GET {OWN}/deliveries", {"items": [DELIVERY], "next_cursor": None})
    kept.says(f"POST {OWN}/deliveries/{SENT}/replay", DELIVERY, status=202)
    kept.says(f"POST {OWN}/test", DELIVERY | {"type": "webhook.test"}, status=202)
    assert wharf("webhooks", "deliveries", "erp", "--status", "waiting", "--limit", "5") == 0
    assert f"job.failed  waiting  2      503 answered_with_error  {JOB}  {SENT}" in wharf.out
    assert kept.requests(f"GET {OWN}/deliveries")[0].query["status"] == ["waiting"]
    assert wharf("webhooks", "replay", "erp", SENT) == 0
    assert wharf.out == f"Delivery {SENT} is waiting.\n"
    assert wharf("webhooks", "test", "erp") == 0
    assert wharf.out == f"Delivery {SENT} is waiting. See it: wharf webhooks deliveries erp\n"
