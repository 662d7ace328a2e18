from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from wharf.client.testing import JOB, Gateway, event_bytes, job_document

UPLOADS = "POST /api/v1/uploads"
STATE = f"GET /api/v1/jobs/{JOB}"
ACCEPTED = {"job_id": JOB, "upload_id": "u", "status": "queued", "status_url": "/s", "events_url": "/e"}
RESULT = {
    "rows_read": 1500, "inserted": 1490, "updated": 0, "unchanged": 0, "superseded": 1, "rejected": 9, "seconds": 0.5,
}  # fmt: skip
REJECT = {"line": 17, "errors": [{"column": "quantity", "code": "x", "message": "Not a number.", "value": "n/a"}]}


@pytest.fixture
def file(place: Path) -> Path:
    (place / "sales.csv").write_text("a\n1\n")
    return place / "sales.csv"


def moves(*documents: dict[str, Any]) -> list[bytes]:
    return [event_bytes(f"job.{one['status']}", one, f"{number}-0") for number, one in enumerate(documents)]


def test_an_upload_says_which_job_it_became(wharf: Any, known: Gateway, file: Path) -> None:
    """Without --watch the command ends at once and says how to go on."""
    known.says(UPLOADS, ACCEPTED, status=202)
    assert wharf("upload", str(file), "--profile", "transactions", "--project", "proj-1") == 0
    assert f"Job {JOB} is queued. Watch it: wharf jobs watch {JOB}" in wharf.out
    form = known.requests(UPLOADS)[0].form
    assert (form["profile"], form["project_id"]) == ("transactions", "proj-1")


def test_a_watched_upload_shows_progress_counts_and_rejects(wharf: Any, known: Gateway, file: Path) -> None:
    """Plain lines where there is no terminal: the stage, how far it is, and at the end what became of the rows."""
    loading = {"current": 1000, "total": 1500, "stage": "load", "rate": 85000.0, "eta_seconds": 12.0}
    known.says(UPLOADS, ACCEPTED, status=202)
    known.streams = [moves(job_document(progress=loading), job_document("completed", result=RESULT))]
    known.says(f"GET /api/v1/jobs/{JOB}/rejects", {"items": [REJECT], "next_cursor": None})
    assert wharf("upload", str(file), "--watch") == 0
    lines = wharf.out.splitlines()
    assert "load        1,000 / 1,500 rows  85,000 rows/s  ETA 12 s" in lines
    assert "Completed in 0.5 s: 1,500 rows read" in lines
    assert "  1,490 inserted, 0 updated, 0 unchanged, 1 superseded, 9 rejected" in lines
    assert "    line 17  quantity: Not a number. (got 'n/a')" in lines
    assert f"wharf jobs rejects {JOB} --limit 1000" in wharf.out


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        ("failed", {"code": "x", "message": "The column date is missing."}, "failed: The column date is missing."),
        ("cancelled", {"code": "cancelled", "message": "Cancelled."}, "was cancelled."),
    ],
)
def test_a_job_that_did_not_complete_is_exit_code_1(
    wharf: Any, known: Gateway, status: str, error: dict[str, str], said: str
) -> None:
    """Scripts can rely on it; people are told why and what they may do."""
    known.streams = [moves(job_document(status, error=error))]
    assert wharf("jobs", "watch", JOB) == 1
    assert f"Job {JOB} {said}" in wharf.out
    assert f"wharf jobs logs {JOB}" in wharf.out


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        (
            {"paused": True, "pause_reason": "new prices", "slots": 2},
            "The queue ingest is paused (new prices): the job ",
        ),
        ({"paused": True, "slots": 0}, "The queue ingest is paused: the job begins when it goes on."),
        ({"paused": False, "slots": 0}, "No worker serves the queue ingest: the job begins when one is started."),
        ({"paused": False, "slots": 2}, ""),
    ],
)
def test_why_a_job_does_not_begin_is_said(wharf: Any, known: Gateway, queue: dict[str, Any], said: str) -> None:
    """Before somebody waits for it in front of a bar that does not move."""
    known.says(f"GET /api/v1/jobs/{JOB}", job_document("queued", queue="ingest"))
    known.says("GET /api/v1/queues", {"items": [{"name": "package"}, {"name": "ingest"} | queue], "next_cursor": None})
    known.streams = [moves(job_document("completed", result={}))]
    assert wharf("jobs", "watch", JOB) == 0
    assert wharf.err.startswith(said)
    assert bool(said) == ("the job begins" in wharf.err)


