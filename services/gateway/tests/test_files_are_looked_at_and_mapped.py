"""Files on pages and the second look at a stored one: who may, what is shown, what is asked for."""

from __future__ import annotations

import html
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from wharf.common.access import Role
from wharf.common.ledger.database import dumps

CSV = {"file": ("sales.csv", b"Txn;Datum\nA1;02.01.2025\n", "text/csv")}
HOSTILE = "<img src=x onerror=alert(1)>\"'</td></table><script>alert(2)</script>"
FOUND: dict[str, Any] = {
    "profile": {"name": "transactions", "score": 0.4},
    "dialect": {"format": "csv", "delimiter": "\t", "encoding": "utf-8", "header_rows": [1], "sheet": None},
    "columns": [
        {"name": "transaction_id", "type": "text", "nulls": 0, "samples": ["t1"]},
        {"name": "Datum", "type": "timestamp", "nulls": 0, "samples": ["02.01.2025", "03.01.2025"]},
        {"name": "Foo", "type": "integer", "nulls": 0, "samples": ["1"]},
    ],
    "mapping": [
        {"source": "transaction_id", "target": "transaction_id", "score": 1.0, "reason": "exact", "kept_as": None},
        {"source": "Datum", "target": "date", "score": 0.6, "reason": "content", "kept_as": None},
        {"source": "Foo", "target": None, "score": 0.0, "reason": None, "kept_as": "Foo"},
    ],
    "problems": [
        {"loc": "mapping.date", "code": "missing_column", "message": "No header of the file means date."},
        {"loc": "sheet", "code": "several_sheets", "message": "There are two sheets."},
        {"loc": "line 7, date", "code": "not_a_date", "message": "This is not a date."},
    ],
    "skipped_lines": [],
}


@pytest.fixture
def operator(tenant):
    """Somebody who may hand in files."""
    with tenant.client("operator") as client:
        yield client


@pytest.fixture
def looked_at(operator: httpx.Client) -> dict[str, Any]:
    """A file whose inspection was asked for as it was handed in: `{job_id, upload_id, ...}`."""
    sent: dict[str, Any] = operator.post("/api/v1/uploads", data={"start": "false"}, files=CSV).json()
    return sent


def end(tenant, job_id: str, found: dict[str, Any] | None, **more: Any) -> None:
    """Write what a worker writes at an inspection's end."""
    status = "completed" if found is not None else "failed"
    tenant.execute(
        "UPDATE wharf.jobs SET status = :status, finished_at = now(), result = CAST(:result AS jsonb),"
        " error = CAST(:error AS jsonb) WHERE id = :id",
        id=job_id, status=status, result=found and dumps(found), error=dumps(more) if more else None,
    )  # fmt: skip


