"""Tenants write profiles of their own: by API, with checks, and files are loaded by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wharf.local.trial import Trial

MEMBERS: dict[str, Any] = {
    "title": "Members",
    "key": ["number"],
    "columns": [
        {"name": "number", "required": True, "checks": [{"kind": "pattern", "pattern": "M-[0-9]{4}"}]},
        {"name": "email", "checks": [{"kind": "unique", "within": "dataset"}]},
        {"name": "joined", "type": "timestamp", "checks": [{"kind": "range", "min": "2000-01-01"}]},
        {"name": "left_on", "type": "timestamp"},
        {"name": "fee", "type": "decimal", "checks": [{"kind": "range", "min": 0, "max": "99.90"}]},
        {"name": "level", "checks": [{"kind": "values", "values": ["gold", "silver"], "ignore_case": True}]},
        {"name": "tags", "type": "list", "checks": [{"kind": "length", "max": 2, "severity": "warning"}]},
        {"name": "club", "checks": [{"kind": "reference", "profile": "assets", "column": "tag"}]},
    ],
    "checks": [
        {"name": "leaves_later", "expression": "left_on >= joined", "message": "Nobody leaves before joining."},
        {"name": "gold_pays", "expression": "level != 'gold' or fee > 10", "severity": "warning"},
    ],
}
HEADER = "number,email,joined,left_on,fee,level,tags,tags,tags,club\n"


@pytest.fixture
def members(tenant: Trial) -> str:
    """A profile of the tenant's own."""
    tenant.api.post("/api/v1/profiles", json={"name": "members"} | MEMBERS).raise_for_status()
    return "members"


def _load(tenant: Trial, folder: Path, rows: str, **said: Any) -> dict[str, Any]:
    path = folder / "members.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return dict(tenant.load(path, **said))


def _rejects(tenant: Trial, job: dict[str, Any]) -> dict[int, list[tuple[str | None, str]]]:
    items = tenant.api.get(f"/api/v1/jobs/{job['job_id']}/rejects").raise_for_status().json()["items"]
    return {row["line"]: [(e["column"], e["code"]) for e in row["errors"]] for row in items}


def test_rows_that_fail_a_check_are_rejects_with_their_reasons(
    tenant: Trial, tmp_path: Path, project: str, members: str
) -> None:
    """Checks of a value, of a whole row and across rows; each is counted exactly, and the rest of the file loads."""
    assets = tmp_path / "assets.csv"
    assets.write_text("tag,type\nC1,club\n", encoding="utf-8")
    tenant.load(assets, project_id=project, profile="assets")
    rows = (
        "M-0001,a@x.org,2020-01-01,,99.90,Gold,a,,,C1\n"
        "X1,b@x.org,2020-01-01,,1,gold,,,,C1\n"  # 3: number
        '"M-0002",c@x.org,1999-12-31,,99.901,lead,,,,C1\n'  # 4: joined, fee, level
        '"M-0003","d@\nx.org",2020-01-01,2019-01-01,5,silver,,,,C1\n'  # 5 and 6: leaves before joining
        "M-0004,a@x.org,2020-01-01,,5,gold,a,b,c,C1\n"  # 7: the first row has that address
        "M-0005,,2020-01-01,,5,gold,a,b,c,C1\n"  # 8: warned of two things
        "M-0006,f@x.org,,2019-01-01,5,,,,,C9\n"  # 9: no such club
        "M-0001,a@x.org,2020-01-01,,98,Gold,a,,,C1\n"  # 10: the first row again, and the last one wins
    )
    job = _load(tenant, tmp_path, rows, project_id=project, profile=members)
    result = job["result"]
    counts = {name: result[name] for name in ("rows_read", "inserted", "superseded", "rejected")}
    assert counts == {"rows_read": 8, "inserted": 2, "superseded": 1, "rejected": 5}
    assert _rejects(tenant, job) == {
        3: [("number", "no_match")],
        4: [("joined", "not_in_range"), ("fee", "not_in_range"), ("level", "not_a_known_value")],
        5: [(None, "leaves_later")],
        7: [("email", "not_unique")],
        9: [("club", "unknown_reference")],
    }
    problems = {(p["column"], p["code"], p["severity"]): (p["count"], p["lines"]) for p in result["problems"]}
    assert problems == {
        ("number", "no_match", "error"): (1, [3]),
        ("joined", "not_in_range", "error"): (1, [4]),
        ("fee", "not_in_range", "error"): (1, [4]),
        ("level", "not_a_known_value", "error"): (1, [4]),
        ("email", "not_unique", "error"): (1, [7]),
        ("club", "unknown_reference", "error"): (1, [9]),
        (None, "leaves_later", "error"): (1, [5]),
        ("tags", "wrong_length", "warning"): (2, [7, 8]),
        (None, "gold_pays", "warning"): (1, [8]),
    }
    assert result["period"] is None
    items = tenant.api.get(f"/api/v1/jobs/{job['job_id']}/rejects").json()["items"]
    whole = next(row for row in items if row["line"] == 5)
    assert whole["raw"] == '"M-0003","d@\nx.org",2020-01-01,2019-01-01,5,silver,,,,C1'
    assert whole["errors"][0]["message"] == "Nobody leaves before joining."