def test_options_travel_as_they_were_meant(wharf: Any, known: Gateway, file: Path) -> None:
    """A header may hold an equals sign; --date-order is one of the options."""
    known.says(UPLOADS, ACCEPTED)
    options = [
        "--mapping",
        "a=b=store",
        "--mapping",
        "Qty=quantity",
        "--mapping",
        "Notes=",
        "--options",
        '{"decimal": ","}',
    ]
    assert wharf("upload", str(file), *options, "--date-order", "MDY", "--mode", "append", "--dry-run") == 0
    assert wharf("upload", str(file), "--idempotency-key", "mine-1") == 0
    assert known.requests(UPLOADS)[1].headers["idempotency-key"] == "mine-1"
    form = known.requests(UPLOADS)[0].form
    assert json.loads(form["mapping"]) == {"a=b": "store", "Qty": "quantity", "Notes": None}
    assert json.loads(form["options"]) == {"decimal": ",", "date_order": "MDY"}
    assert (form["mode"], form["dry_run"]) == ("append", "true")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mapping", "quantity"], "'quantity' is no HEADER=COLUMN."),
        (["--options", "{"], "This is no JSON"),
        (["--options", "[]"], "A JSON object is needed."),
        (["--mode", "merge"], "'merge' is not one of"),
        (["--nonsense"], "No such option"),
    ],
)
def test_a_wrong_call_is_exit_code_2(wharf: Any, known: Gateway, file: Path, arguments: list[str], said: str) -> None:
    """It is told before anything is sent."""
    assert wharf("upload", str(file), *arguments) == 2
    assert said in wharf.err
    assert known.asked == []


def test_a_refusal_is_one_line_on_stderr(wharf: Any, known: Gateway) -> None:
    """No traceback, and nothing on stdout for a pipe to trip over."""
    known.says(STATE, {"title": "Not Found", "detail": "There is no job."}, status=404)
    assert wharf("jobs", "show", JOB) == 1
    assert (wharf.out, wharf.err) == ("", "wharf: There is no job.\n")


def test_jobs_are_listed_whole(wharf: Any, known: Gateway) -> None:
    """Nothing is cut off, filters go to the server, --json is the API's own."""
    listed = job_document(
        label="x" * 200, created_at="2025-11-30T10:11:12Z", progress={"current": 5, "total": 10, "percent": 50.0}
    )
    known.says("GET /api/v1/jobs", {"items": [listed], "next_cursor": None})
    assert wharf("jobs", "ls", "--status", "running", "--limit", "5") == 0
    assert all(part in wharf.out for part in (JOB, "running", "5 / 10 rows (50 %)", "2025-11-30 10:11:12", "x" * 200))
    assert known.asked[0].query == {"status": ["running"], "limit": ["5"]}
    assert wharf("jobs", "ls", "--json") == 0
    assert json.loads(wharf.out) == [listed]


def test_an_empty_list_is_said(wharf: Any, known: Gateway) -> None:
    """Headers over nothing would look broken."""
    known.says("GET /api/v1/jobs", {"items": [], "next_cursor": None})
    assert wharf("jobs", "ls") == 0
    assert wharf.out == "There are no such jobs.\n"


def test_a_job_is_shown_with_its_attempts(wharf: Any, known: Gateway) -> None:
    """What went wrong, and who tried."""
    known.says(STATE, job_document("failed", error={"code": "x", "message": "No header."}))
    attempts = {"items": [{"attempt": 1, "worker": "w-1", "outcome": "fail"}], "next_cursor": None}
    known.says(f"GET /api/v1/jobs/{JOB}/attempts", attempts)
    assert wharf("jobs", "show", JOB) == 0
    assert all(part in wharf.out for part in ("failed", "No header.", "w-1"))
    assert wharf("jobs", "show", JOB, "--json") == 0
    assert json.loads(wharf.out)["attempts"] == attempts["items"]


@pytest.mark.parametrize("action", ["cancel", "retry", "discard"])
def test_jobs_are_steered(wharf: Any, known: Gateway, action: str) -> None:
    """Each command is one request, and says what the job is like now."""
    known.says(f"POST /api/v1/jobs/{JOB}/{action}", job_document("cancelling"), status=202)
    assert wharf("jobs", action, JOB) == 0
    assert JOB in wharf.out
    assert "cancelling" in wharf.out
    assert len(known.asked) == 1