def page_of(client: httpx.Client, sent: dict[str, Any], **query: str) -> str:
    answer = client.get(f"/files/{sent['upload_id']}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_stored_file_is_looked_at_again(tenant, operator, looked_at):
    """As another profile, by a job of its own, which reads the same file."""
    place = f"/api/v1/uploads/{looked_at['upload_id']}/inspect"
    again = operator.post(place, json={"profile": "transactions", "mapping": {"Txn": "transaction_id"}})
    assert again.status_code == 202
    assert again.json()["upload_id"] == looked_at["upload_id"]
    assert again.headers["location"] == again.json()["status_url"]
    row = tenant.execute("SELECT kind, label, payload FROM wharf.jobs WHERE id = :id", id=again.json()["job_id"])[0]
    assert (row["kind"], row["label"]) == ("inspect", "sales.csv")
    said = {name: row["payload"][name] for name in ("upload_id", "profile", "mapping")}
    assert said == {
        "upload_id": looked_at["upload_id"],
        "profile": "transactions",
        "mapping": {"Txn": "transaction_id"},
    }


def test_a_second_look_is_asked_for_once(tenant, operator, looked_at):
    """Under one key both requests get the same answer; without a body it is as the first look was."""
    place, key = f"/api/v1/uploads/{looked_at['upload_id']}/inspect", {"Idempotency-Key": str(uuid4())}
    answers = [operator.post(place, headers=key).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert tenant.count("jobs") == 2
    assert operator.post(place, json={"profile": "transactions"}, headers=key).status_code == 409


@pytest.mark.parametrize(
    ("body", "where"),
    [({"profile": "nothing"}, "profile"), ({"mode": "append"}, "mode"), ({"mapping": {"a": ""}}, "mapping")],
    ids=["an unknown profile", "a field of an import", "an empty column"],
)
def test_a_second_look_that_cannot_be(operator, looked_at, body, where):
    """Every mistake is named with its place."""
    answer = operator.post(f"/api/v1/uploads/{looked_at['upload_id']}/inspect", json=body)
    assert answer.status_code == 422
    assert any(where in str(error["loc"]) for error in answer.json()["errors"])


def test_what_is_not_there_is_not_looked_at(make_tenant, tenant, operator, looked_at):
    """Another tenant's file, one of another project, one that was removed."""
    place = f"/api/v1/uploads/{looked_at['upload_id']}/inspect"
    with make_tenant().client("operator") as stranger:
        assert stranger.post(place).status_code == 404
        assert stranger.get(f"/files/{looked_at['upload_id']}").status_code == 404
    bound = tenant.key(Role.OPERATOR, project_id="other")["key"]
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": bound}) as other:
        assert other.post(place).status_code == 404
        assert other.get(f"/files/{looked_at['upload_id']}").status_code == 404
    tenant.execute("UPDATE wharf.uploads SET removed_at = now() WHERE id = :id", id=looked_at["upload_id"])
    assert operator.post(place).status_code == 410
    page = page_of(operator, looked_at)
    assert "Its file is gone" in page
    assert "data-call" not in page


def test_the_form_offers_what_there_is(tenant, operator):
    """Profiles by their titles, projects; for a key of one project that one alone. A viewer gets no form."""
    operator.post("/api/v1/uploads", data={"start": "false", "project_id": "spring"}, files=CSV).raise_for_status()
    page = operator.get("/files").text
    assert '<option value="transactions">Sales transactions</option>' in page
    assert '<option value="spring">' in page
    with httpx.Client(
        base_url=tenant.gateway.url, headers={"X-API-Key": tenant.key(Role.OPERATOR, project_id="p1")["key"]}
    ) as bound:
        only = bound.get("/files").text
    assert '<option value="p1" selected>p1</option>' in only
    assert "spring" not in only
    with tenant.client("viewer") as viewer:
        assert viewer.get("/files").status_code == 403
        assert 'href="/files"' not in viewer.get("/jobs").text


def test_a_look_that_goes_on_is_followed(operator, looked_at):
    """The page is led to its job's events, and offers nothing yet."""
    page = page_of(operator, looked_at)
    assert f'data-live="/api/v1/jobs/{looked_at["job_id"]}/events"' in page
    assert "data-live-ended" not in page
    assert "data-call" not in page


def test_what_was_found_is_shown_and_can_be_changed(tenant, operator, looked_at):
    """Each header with values, what it brings and why; what is missing; problems but for those of the mapping."""
    end(tenant, looked_at["job_id"], FOUND)
    page = page_of(operator, looked_at)
    assert "02.01.2025 · 03.01.2025" in page
    assert '<option value="date" selected>date, needed</option>' in page
    assert "by its values: please look" in page
    assert "<code>tab</code>" in page
    assert "There are two sheets." in page
    assert "No header of the file means date." not in page
    assert "<strong>line 7, date</strong>: This is not a date." in page
    assert "<span>quantity, unit_price</span>" in page
    assert f'data-call="POST /api/v1/uploads/{looked_at["upload_id"]}/import"' in page


def test_a_viewer_sees_what_was_found(tenant, looked_at):
    """And no way to change it."""
    end(tenant, looked_at["job_id"], FOUND)
    with tenant.client("viewer") as viewer:
        page = page_of(viewer, looked_at)
    assert "02.01.2025" in page
    assert "data-call" not in page
    assert "<select" not in page


def test_the_look_that_is_named_is_shown(tenant, operator, looked_at):
    """A later one by its job; one of another file, or a job of another kind, is none of this file's."""
    end(tenant, looked_at["job_id"], FOUND | {"profile": None, "mapping": []})
    later = operator.post(f"/api/v1/uploads/{looked_at['upload_id']}/inspect").json()["job_id"]
    end(tenant, later, FOUND)
    assert "<dd>none fits</dd>" in page_of(operator, looked_at)
    assert '<a href="/profiles/transactions">Sales transactions</a>' in page_of(operator, looked_at, job=later)
    for foreign in (str(tenant.job().job_id), str(uuid4())):
        assert "What it is" not in page_of(operator, looked_at, job=foreign)
    assert operator.get(f"/files/{looked_at['upload_id']}", params={"job": "x"}).status_code == 422


@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        (None, "<dt>Sheets</dt><dd>May, June: each is imported by itself; this is the first that is not hidden</dd>"),
        ("June", "<dt>Other sheets</dt><dd>May: each is imported by itself</dd>"),
    ],
    ids=["none was asked for", "one was asked for"],
)
def test_sheets_of_a_workbook_are_told(tenant, operator, looked_at, sheet, said):
    """Which other ones there are; where nobody said one, which this is."""
    dialect = {"format": "xlsx", "header_rows": [1], "sheet": sheet, "sheets": ["May", "June"]}
    end(tenant, looked_at["job_id"], FOUND | {"dialect": dialect})
    assert said in page_of(operator, looked_at)


def test_a_file_that_cannot_be_read_says_why(tenant, operator, looked_at):
    """With the job's own sentence, and another try offered."""
    end(tenant, looked_at["job_id"], None, code="not_text", message="This is a picture.", retryable=False)
    page = page_of(operator, looked_at)
    assert "This is a picture." in page
    assert "Look again" in page