def test_a_value_must_be_new_to_the_dataset_unless_its_own_row_has_it(
    tenant: Trial, tmp_path: Path, project: str, members: str
) -> None:
    """In upserts a row keeps its own value; another row may not take it; replacing begins anew."""
    said = {"project_id": project, "profile": members}
    first = "M-0001,a@x.org,2020-01-01,,5,gold,,,,\nM-0002,b@x.org,2020-01-01,,5,gold,,,,\n"
    assert _load(tenant, tmp_path, first, **said)["result"]["inserted"] == 2
    second = "M-0001,a@x.org,2020-01-01,,6,gold,,,,\nM-0003,b@x.org,2020-01-01,,5,gold,,,,\n"
    dry = _load(tenant, tmp_path, second, **said, dry_run="true")["result"]
    job = _load(tenant, tmp_path, second, **said)
    assert (job["result"]["updated"], job["result"]["inserted"], job["result"]["rejected"]) == (1, 0, 1)
    assert (dry["updated"], dry["inserted"], dry["rejected"]) == (1, 0, 1)
    assert _rejects(tenant, job) == {3: [("email", "not_unique")]}
    replaced = _load(tenant, tmp_path, second, **said, mode="replace")["result"]
    assert (replaced["inserted"], replaced["rejected"]) == (2, 0)


def test_abort_leaves_the_dataset_as_it_is_and_tells_of_failed_checks(
    tenant: Trial, tmp_path: Path, project: str, members: str
) -> None:
    """Checks across rows count as every other error does."""
    rows = "M-0001,a@x.org,2020-01-01,2000-01-01,5,gold,,,,\nM-0002,b@x.org,2020-01-01,,5,gold,,,,\n"
    job = _load(tenant, tmp_path, rows, project_id=project, profile=members, on_error="abort")
    assert (job["status"], job["error"]["code"]) == ("failed", "rows_rejected")
    assert "Nobody leaves before joining." in job["error"]["message"]
    assert _rejects(tenant, job) == {2: [(None, "leaves_later")]}


def test_a_profile_grows_and_its_dataset_with_it(tenant: Trial, tmp_path: Path, project: str, members: str) -> None:
    """A new column is added; the type of one that has rows, and the key, stay."""
    said = {"project_id": project, "profile": members}
    _load(tenant, tmp_path, "M-0001,a@x.org,2020-01-01,,5,gold,,,,\n", **said)
    grown = {"name": members} | MEMBERS | {"columns": [*MEMBERS["columns"], {"name": "city"}]}
    assert tenant.api.put(f"/api/v1/profiles/{members}", json=grown).status_code == 200
    path = tmp_path / "more.csv"
    path.write_text("number,city\nM-0002,Kiel\n", encoding="utf-8")
    assert tenant.load(path, **said)["result"]["inserted"] == 1
    rows = tenant.api.get(f"/api/v1/datasets/{members}/rows", params={"project_id": project}).json()["items"]
    assert [(row["number"], row["city"]) for row in rows] == [("M-0001", None), ("M-0002", "Kiel")]
    for change, loc in (
        ({"key": []}, "body.key"),
        ({"columns": [*MEMBERS["columns"][:-1], {"name": "club", "type": "integer"}]}, "body.columns"),
    ):
        answer = tenant.api.put(f"/api/v1/profiles/{members}", json={"name": members} | MEMBERS | change)
        assert (answer.status_code, answer.json()["code"]) == (409, "dataset_differs")
        assert answer.json()["errors"][0]["loc"] == loc.split(".")