def test_logs_and_rejects_are_printed(wharf: Any, known: Gateway, place: Path) -> None:
    """A line each; --out saves the CSV."""
    line = {"at": "2025-11-30T10:00:00Z", "attempt": 1, "level": "info", "event": "import.planned", "fields": {"n": 3}}
    known.says(f"GET /api/v1/jobs/{JOB}/logs", {"items": [line], "next_cursor": None})
    known.says(f"GET /api/v1/jobs/{JOB}/rejects", {"items": [REJECT], "next_cursor": None})
    known.says(f"GET /api/v1/jobs/{JOB}/rejects.csv", b"line\n17\n")
    assert wharf("jobs", "logs", JOB) == 0
    assert "import.planned  n=3" in wharf.out
    assert wharf("jobs", "rejects", JOB) == 0
    assert wharf.out == "line 17  quantity: Not a number. (got 'n/a')\n"
    assert wharf("jobs", "rejects", JOB, "--out", "out.csv") == 0
    assert (place / "out.csv").read_bytes() == b"line\n17\n"


def test_a_result_is_told_and_is_an_exit_code(wharf: Any, known: Gateway) -> None:
    """A job that goes on is told as it is; one that failed is exit code 1."""
    known.says(
        STATE, job_document(), job_document("completed", result=RESULT | {"rejected": 0}), job_document("failed")
    )
    assert wharf("jobs", "result", JOB) == 0
    assert "is running" in wharf.out
    assert wharf("jobs", "result", JOB) == 0
    assert "1,500 rows read" in wharf.out
    assert wharf("jobs", "result", JOB) == 1


