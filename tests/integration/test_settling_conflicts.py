from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from wharf.local.trial import Job, Trial

HEAD = "id,line,name,seen"
COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "required": True},
    {"name": "line", "type": "integer"},
    {"name": "name"},
    {"name": "seen", "type": "timestamp"},
]
OLD, NEW = "2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z"


@pytest.fixture
def people(wharf: Trial) -> str:
    """A profile of a name of its own, with columns called like those of the ledger's."""
    return declare(wharf)


def declare(wharf: Trial, **policies: str) -> str:
    """Declare a profile with these policies; gives its name."""
    name = f"people_{uuid4().hex[:8]}"
    columns = [c | ({"conflict": policies[str(c["name"])]} if c["name"] in policies else {}) for c in COLUMNS]
    declared = {"name": name, "title": "People", "key": ["id"], "columns": columns, "newest_by": "seen"}
    wharf.api.post("/api/v1/profiles", json=declared).raise_for_status()
    return name


def load(wharf: Trial, folder: Path, profile: str, project: str, *rows: str, **fields: str) -> Job:
    """Import these rows."""
    (folder / "p.csv").write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    job = wharf.load(folder / "p.csv", profile=profile, project_id=project, **fields)
    assert job["status"] == "completed", job["error"]
    return job


def rows(wharf: Trial, profile: str, project: str, columns: str = "id, line, name") -> list[tuple[Any, ...]]:
    """The rows of the dataset."""
    query = f"SELECT {columns} FROM {wharf.dataset(profile)} WHERE project_id = %s ORDER BY id"
    return [tuple(row.values()) for row in wharf.ask(query, project)]


def waiting(wharf: Trial, job: Job) -> list[dict[str, Any]]:
    """The cells that the import asks about."""
    found: list[dict[str, Any]] = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/conflicts").json()["items"]
    return found


def decide(wharf: Trial, job: Job, **body: object) -> dict[str, Any]:
    """Decide about cells."""
    answer: dict[str, Any] = wharf.api.post(f"/api/v1/jobs/{job['job_id']}/conflicts", json=body).json()
    return answer


@pytest.mark.parametrize(
    ("policy", "seen", "brought", "kept"),
    [
        ("incoming", OLD, "New", "New"),
        ("incoming", NEW, "", None),
        ("existing", NEW, "New", "Old"),
        ("non_null", NEW, "", "Old"),
        ("non_null", NEW, "New", "New"),
        ("newest", NEW, "New", "New"),
        ("newest", "2024-12-01T00:00:00Z", "New", "Old"),
        ("newest", OLD, "New", "New"),
        ("ask", NEW, "New", "Old"),
    ],
)
def test_a_policy_settles_its_column(
    wharf: Trial, tmp_path: Path, project: str, policy: str, seen: str, brought: str, kept: str | None
) -> None:
    """Declared in the profile; another column of the same row is merged as ever."""
    profile = declare(wharf, name=policy)
    load(wharf, tmp_path, profile, project, f"A,1,Old,{OLD}")
    load(wharf, tmp_path, profile, project, f"A,2,{brought},{seen}")
    assert rows(wharf, profile, project) == [("A", 2, kept)]


def test_the_upload_goes_before_the_profile(wharf: Trial, tmp_path: Path, project: str) -> None:
    """`options.conflicts` names columns; what it does not name is as declared."""
    profile = declare(wharf, name="existing", line="existing")
    load(wharf, tmp_path, profile, project, f"A,1,Old,{OLD}")
    load(wharf, tmp_path, profile, project, f"A,2,New,{NEW}", options='{"conflicts": {"name": "incoming"}}')
    assert rows(wharf, profile, project) == [("A", 1, "New")]


@pytest.mark.parametrize("column", ["id", "nobody"])
def test_a_column_that_cannot_differ_is_refused(
    wharf: Trial, people: str, tmp_path: Path, project: str, column: str
) -> None:
    """The key, and what the profile does not have."""
    (tmp_path / "p.csv").write_text(f"{HEAD}\nA,1,Old,{OLD}\n", encoding="utf-8")
    options = f'{{"conflicts": {{"{column}": "ask"}}}}'
    job = wharf.load(tmp_path / "p.csv", profile=people, project_id=project, options=options)
    assert (job["status"], job["error"]["code"]) == ("failed", "bad_option")


ASK = {"options": '{"conflicts": {"name": "ask", "line": "ask"}}'}


def test_cells_wait_beside_each_other_and_are_decided_one_by_one(
    wharf: Trial, people: str, tmp_path: Path, project: str
) -> None:
    """What is taken is in the dataset at once, the rest of the row was merged before."""
    load(wharf, tmp_path, people, project, f"A,1,Old,{OLD}", f"B,1,Same,{OLD}")
    job = load(wharf, tmp_path, people, project, f"A,2,New,{NEW}", f"B,1,Same,{OLD}", f"C,1,Fresh,{OLD}", **ASK)
    assert (job["result"]["conflicts"], job["result"]["inserted"], job["result"]["updated"]) == (2, 1, 1)
    found = {one["column"]: one for one in waiting(wharf, job)}
    assert {name: (one["existing"], one["incoming"]) for name, one in found.items()} == {
        "name": ("Old", "New"),
        "line": (1, 2),
    }
    assert (found["name"]["key"], found["name"]["line"], found["name"]["decided"]) == ({"id": "A"}, 2, None)
    taken = [{"id": found["name"]["id"], "take": "incoming"}, {"id": found["line"]["id"], "take": "existing"}]
    assert decide(wharf, job, decisions=taken) == {"matched": 2, "done": 2, "changed": []}
    assert rows(wharf, people, project)[0] == ("A", 1, "New")
    assert {one["decided"] for one in waiting(wharf, job)} == {"incoming", "existing"}
    assert decide(wharf, job, decisions=taken) == {"matched": 0, "done": 0, "changed": []}