def test_a_file_is_recognised_by_a_profile_of_the_tenant(
    tenant: Trial, tmp_path: Path, project: str, members: str
) -> None:
    """Without a profile said, its headers find it; and it goes when it is removed, but its rows stay."""
    job = _load(tenant, tmp_path, "M-0001,a@x.org,2020-01-01,,5,gold,,,,\n", project_id=project)
    assert (job["result"]["profile"], job["result"]["inserted"]) == (members, 1)
    assert tenant.api.delete(f"/api/v1/profiles/{members}").status_code == 204
    assert tenant.api.get(f"/api/v1/profiles/{members}").status_code == 404
    assert len(tenant.api.get(f"/api/v1/datasets/{members}/rows").json()["items"]) == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "Bad Name"}, 422, "invalid_request"),
        ({"name": "assets"}, 409, "profile_exists"),
        ({"name": "staging_x"}, 422, "invalid_request"),
        ({"name": "procurement_suppliers"}, 422, "dataset_taken"),
        ({"title": "a\0"}, 422, "invalid_request"),
        ({"columns": [{"name": "properties"}]}, 422, "invalid_request"),
        ({"columns": [{"name": "a", "checks": [{"kind": "pattern", "pattern": "(a)\\1"}]}]}, 422, "invalid_request"),
        ({"columns": [{"name": "a", "checks": [{"kind": "range", "min": 1}]}]}, 422, "invalid_request"),
        ({"columns": [{"name": "a", "checks": [{"kind": "reference", "profile": "b", "column": "c"}]}]}, 422,
         "unknown_reference"),
        ({"columns": [{"name": "a"}], "checks": [{"name": "x", "expression": "__import__('os')"}]}, 422,
         "invalid_request"),
        ({"columns": [{"name": "a", "typ": "text"}]}, 422, "invalid_request"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_says_what_and_where(tenant: Trial, change: dict[str, Any], status: int, code: str) -> None:
    """And nothing is written."""
    declared = {"name": "wrong_one", "title": "Wrong", "columns": [{"name": "a"}]} | change
    answer = tenant.api.post("/api/v1/profiles", json=declared)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["errors"][0]["loc"][0] == "body"
    assert tenant.api.get("/api/v1/profiles/wrong_one").status_code == 404


def test_a_declaration_can_be_tried_first(tenant: Trial) -> None:
    """It is checked as a whole, and not kept."""
    declared = {"name": "tried", "title": "Tried", "columns": [{"name": "a"}]}
    assert tenant.api.post("/api/v1/profiles", params={"dry_run": "true"}, json=declared).status_code == 200
    assert tenant.api.get("/api/v1/profiles/tried").status_code == 404
    assert tenant.api.delete("/api/v1/profiles/assets").json()["code"] == "builtin_profile"


def test_only_admins_write_profiles_and_no_tenant_sees_anothers(tenant: Trial, wharf: Trial, members: str) -> None:
    """By role, and by row security."""
    operator = tenant.api.post("/api/v1/keys", json={"name": "op", "role": "operator"}).json()["key"]
    own = {"Authorization": f"Bearer {operator}"}
    assert tenant.api.delete(f"/api/v1/profiles/{members}", headers=own).status_code == 403
    assert wharf.api.get(f"/api/v1/profiles/{members}").status_code == 404
    assert members not in {one["name"] for one in wharf.api.get("/api/v1/profiles").json()["items"]}


def test_a_row_that_is_set_aside_later_keeps_its_number(tenant: Trial, tmp_path: Path, project: str) -> None:
    """One that fails a check across rows was not yet a reject when numbers were written with rejects."""
    columns = [
        {"name": "order", "required": True},
        {"name": "line", "type": "integer", "number_within": ["order"]},
        {"name": "pieces", "type": "integer"},
        {"name": "tag", "checks": [{"kind": "unique"}]},
    ]
    profile = {"name": "order_lines", "title": "Order lines", "key": ["order", "line"], "columns": columns}
    tenant.api.post("/api/v1/profiles", json=profile).raise_for_status()
    path = tmp_path / "lines.csv"
    path.write_text("order,pieces,tag\nA,1,x\nA,many,y\nA,1,x\nA,1,z\n", encoding="utf-8")
    job = tenant.load(path, project_id=project, profile="order_lines")
    items = tenant.api.get(f"/api/v1/jobs/{job['job_id']}/rejects").raise_for_status().json()["items"]
    assert {row["line"]: row["assigned"] for row in items} == {3: {"line": 2}, 4: {"line": 3}}


def test_many_rows_that_fail_across_rows_are_each_told_of(tenant: Trial, tmp_path: Path, project: str) -> None:
    """More than one block of the file has them: each has its own reasons, and the counts are exact."""
    declared = {
        "name": "pairs",
        "title": "Pairs",
        "columns": [{"name": "a", "type": "integer", "checks": [{"kind": "unique"}]}, {"name": "b", "type": "integer"}],
        "checks": [
            {"name": "b_is_even", "expression": "b / 2 == round(b / 2, 0)"},
            {"name": "b_is_small", "expression": "b < 10", "severity": "warning"},
        ],
    }
    tenant.api.post("/api/v1/profiles", json=declared).raise_for_status()
    path, rows = tmp_path / "pairs.csv", 120_000
    path.write_text("a,b\n" + "".join(f"{n // 2 if n % 3 else n + rows},{n}\n" for n in range(rows)))
    job = tenant.load(path, project_id=project, profile="pairs")
    firsts: dict[int, int] = {}
    repeated = {n for n in range(rows) if firsts.setdefault(n // 2 if n % 3 else n + rows, n) != n}
    odd = set(range(1, rows, 2))
    left = set(range(rows)) - repeated - odd
    counts = {p["code"]: p["count"] for p in job["result"]["problems"]}
    assert counts == {"not_unique": len(repeated), "b_is_even": len(odd), "b_is_small": len(left - set(range(10)))}
    assert job["result"]["rejected"] == len(repeated | odd)
    assert job["result"]["inserted"] == len(left)
    place = f"/api/v1/jobs/{job['job_id']}/rejects"
    told = tenant.api.get(place, params={"limit": 1000}).raise_for_status().json()["items"]
    for reject in told:
        n = reject["line"] - 2
        expected = [code for code, failed in (("not_unique", repeated), ("b_is_even", odd)) if n in failed]
        assert [e["code"] for e in reject["errors"]] == expected