def test_an_import_leads_to_its_file(tenant, operator):
    """So a file that fitted no profile can be mapped by hand, without being sent again."""
    job = tenant.job()
    page = operator.get(f"/jobs/{job.job_id}").text
    assert f'href="/files/{tenant.upload_of(job)}"' in page
    assert "Look at it" in operator.get(f"/files/{tenant.upload_of(job)}").text
    assert "/files/" not in operator.get(f"/jobs/{tenant.job(kind='echo').job_id}").text


def test_texts_of_files_never_become_markup(tenant, operator, harmless):
    """Names, headers, cells, messages."""
    named = {"file": ("<img src=x onerror=alert(1)>.csv", b"a\n1\n", "text/csv")}
    sent = operator.post("/api/v1/uploads", data={"start": "false"}, files=named).json()
    hostile = FOUND | {
        "columns": [{"name": HOSTILE, "type": HOSTILE, "nulls": 0, "samples": [HOSTILE]}],
        "mapping": [{"source": HOSTILE, "target": None, "score": 0.0, "reason": None, "kept_as": None}],
        "problems": [{"loc": "x", "code": HOSTILE, "message": HOSTILE}],
        "dialect": {"format": HOSTILE, "delimiter": HOSTILE, "encoding": HOSTILE, "sheet": HOSTILE},
    }
    end(tenant, sent["job_id"], hostile)
    harmless(page_of(operator, sent))


def test_a_file_of_very_many_columns_is_mapped_too(tenant, looked_at):
    """A list of columns for each header would be too large: they share one."""
    columns = [{"name": f"c{nth}"} for nth in range(300)]
    with tenant.client("admin") as admin:
        admin.post("/api/v1/profiles", json={"name": "wide", "title": "Wide", "columns": columns}).raise_for_status()
        match = {"target": "c7", "score": 0.5, "reason": "fuzzy", "kept_as": None}
        mapping = [{"source": f"h{nth}", **match} for nth in range(300)]
        end(tenant, looked_at["job_id"], FOUND | {"profile": {"name": "wide", "score": 0.1}, "mapping": mapping})
        page = page_of(admin, looked_at)
    assert page.count("<datalist") == 1
    assert 'data-of="h299" data-itself="" list="targets" value="c7"' in page
    assert len(page) < 500_000


def test_each_of_two_columns_of_one_name_has_its_own_values(tenant, operator, looked_at):
    """By its name only the first one can be given a column; the second says so."""
    twice = [{"name": "note", "type": "text", "nulls": 0, "samples": [sample]} for sample in ("first", "second")]
    match = {"source": "note", "target": None, "score": 0.0, "reason": None, "kept_as": "note"}
    end(tenant, looked_at["job_id"], FOUND | {"columns": twice, "mapping": [match, match]})
    page = page_of(operator, looked_at)
    assert page.index(">first<") < page.index(">second<")
    assert page.count('data-of="note"') == 1
    assert "this header comes twice" in page


def test_every_header_can_be_said_to_bring_nothing(tenant, operator, looked_at):
    """One of which nobody says anything is not named; one that is known is, whatever was said last time."""
    saved = {"source": "Notes", "target": "notes", "score": 1.0, "reason": "saved", "kept_as": None}
    end(tenant, looked_at["job_id"], FOUND | {"columns": [], "mapping": [*FOUND["mapping"], saved]})
    page = page_of(operator, looked_at)
    assert page.count('<option value="">Nothing: kept beside</option>') == 4
    said = re.findall(r'data-of="(\w+)"( data-itself="")?', page)
    assert said == [("transaction_id", ""), ("Datum", ' data-itself=""'), ("Foo", ' data-itself=""'), ("Notes", "")]


def test_what_is_mapped_by_itself_is_said_where_something_is_as_last_time(tenant, operator, looked_at):
    """An import that says nothing takes what was said last time, and so what was taken back just now."""
    end(tenant, looked_at["job_id"], FOUND)
    assert 'data-of="transaction_id" data-itself="transaction_id"' in page_of(operator, looked_at)
    again = [match | {"reason": "saved"} if match["source"] == "Datum" else match for match in FOUND["mapping"]]
    end(tenant, looked_at["job_id"], FOUND | {"mapping": again})
    assert 'data-of="transaction_id" aria-label' in page_of(operator, looked_at)


def test_a_workbook_s_other_sheets_are_told_and_can_be_read(tenant, operator, looked_at):
    """What a look was told goes with the import; text's delimiter and encoding are not a workbook's."""
    place = f"/api/v1/uploads/{looked_at['upload_id']}/inspect"
    later = operator.post(place, json={"options": {"sheet": "Feb", "date_order": "DMY"}}).json()["job_id"]
    dialect = {"format": "xlsx", "sheet": "Feb", "sheets": ["Jan", "Feb"], "delimiter": ",", "encoding": "utf-8"}
    end(tenant, later, FOUND | {"dialect": dialect})
    page = page_of(operator, looked_at, job=later)
    assert "<dd>Jan: each is imported by itself</dd>" in page
    assert '<option value="Feb" selected>Feb</option>' in page
    assert '<option value="DMY" selected>day first</option>' in page
    assert "Delimiter" not in page
    assert '"sheet": "Feb"' in html.unescape(page)
