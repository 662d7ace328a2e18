from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.test_recovering_imports import workers_of
from wharf.local.samples import write_transactions
from wharf.local.trial import Job, Trial, eventually

HEAD = "transaction_id,line_number,date,quantity,unit_price,store"
ROW = "transaction_id, line_number, quantity, store, _import_id::text, _line, properties"


def load(wharf: Trial, folder: Path, project: str, *rows: str, head: str = HEAD, **fields: str) -> str:
    """Import rows of `id,quantity,store`, or lines as they are under a `head` of their own; gives the job's id."""
    lines = [f"{i},1,2025-01-01,{q},2,{s}" for i, q, s in (row.split(",") for row in rows)] if head == HEAD else rows
    path = folder / "rows.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    job = wharf.load(path, **({"profile": "transactions", "project_id": project} | fields))
    assert job["status"] == "completed", job["error"]
    return str(job["job_id"])


def undo(wharf: Trial, job_id: str) -> Job:
    """Undo an import and wait for the end."""
    answer = wharf.api.post(f"/api/v1/jobs/{job_id}/undo")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["kind"], answer.json()["parent_id"], answer.json()["queue"]) == ("undo", job_id, "ingest")
    job = wharf.ended(answer.json()["job_id"])
    assert job["status"] == "completed", job["error"]
    return job


def told(job: Job) -> tuple[int, int, int]:
    """Reversed, kept, failed."""
    result = job["result"]
    return result["reversed"], result["kept"], result["failed"]


def rows(wharf: Trial, project: str, dataset: str = "transactions", columns: str = ROW) -> list[dict[str, Any]]:
    """All rows of the project, whole."""
    query = f"SELECT {columns} FROM {wharf.dataset(dataset)} WHERE project_id = %s ORDER BY 1, 2, 3, 4"
    return wharf.ask(query, project)


def short(wharf: Trial, project: str) -> list[str]:
    """The rows as `id,quantity`."""
    return [f"{row['transaction_id']},{row['quantity']}" for row in rows(wharf, project)]


def journaled(wharf: Trial, project: str) -> int:
    """Rows in the journal of transactions."""
    found = wharf.one(f"SELECT count(*) FROM {wharf.dataset('_was_transactions')} WHERE project_id = %s", project)
    return int(found)


def code(wharf: Trial, job_id: str, action: str = "undo") -> tuple[int, str]:
    """How such a request is refused."""
    answer = wharf.api.post(f"/api/v1/jobs/{job_id}/{action}")
    return answer.status_code, answer.json()["code"]