def test_a_key_is_printed_alone(wharf: Any, known: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """`KEY=$(wharf keys create me)` works; a key for a tenant is asked for with the platform's."""
    monkeypatch.setenv("WHARF_PLATFORM_KEY", "platform")
    known.says("POST /api/v1/keys", {"id": "k-1", "key": "wk_secret"}, status=201)
    assert wharf("keys", "create", "me", "--role", "admin") == 0
    assert (wharf.out, "k-1" in wharf.err) == ("wk_secret\n", True)
    assert wharf("keys", "create", "me", "--tenant", "acme") == 0
    mine, acmes = known.requests("POST /api/v1/keys")
    assert json.loads(mine.body) == {"name": "me", "role": "admin"}
    assert json.loads(acmes.body) == {"name": "me", "role": "operator", "tenant": "acme"}
    assert (mine.headers["authorization"] != acmes.headers["authorization"]) is True
    assert acmes.headers["authorization"] == "Bearer platform"


def test_keys_are_listed_and_revoked(wharf: Any, known: Gateway) -> None:
    """An answer without a body is an answer."""
    known.says("GET /api/v1/keys", {"items": [{"id": "k-1", "name": "ci", "role": "operator"}], "next_cursor": None})
    known.says("DELETE /api/v1/keys/k-1", b"", status=204)
    assert wharf("keys", "ls") == 0
    assert "k-1  ci    operator" in wharf.out
    assert wharf("keys", "revoke", "k-1") == 0
    assert len(known.requests("DELETE /api/v1/keys/k-1")) == 1


def test_tenants_are_made_with_the_platforms_key(wharf: Any, known: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """And listed."""
    monkeypatch.setenv("WHARF_PLATFORM_KEY", "platform")
    known.says("POST /api/v1/tenants", {"name": "acme"}, status=201)
    known.says("GET /api/v1/tenants", {"items": [{"name": "acme", "created_at": "2025"}], "next_cursor": None})
    assert wharf("tenants", "create", "acme") == 0
    assert "--tenant acme" in wharf.out
    assert wharf("tenants", "ls") == 0
    assert "acme" in wharf.out
    assert {one.headers["authorization"] for one in known.asked} == {"Bearer platform"}


def test_profiles_are_shown_with_their_columns(wharf: Any, known: Gateway) -> None:
    """Which headers a file may bring is what people ask for."""
    column = {"name": "quantity", "type": "integer", "required": True, "aliases": ["qty", "units"]}
    profile = {"name": "transactions", "title": "Sales", "key": ["transaction_id"], "columns": [column]}
    known.says("GET /api/v1/profiles", {"items": [profile], "next_cursor": None})
    known.says("GET /api/v1/profiles/transactions", profile)
    assert wharf("profiles", "ls") == 0
    assert "transactions  Sales  transaction_id" in wharf.out
    assert wharf("profiles", "show", "transactions") == 0
    assert "quantity  integer  required  qty, units" in wharf.out


def test_profiles_are_checked_saved_and_removed(wharf: Any, known: Gateway, place: Path) -> None:
    """A declaration in TOML, moments and all, becomes JSON; one that cannot be read says so and sends nothing."""
    declared = place / "members.toml"
    declared.write_text('name = "members"\ntitle = "M"\ncolumns = [{name = "joined", min = 2000-01-01}]\n')
    profile = {"name": "members", "title": "M", "columns": [{"name": "joined", "min": "2000-01-01"}]}
    known.says("POST /api/v1/profiles", profile)
    known.says("PUT /api/v1/profiles/members", profile)
    known.says("DELETE /api/v1/profiles/members", b"", status=204)
    assert wharf("profiles", "check", str(declared)) == 0
    assert "members: 1 columns, nothing wrong." in wharf.out
    assert json.loads(known.requests("POST /api/v1/profiles")[0].body) == profile
    assert wharf("profiles", "save", str(declared)) == 0
    assert wharf("profiles", "rm", "members") == 0
    declared.write_text("name = ")
    assert wharf("profiles", "check", str(declared)) == 1
    assert "cannot be read as a declaration" in wharf.err


def test_a_profile_is_drafted_of_a_file(wharf: Any, known: Gateway, place: Path) -> None:
    """As TOML that can be saved again; the file is only looked at. Where there is nothing to draft it says so."""
    file = place / "members.csv"
    file.write_text("no,name\n1,Ann\n")
    columns = [{"type": "integer", "required": True, "name": "no"}, {"name": "fee", "required": False, "aliases": []}]
    draft = {"key": ["no"], "name": "members", "columns": columns, "title": "Members"}
    known.says("POST /api/v1/uploads", {"job_id": "j-1"}, status=202)
    known.says("GET /api/v1/jobs/j-1", {"job_id": "j-1", "status": "completed", "progress": {}})
    known.says("GET /api/v1/jobs/j-1/result", {"draft": draft})
    assert wharf("profiles", "draft", str(file)) == 0
    told = tomllib.loads(wharf.out)
    assert told == draft | {"columns": [columns[0], {"name": "fee"}]}
    assert [list(told), list(told["columns"][0])] == [["name", "title", "key", "columns"], ["name", "type", "required"]]
    assert b'name="start"\r\n\r\nfalse' in known.requests("POST /api/v1/uploads")[0].body
    known.says("GET /api/v1/jobs/j-1/result", {"draft": None})
    assert wharf("profiles", "draft", str(file)) == 1
    assert "nothing that a profile could have" in wharf.err


def test_package_types_are_shown_checked_saved_and_removed(wharf: Any, known: Gateway, place: Path) -> None:
    """YAML goes as it is, so that the server can tell its lines; TOML becomes JSON."""
    columns = [{"name": "tag", "title": "Tag"}]
    section = {"name": "all", "title": "Everything", "dataset": "assets", "columns": columns}
    kind = {"name": "stock", "title": "Stock", "sections": [section]}
    yaml, toml = place / "stock.yaml", place / "stock.toml"
    yaml.write_text("name: stock  # and so on\n")
    toml.write_text('name = "stock"\ntitle = "Stock"\n')
    known.says("GET /api/v1/package-types", {"items": [kind], "next_cursor": None})
    known.says("GET /api/v1/package-types/stock", kind)
    known.says("POST /api/v1/package-types", kind)
    known.says("PUT /api/v1/package-types/stock", kind)
    known.says("DELETE /api/v1/package-types/stock", b"", status=204)
    assert wharf("package-types", "ls") == 0
    assert "stock  Stock  1" in wharf.out
    assert wharf("package-types", "show", "stock") == 0
    assert "all      Everything  assets   tag" in wharf.out
    assert wharf("package-types", "check", str(yaml)) == 0
    assert "stock: 1 sections, nothing wrong." in wharf.out
    assert wharf("package-types", "save", str(yaml)) == 0
    assert wharf("package-types", "save", str(toml)) == 0
    assert wharf("package-types", "rm", "stock") == 0
    checked, saved = known.requests("POST /api/v1/package-types")[0], known.requests("PUT /api/v1/package-types/stock")
    assert (checked.body, checked.headers["content-type"]) == (yaml.read_bytes(), "application/yaml")
    assert saved[0].body == yaml.read_bytes()
    assert json.loads(saved[1].body) == {"name": "stock", "title": "Stock"}
    yaml.write_bytes(b"\xff")
    assert wharf("package-types", "check", str(yaml)) == 1
    assert "cannot be read as a declaration" in wharf.err


def test_ctrl_c_leaves_the_job_running(known: Gateway) -> None:
    """The person is told so, and how to stop it; the shell sees 130."""
    known.streams = [moves(job_document(progress={"current": 1, "stage": "load"}))]
    known.release.clear()
    # A shell's background job ignores Ctrl-C, and so would its child: these tests may run in one.
    heard = "import signal, runpy; signal.signal(signal.SIGINT, signal.default_int_handler);"
    heard += " runpy.run_module('wharf.client', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", heard, "jobs", "watch", JOB]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert isinstance(watching.stdout, io.TextIOBase)
        assert "load" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert "The job goes on." in err
    assert f"wharf jobs cancel {JOB}" in err
    assert known.requests(f"POST /api/v1/jobs/{JOB}/cancel") == []