def test_all_are_decided_at_once_or_counted(wharf: Trial, people: str, tmp_path: Path, project: str) -> None:
    """By column or all; a dry run changes nothing. What was decided is noted with its figures."""
    load(wharf, tmp_path, people, project, *(f"{i},1,Old,{OLD}" for i in "ABC"))
    job = load(wharf, tmp_path, people, project, *(f"{i},2,New,{OLD}" for i in "ABC"), **ASK)
    assert decide(wharf, job, take="incoming", all=True, dry_run=True) == {"matched": 6, "done": 0, "changed": []}
    assert decide(wharf, job, take="incoming", all=True, column="name") == {"matched": 3, "done": 3, "changed": []}
    assert rows(wharf, people, project) == [(i, 1, "New") for i in "ABC"]
    assert decide(wharf, job, take="incoming", all=True) == {"matched": 3, "done": 3, "changed": []}
    assert rows(wharf, people, project) == [(i, 2, "New") for i in "ABC"]
    lines = wharf.api.get("/api/v1/audit", params={"what": "job.decide", "target": job["job_id"]}).json()["items"]
    assert [line["after"] for line in lines] == [{"matched": 3, "done": 3, "changed": 0}] * 2


def test_a_cell_that_has_changed_since_is_reported_and_waits(
    wharf: Trial, people: str, tmp_path: Path, project: str
) -> None:
    """Nobody decided about the value that is there now."""
    load(wharf, tmp_path, people, project, f"A,1,Old,{OLD}", f"B,1,Old,{OLD}")
    job = load(wharf, tmp_path, people, project, f"A,1,New,{OLD}", f"B,1,New,{OLD}", **ASK)
    load(wharf, tmp_path, people, project, f"A,1,Other,{OLD}")
    first = waiting(wharf, job)[0]["id"]
    assert decide(wharf, job, take="incoming", all=True) == {"matched": 2, "done": 1, "changed": [first]}
    assert rows(wharf, people, project) == [("A", 1, "Other"), ("B", 1, "New")]


@pytest.mark.parametrize("name", ["New", "Old"])
def test_what_was_decided_is_undone_with_the_import(
    wharf: Trial, people: str, tmp_path: Path, project: str, name: str
) -> None:
    """Whether the merge had changed the row itself (`name`) or only the decision did; what waits is asked no more."""
    load(wharf, tmp_path, people, project, f"A,1,Old,{OLD}", f"B,1,Old,{OLD}")
    before = rows(wharf, people, project, "id, line, name, seen, _import_id, _line")
    asked = {"options": '{"conflicts": {"line": "ask"}}'}
    job = load(wharf, tmp_path, people, project, f"A,2,{name},{OLD}", f"B,2,Old,{OLD}", **asked)
    decide(wharf, job, decisions=[{"id": waiting(wharf, job)[0]["id"], "take": "incoming"}])
    assert rows(wharf, people, project)[0] == ("A", 2, name)
    undo = wharf.api.post(f"/api/v1/jobs/{job['job_id']}/undo").raise_for_status().json()
    result = wharf.ended(undo["job_id"])["result"]
    assert (result["reversed"], result["kept"]) == (1, 0)
    assert rows(wharf, people, project, "id, line, name, seen, _import_id, _line") == before
    assert [one["decided"] for one in waiting(wharf, job)] == ["incoming"]
    answer = wharf.api.post(f"/api/v1/jobs/{job['job_id']}/conflicts", json={"take": "incoming", "all": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_undone")


def test_nobody_else_sees_what_waits(wharf: Trial, people: str, tmp_path: Path, project: str) -> None:
    """Not another tenant, not the dispatcher."""
    load(wharf, tmp_path, people, project, f"A,1,Old,{OLD}")
    job = load(wharf, tmp_path, people, project, f"A,2,New,{OLD}", **ASK)
    with wharf.as_new_tenant() as other:
        assert other.api.get(f"/api/v1/jobs/{job['job_id']}/conflicts").status_code == 404
        answer = other.api.post(f"/api/v1/jobs/{job['job_id']}/conflicts", json={"take": "incoming", "all": True})
        assert answer.status_code == 404
    with psycopg.connect(wharf.connection.database_url) as connection:
        connection.execute("SET SESSION AUTHORIZATION wharf_app")
        assert connection.execute("SELECT count(*) FROM wharf.conflicts").fetchone() == (0,)
        connection.execute("SET SESSION AUTHORIZATION wharf_dispatch")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT 1 FROM wharf.conflicts")


@pytest.mark.parametrize("body", [{}, {"take": "incoming"}, {"all": True}, {"decisions": [], "column": "name"}])
def test_an_unclear_decision_is_refused(wharf: Trial, people: str, tmp_path: Path, project: str, body: Job) -> None:
    """Nothing is decided by a request that does not say what it means."""
    job = load(wharf, tmp_path, people, project, f"A,1,Old,{OLD}")
    assert wharf.api.post(f"/api/v1/jobs/{job['job_id']}/conflicts", json=body).status_code == 422