def test_inserted_rows_go_and_changed_ones_come_back_whole(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Values, lineage and line of a changed row are those of before; unchanged ones were never touched."""
    load(wharf, tmp_path, project, "A,1,Graz", "B,2,Graz", "C,3,Graz")
    before = rows(wharf, project)
    second = load(wharf, tmp_path, project, "A,1,Graz", "B,20,Turku", "D,4,Graz")
    assert short(wharf, project) == ["A,1", "B,20", "C,3", "D,4"]
    assert told(undo(wharf, second)) == (2, 0, 0)
    assert rows(wharf, project) == before
    assert journaled(wharf, project) == 0


def test_a_replacement_is_undone(wharf: Trial, tmp_path: Path, project: str) -> None:
    """All rows that it removed are there again, and those that it brought are not."""
    load(wharf, tmp_path, project, "A,1,Graz", "B,2,Graz")
    before = rows(wharf, project)
    second = load(wharf, tmp_path, project, "B,20,Graz", "C,3,Graz", mode="replace")
    assert short(wharf, project) == ["B,20", "C,3"]
    assert told(undo(wharf, second)) == (3, 0, 0)
    assert rows(wharf, project) == before


def test_rows_that_another_import_changed_are_kept_and_told(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The older import is undone first: what the newer one wrote stays, and the result names it."""
    first = load(wharf, tmp_path, project, "A,1,Graz", "B,2,Graz")
    second = load(wharf, tmp_path, project, "B,20,Graz")
    undone = undo(wharf, first)
    assert told(undone) == (1, 1, 0)
    other = wharf.job(second)["result"]["import_id"]
    key = {"transaction_id": "B", "line_number": 1}
    assert undone["result"]["kept_rows"] == [{"key": key, "import_id": other}]
    assert short(wharf, project) == ["B,20"]


def test_a_row_whose_import_was_undone_before_does_not_come_back(wharf: Trial, tmp_path: Path, project: str) -> None:
    """A inserted it, B changed it, A was undone, B is undone: it is gone, whatever B had kept of A's."""
    first = load(wharf, tmp_path, project, "A,1,Graz")
    second = load(wharf, tmp_path, project, "A,2,Graz")
    undo(wharf, first)
    assert short(wharf, project) == ["A,2"]
    assert told(undo(wharf, second)) == (1, 0, 0)
    assert short(wharf, project) == []


@pytest.mark.parametrize("order", ["012", "021", "102", "120", "201", "210"])
def test_three_imports_are_undone_in_any_order(wharf: Trial, tmp_path: Path, project: str, order: str) -> None:
    """After each undo the dataset has what it would have had without the imports undone so far."""
    files = (("A,1,x", "B,1,x"), ("A,2,x", "C,2,x"), ("A,3,x", "B,3,x", "C,3,x"))
    load(wharf, tmp_path, project, "A,0,x")
    jobs = [load(wharf, tmp_path, project, *file) for file in files]
    left = [0, 1, 2]
    for undone in map(int, order):
        undo(wharf, jobs[undone])
        left.remove(undone)
        expected = {"A": 0} | {row[0]: int(row[2]) for n in left for row in files[n]}
        assert short(wharf, project) == [f"{key},{value}" for key, value in sorted(expected.items())]
    assert journaled(wharf, project) == 0


@pytest.mark.parametrize("order", ["012", "021", "102", "120", "201", "210"])
def test_imports_around_a_replacement_are_undone_in_any_order(
    wharf: Trial, tmp_path: Path, project: str, order: str
) -> None:
    """What was before the replacement lies in its journal, and is undone there."""
    files = (("A,1,x", "B,1,x"), ("B,2,x", "C,2,x"), ("C,3,x", "D,3,x"))
    load(wharf, tmp_path, project, "A,0,x", "E,0,x")
    jobs = [load(wharf, tmp_path, project, *f, mode="replace" if n == 1 else "upsert") for n, f in enumerate(files)]
    left = [0, 1, 2]
    for undone in map(int, order):
        undo(wharf, jobs[undone])
        left.remove(undone)
        expected = {"A": 0, "E": 0}
        for n in left:
            expected = (expected if n != 1 else {}) | {row[0]: int(row[2]) for row in files[n]}
        assert short(wharf, project) == [f"{key},{value}" for key, value in sorted(expected.items())]


def test_a_key_that_is_taken_again_keeps_a_removed_row_away(wharf: Trial, tmp_path: Path, project: str) -> None:
    """A replacement removed A, a later import brought it anew: that one stays, and is counted."""
    load(wharf, tmp_path, project, "A,1,x", "B,1,x")
    second = load(wharf, tmp_path, project, "B,2,x", mode="replace")
    load(wharf, tmp_path, project, "A,3,x")
    assert told(undo(wharf, second)) == (1, 1, 0)
    assert short(wharf, project) == ["A,3", "B,1"]


def test_entities_are_undone_with_their_rows(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Suppliers that the import created go, one that it renamed has its old name."""
    head = "po_number,line_number,supplier_code,supplier_name,material_code,quantity,unit_price"
    said = {"profile": "procurement", "head": head}
    load(wharf, tmp_path, project, "P1,1,S1,Old,M1,1,2", **said)
    columns = "supplier_code, supplier_name, _import_id::text, _line"
    before = rows(wharf, project, "procurement_suppliers", columns)
    second = load(wharf, tmp_path, project, "P2,1,S1,New,M1,1,2", "P3,1,S2,Other,M1,1,2", **said)
    assert [r["supplier_name"] for r in rows(wharf, project, "procurement_suppliers", columns)] == ["New", "Other"]
    result = undo(wharf, second)["result"]
    assert result["entities"]["suppliers"] == {"reversed": 2, "kept": 0}
    assert rows(wharf, project, "procurement_suppliers", columns) == before


def test_the_account_and_the_import_tell_of_the_undo(wharf: Trial, tmp_path: Path, project: str) -> None:
    """A record of the mode `undo`, a mark on the import, and its job's result."""
    load(wharf, tmp_path, project, "A,1,x", "B,1,x")
    second = load(wharf, tmp_path, project, "A,2,x", "C,2,x")
    undone = undo(wharf, second)
    record = wharf.ask("SELECT * FROM wharf.data_updates WHERE job_id = %s", undone["job_id"])[0]
    found = [record[n] for n in ("mode", "rows_before", "inserted", "updated", "unchanged", "superseded", "rows_after")]
    assert found == ["undo", 3, 0, 1, 0, 1, 2]
    result = wharf.job(second)["result"]
    assert (result["undo_job_id"], bool(result["undone_at"])) == (undone["job_id"], True)
    marked = wharf.one("SELECT undone_at FROM wharf.imports WHERE id = %s", result["import_id"])
    assert marked is not None


def test_what_cannot_be_undone_is_refused_with_a_code(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Twice, a dry run, a failed import, another kind of job, nothing at all."""
    first = load(wharf, tmp_path, project, "A,1,x")
    undone = undo(wharf, first)
    assert code(wharf, first) == (409, "already_undone")
    assert code(wharf, undone["job_id"]) == (409, "wrong_kind")
    assert code(wharf, load(wharf, tmp_path, project, "A,1,x", dry_run="true")) == (409, "not_merged")
    (tmp_path / "bad.csv").write_text(f"{HEAD}\nA,1,never,1,2,x\n", encoding="utf-8")
    failed = wharf.load(tmp_path / "bad.csv", profile="transactions", project_id=project, on_error="abort")
    assert code(wharf, failed["job_id"]) == (409, "not_merged")
    assert code(wharf, "01890000-0000-7000-8000-000000000000") == (404, "job_not_found")


def test_a_viewer_and_another_tenant_undo_nothing(wharf: Trial, tmp_path: Path, project: str) -> None:
    """It takes an operator of the tenant; for others there is no such job."""
    first = load(wharf, tmp_path, project, "A,1,x")
    wanted = {"name": "eyes", "role": "viewer"}
    key = wharf.api.post("/api/v1/keys", json=wanted).raise_for_status().json()["key"]
    for action in ("undo", "commit", "conflicts"):
        path, own = f"/api/v1/jobs/{first}/{action}", {"Authorization": f"Bearer {key}"}
        body = {"take": "existing", "all": True}
        assert wharf.api.post(path, headers=own, json=body).status_code == 403
        with wharf.as_new_tenant() as other:
            assert other.api.post(path, json=body).status_code == 404
    assert short(wharf, project) == ["A,1"]


def test_a_cancelled_undo_leaves_everything(wharf: Trial, tmp_path: Path, project: str) -> None:
    """While a merge holds the turn the undo waits; cancelled there it has done nothing, and can be asked for again."""
    first = load(wharf, tmp_path, project, "A,1,x")
    place = wharf.dataset().replace('"', "")
    with psycopg.connect(wharf.connection.database_url) as other:
        turn = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
        other.execute(turn, [f"{place}/{project}"])
        waiting = wharf.api.post(f"/api/v1/jobs/{first}/undo").raise_for_status().json()["job_id"]
        wharf.until(waiting, "a worker to have it", lambda job: job["status"] == "running")
        assert code(wharf, first) == (409, "undo_under_way")
        wharf.api.post(f"/api/v1/jobs/{waiting}/cancel").raise_for_status()
        assert wharf.ended(waiting)["status"] == "cancelled"
    assert short(wharf, project) == ["A,1"]
    assert told(undo(wharf, first)) == (1, 0, 0)


def test_an_import_that_kept_no_prior_values_is_not_undone(wharf: Trial, tmp_path: Path, project: str) -> None:
    """A worker of the version before merged it: what it changed is nowhere, so nothing is taken for its own."""
    first = load(wharf, tmp_path, project, "A,1,x")
    import_id = wharf.job(first)["result"]["import_id"]
    wharf.ask("UPDATE wharf.imports SET turn = NULL WHERE id = %s RETURNING 1", import_id)
    assert code(wharf, first) == (409, "no_prior_values")


def test_a_dataset_without_a_key_is_undone(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Appended rows go, replaced ones come back; a later replacement has the last word."""
    declared = {"name": f"notes_{project[2:10]}", "title": "Notes", "columns": [{"name": "note"}]}
    wharf.api.post("/api/v1/profiles", json=declared).raise_for_status()
    said = {"profile": str(declared["name"]), "head": "note"}
    jobs = [load(wharf, tmp_path, project, *lines, **said) for lines in (["a", "a"], ["b"])]
    jobs.append(load(wharf, tmp_path, project, "c", mode="replace", **said))

    def notes() -> list[str]:
        query = f"SELECT note FROM {wharf.dataset(str(declared['name']))} WHERE project_id = %s ORDER BY 1"
        return [row["note"] for row in wharf.ask(query, project)]

    assert told(undo(wharf, jobs[0])) == (0, 2, 0)
    assert notes() == ["c"]
    assert told(undo(wharf, jobs[2])) == (2, 0, 0)
    assert notes() == ["b"]
    assert told(undo(wharf, jobs[1])) == (1, 0, 0)
    assert notes() == []


def test_a_killed_undo_is_done_once_or_not_at_all(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Kill -9 in the middle: nothing of it is there, the next attempt does all of it, and there is one account."""
    expected = write_transactions(tmp_path / "a.csv", 60_000, seed=3)
    fields = {"profile": "transactions", "project_id": project}
    wharf.load(tmp_path / "a.csv", **fields)
    total = f"SELECT count(*) AS n, sum(total) AS sum FROM {wharf.dataset()} WHERE project_id = %s"
    before = wharf.ask(total, project)
    changed = (tmp_path / "a.csv").read_text(encoding="utf-8").replace("2025-", "2024-")
    (tmp_path / "b.csv").write_text(changed, encoding="utf-8")
    second = wharf.load(tmp_path / "b.csv", **fields)
    assert second["result"]["updated"] == expected.good
    counts = "SELECT count(*) AS n, count(*) FILTER (WHERE _import_id = %s) AS own"
    state = f"{counts} FROM {wharf.dataset()} WHERE project_id = %s"
    own = second["result"]["import_id"]
    job_id = wharf.api.post(f"/api/v1/jobs/{second['job_id']}/undo").raise_for_status().json()["job_id"]
    child = eventually(lambda: next(workers_of(wharf, job_id), None), "a worker to have it")
    os.kill(child, signal.SIGKILL)
    found = wharf.ask(state, own, project)[0]
    assert found["n"] == expected.good
    assert found["own"] in {0, expected.good}
    job = wharf.ended(job_id)
    assert (job["status"], told(job)) == ("completed", (expected.good, 0, 0)), job["error"]
    assert wharf.ask(total, project) == before
    assert wharf.ask(state, own, project)[0]["own"] == 0
    assert wharf.one("SELECT count(*) FROM wharf.data_updates WHERE job_id = %s", job_id) == 1
