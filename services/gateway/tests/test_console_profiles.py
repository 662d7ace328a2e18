"""The pages of profiles: who sees which, and the form that begins with what was found in a file."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from wharf.common.ledger.database import dumps

CSV = {"file": ("members.csv", b"No.;Name\n1;Ann\n", "text/csv")}
HOSTILE = "<img src=x onerror=alert(1)>\"'</td></table><script>alert(2)</script>"
DRAFT: dict[str, Any] = {
    "name": "members",
    "title": HOSTILE,
    "key": ["no"],
    "columns": [
        {"name": "no", "type": "integer", "required": True, "aliases": ["No."]},
        {"name": "name", "type": "text", "required": False, "aliases": [HOSTILE]},
    ],
}
NOTHING = {"target": None, "score": 0.0, "reason": None, "kept_as": None}
FOUND: dict[str, Any] = {
    "profile": None,
    "dialect": {"format": "csv"},
    "columns": [
        {"name": "No.", "type": "integer", "nulls": 0, "samples": ["1"]},
        {"name": HOSTILE, "type": "text", "nulls": 0, "samples": [HOSTILE]},
    ],
    "mapping": [{"source": "No.", **NOTHING}, {"source": HOSTILE, **NOTHING}],
    "sample": [["1", HOSTILE]],
    "problems": [],
    "skipped_lines": [],
    "draft": DRAFT,
}


@pytest.fixture
def looked_at(tenant):
    """The address of the form for a file that was looked at, and a way to say what was found in it."""
    with tenant.client("operator") as client:
        sent = client.post("/api/v1/uploads", data={"start": "false"}, files=CSV).json()

    def end(found: dict[str, Any]) -> str:
        tenant.execute(
            "UPDATE wharf.jobs SET status = 'completed', finished_at = now(), result = CAST(:result AS jsonb)"
            " WHERE id = :id",
            id=sent["job_id"],
            result=dumps(found),
        )
        return str(sent["upload_id"])

    return end


def test_what_was_drafted_is_in_the_form(tenant, looked_at, harmless):
    """Each column with its header, its type, its place in the key; a text of the file is never markup."""
    upload_id = looked_at(FOUND)
    with tenant.client("admin") as admin:
        page = admin.get("/profiles/new", params={"upload": upload_id}).text
        file = admin.get(f"/files/{upload_id}").text
    harmless(page)
    harmless(file)
    assert HOSTILE in html.unescape(page)
    assert re.findall(r'data-part="name"[^>]* value="(\w+)"', page) == ["no", "name"]
    assert re.findall(r"<option selected>(\w+)", page) == ["integer", "text"]
    assert [" checked" in box for box in re.findall(r'name="key"[^>]*>', page)] == [True, False]
    assert f"POST /api/v1/uploads/{upload_id}/inspect" in page


def test_a_look_that_drafted_nothing_says_what_to_do(tenant, looked_at):
    """One of a version before has no draft, and one of a file without headers has none either."""
    for found in ({**FOUND, "draft": None}, {name: value for name, value in FOUND.items() if name != "draft"}):
        upload_id = looked_at(found)
        with tenant.client("admin") as admin:
            page = admin.get("/profiles/new", params={"upload": upload_id})
            assert (page.status_code, "Look at the file again" in page.text) == (200, True)
            assert "Make a profile of it" not in admin.get(f"/files/{upload_id}").text


def test_only_admins_get_the_form(tenant, make_tenant, looked_at):
    """And only for files of their own."""
    upload_id = looked_at(FOUND)
    with tenant.client("operator") as operator:
        assert operator.get("/profiles/new", params={"upload": upload_id}).status_code == 403
        assert "An admin can make a profile of it" in operator.get(f"/files/{upload_id}").text
    with make_tenant().client("admin") as other:
        assert other.get("/profiles/new", params={"upload": upload_id}).status_code == 404


def test_whoever_sees_data_sees_what_their_columns_are(tenant, harmless):
    """Own profiles are told from the built-in ones; only an admin is offered to remove one."""
    own = DRAFT | {"checks": [{"name": "sane", "expression": "no > 0", "severity": "warning"}]}
    own["columns"] = [DRAFT["columns"][0] | {"checks": [{"kind": "range", "min": 1}]}, DRAFT["columns"][1]]
    with tenant.client("admin") as admin:
        assert admin.post("/api/v1/profiles", json=own).status_code == 201
        assert "DELETE /api/v1/profiles/members" in admin.get("/profiles/members").text
        assert "DELETE" not in admin.get("/profiles/transactions").text
    with tenant.client("viewer") as viewer:
        pages = [viewer.get("/profiles").text, viewer.get("/profiles/members").text]
        assert viewer.get("/profiles/nothing").status_code == 404
    for page in pages:
        harmless(page)
    assert "Sales transactions" in pages[0]
    assert pages[0].count(">own<") == 1
    assert "This must be at least 1." in pages[1]
    assert "no &gt; 0" in pages[1]
    assert "DELETE" not in pages[1]


def test_the_form_that_changes_one_holds_all_of_it(tenant, harmless):
    """What it has fields for, and as JSON what it has none for; only admins get it, and nothing of it is markup."""
    entity = {"name": "kind", "key": ["name"]}
    rule = {"name": "sane", "expression": "no < 3", "message": HOSTILE}
    own = DRAFT | {"entities": [entity], "checks": [rule], "header_patterns": ["X (.+)"], "nulls": ["NA", "not said"]}
    with tenant.client("admin") as admin:
        assert admin.post("/api/v1/profiles", json=own).status_code == 201
        page = admin.get("/profiles/members/edit").text
    harmless(page)
    said = html.unescape(page)
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)"[^>]* value="([^"]*)"', page))
    assert json.loads(html.unescape(hidden["entities"])) == [entity]
    assert json.loads(html.unescape(hidden["header_patterns"])) == ["X (.+)"]
    assert "NA\nnot said</textarea>" in said
    assert "no < 3" in said
    assert [" checked" in box for box in re.findall(r'name="key"[^>]*>', page)] == [True, False, False]
    with tenant.client("operator") as operator:
        assert operator.get("/profiles/members/edit").status_code == 403
        assert "/profiles/members/edit" not in operator.get("/profiles/members").text


def test_the_key_of_rows_that_are_there_is_not_offered(tenant, dataset):
    """It is sent as it was, in its order."""
    own = DRAFT | {"key": ["name", "no"]}
    with tenant.client("admin") as admin:
        assert admin.post("/api/v1/profiles", json=own).status_code == 201
        assert 'name="key" data-type="each"' in admin.get("/profiles/members/edit").text
        columns = [{"name": "no", "type": "integer"}, {"name": "name", "type": "text"}]
        dataset("members", {"title": "M", "key": own["key"], "columns": columns}, [])
        page = admin.get("/profiles/members/edit").text
    assert 'name="key" data-type="each"' not in page
    assert 'name="key" data-type="json" value="[&#34;name&#34;, &#34;no&#34;]"' in page


def test_saved_mappings_are_listed_and_forgotten_by_admins(tenant):
    """With what their headers bring; the button calls the API's own route."""
    tenant.job()
    tenant.execute(
        "INSERT INTO wharf.mappings (id, tenant_id, profile, fingerprint, headers, mapping, import_id)"
        " SELECT gen_random_uuid(), tenant_id, 'assets', 'x', ARRAY['Kennung'], CAST(:mapping AS jsonb), id"
        " FROM wharf.imports WHERE tenant_id = :tenant",
        tenant=tenant.id, mapping=dumps({"Kennung": "tag"}),
    )  # fmt: skip
    for role, forgets in (("admin", True), ("viewer", False)):
        with tenant.client(role) as client:
            page = client.get("/profiles/assets").text
        assert "<dt>Kennung</dt><dd>tag</dd>" in page
        assert ("DELETE /api/v1/profiles/assets/mappings/" in page) is forgets
