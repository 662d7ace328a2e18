"""Large files of new rows are written once, straight into the dataset, and seen by nobody before they have ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from wharf.ingest_worker.writing import LEAST_BYTES, MAY_WAIT
from wharf.local.trial import Trial, eventually

HEADER = "transaction_id,date,quantity,unit_price,notes\n"
ROW_BYTES = 200
ROWS = 2 * LEAST_BYTES // ROW_BYTES
NOTE = "x" * (ROW_BYTES - 40)

WAITING = """
    SELECT count(*) FROM pg_locks l JOIN pg_stat_activity USING (pid)
    WHERE NOT granted AND query ILIKE '%%unfinished%%FOR UPDATE%%'"""
EVERY_KEY = """
    INSERT INTO {dataset}
        (tenant_id, project_id, transaction_id, line_number, date, quantity, unit_price, _import_id, _line)
    SELECT id, %s, 'T' || lpad(n::text, 8, '0'), 1, '2025-03-14', 1, 1, gen_random_uuid(), 1
    FROM wharf.tenants, generate_series(0, %s) n WHERE name = 'default' ON CONFLICT DO NOTHING"""


def _write(path: Path, rows: int = ROWS, *, extra: str = "", change: Callable[[int], str] | None = None) -> Path:
    line = change or (lambda n: f"T{n:08d},2025-03-14,2,1.25,{NOTE}\n")
    path.write_text(HEADER + "".join(map(line, range(rows))) + extra, encoding="utf-8")
    return path


def _kept(trial: Trial, project: str, what: str = "count(*)") -> Any:
    return trial.one(f"SELECT {what} FROM {trial.dataset()} WHERE project_id = %s", project)


def _seen(trial: Trial, project: str) -> int:
    answer = trial.api.get("/api/v1/datasets/transactions/rows", params={"project_id": project, "limit": 1})
    return len(answer.raise_for_status().json()["items"])


def _hidden(trial: Trial) -> int:
    return int(trial.one("SELECT count(*) FROM wharf.unfinished"))


def _staged(trial: Trial, job_id: str) -> bool:
    lines = trial.api.get(f"/api/v1/jobs/{job_id}/logs").json()["items"]
    return "import.staged" in {line["event"] for line in lines}


def test_new_rows_are_numbered_computed_and_shown_at_once(wharf: Trial, tmp_path: Path, project: str) -> None:
    """What a merge would have done is done on the way; rejected lines have their numbers, too."""

    def line(n: int) -> str:
        # Invoices of three lines, which also go on from one batch to the next; every 1000th row is none.
        return f"T{n // 3:08d},2025-03-{n % 28 + 1:02d},{'x' if n % 1000 == 1 else 2},1.25,{NOTE}\n"

    job = wharf.load(_write(tmp_path / "new.csv", change=line), project_id=project, profile="transactions")
    bad = len(range(1, ROWS, 1000))
    assert (job["result"]["inserted"], job["result"]["rejected"]) == (ROWS - bad, bad)
    assert not _staged(wharf, job["job_id"])
    assert _kept(wharf, project, "sum(total)") == 2.5 * (ROWS - bad)
    wrong = f"""SELECT count(*) FROM (SELECT line_number, _line, (_line - 2) %% 3 + 1 AS expected FROM {wharf.dataset()}
                WHERE project_id = %s) r WHERE line_number <> expected"""
    assert wharf.one(wrong, project) == 0
    rejects = wharf.api.get(f"/api/v1/jobs/{job['job_id']}/rejects").json()["items"]
    assert [r["assigned"]["line_number"] for r in rejects] == [(r["line"] - 2) % 3 + 1 for r in rejects]
    assert wharf.one("SELECT count(*) FROM wharf.assigned WHERE import_id = %s", job["result"]["import_id"]) == 0
    assert (_hidden(wharf), _seen(wharf, project)) == (0, 1)
    updates = wharf.api.get("/api/v1/datasets/transactions/updates", params={"project_id": project}).json()["items"]
    assert (updates[0]["rows_before"], updates[0]["rows_after"]) == (0, ROWS - bad)


def test_an_invoice_that_comes_again_far_below_sends_all_rows_through_staging(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """What was written until then is moved there, and numbered anew with the rest."""
    path = _write(tmp_path / "again.csv", extra=f"T00000000,2025-03-15,7,1.25,{NOTE}\n")
    job = wharf.load(path, project_id=project, profile="transactions")
    assert _staged(wharf, job["job_id"])
    # Numbered within its invoice: both lines of T00000000 stay.
    assert job["result"]["inserted"] == ROWS + 1
    numbers = (
        f"SELECT line_number FROM {wharf.dataset()} WHERE project_id = %s AND transaction_id = 'T00000000' ORDER BY 1"
    )
    assert [row["line_number"] for row in wharf.ask(numbers, project)] == [1, 2]
    assert _hidden(wharf) == 0


def test_rows_that_are_there_are_updated_and_counted(wharf: Trial, tmp_path: Path, project: str) -> None:
    """The same file again is unchanged; one that overlaps adds and updates."""
    path = _write(tmp_path / "twice.csv")
    said = {"project_id": project, "profile": "transactions"}
    assert wharf.load(path, **said)["result"]["inserted"] == ROWS
    again = wharf.load(path, **said)["result"]
    assert (again["inserted"], again["unchanged"]) == (0, ROWS)
    half = ROWS // 2

    def line(n: int) -> str:
        return f"T{n + half:08d},2025-03-14,3,1.25,{NOTE}\n"

    third = wharf.load(_write(tmp_path / "half.csv", change=line), **said)["result"]
    assert (third["inserted"], third["updated"]) == (half, ROWS - half)


def test_nobody_sees_rows_before_the_end_and_a_killed_worker_goes_on(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """Readers see nothing; the next attempt takes over what is there, and at the end each row is there once."""
    path = _write(tmp_path / "large.csv", 4 * ROWS)
    job_id = wharf.upload(path, project_id=project, profile="transactions")["job_id"]
    eventually(lambda: _hidden(wharf) and _kept(wharf, project), "the first rows")
    assert _seen(wharf, project) == 0
    (pid,) = {
        row["worker"].rpartition(":")[2]
        for row in wharf.ask("SELECT worker FROM wharf.leases WHERE job_id = %s", job_id)
    }
    os.kill(int(pid.rpartition("-")[2]), signal.SIGKILL)
    job = wharf.ended(job_id)
    assert (job["status"], job["result"]["inserted"]) == ("completed", 4 * ROWS)
    assert job["attempt"] > 1
    assert _kept(wharf, project, "count(DISTINCT transaction_id)") == _kept(wharf, project) == 4 * ROWS


def test_a_cancelled_import_leaves_nothing(wharf: Trial, tmp_path: Path, project: str) -> None:
    """Neither rows nor the mark that hides them."""
    path = _write(tmp_path / "cancelled.csv", 8 * ROWS)
    job_id = wharf.upload(path, project_id=project, profile="transactions")["job_id"]
    eventually(lambda: _kept(wharf, project), "the first rows")
    wharf.api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    assert wharf.ended(job_id)["status"] == "cancelled"
    assert (_kept(wharf, project), _hidden(wharf)) == (0, 0)


def test_a_small_import_of_the_same_keys_does_not_wait(wharf: Trial, tmp_path: Path, project: str) -> None:
    """It moves the hidden rows out of its way and is done; the large one comes after it, and its rows win."""
    large = _write(tmp_path / "large.csv", 5 * ROWS)
    said = {"project_id": project, "profile": "transactions"}
    job_id = wharf.upload(large, **said)["job_id"]
    eventually(lambda: _kept(wharf, project), "the first rows")
    small = tmp_path / "small.csv"
    small.write_text(HEADER + "T00000000,2025-03-14,9,1.25,small\nS1,2025-03-14,9,1.25,small\n")
    first = wharf.load(small, **said)
    assert first["result"]["inserted"] == 2
    assert wharf.job(job_id)["status"] == "running"
    result = wharf.ended(job_id)["result"]
    assert (result["inserted"], result["updated"]) == (5 * ROWS - 1, 1)
    assert _kept(wharf, project) == 5 * ROWS + 1
    quantity = f"SELECT quantity FROM {wharf.dataset()} WHERE project_id = %s AND transaction_id = %s"
    assert wharf.one(quantity, project, "T00000000") == 2
    assert _hidden(wharf) == 0


def test_two_large_imports_of_the_same_keys_end_well(wharf: Trial, tmp_path: Path, project: str) -> None:
    """At once, in one dataset: each row is there once, and the sum of both accounts is right."""
    said = {"project_id": project, "profile": "transactions"}
    jobs = [wharf.upload(_write(tmp_path / f"{n}.csv", 2 * ROWS), **said)["job_id"] for n in range(2)]
    results = [wharf.ended(job_id)["result"] for job_id in jobs]
    assert sum(r["inserted"] for r in results) == 2 * ROWS
    assert sum(r["unchanged"] for r in results) == 2 * ROWS
    assert (_kept(wharf, project), _hidden(wharf)) == (2 * ROWS, 0)


def test_who_moves_hidden_rows_never_waits_for_a_batch_that_waits_for_its_turn(
    wharf: Trial, tmp_path: Path, project: str
) -> None:
    """Two batches are copied at once: the first one waits for the mover, so the second one must let go of its keys."""
    large = _write(tmp_path / "large.csv", 5 * ROWS)
    job_id = wharf.upload(large, profile="transactions", project_id=project)["job_id"]
    eventually(lambda: _hidden(wharf) and _kept(wharf, project), "the first rows")
    with psycopg.connect(wharf.connection.database_url) as mover:
        mover.execute("SELECT FROM wharf.unfinished WHERE job_id = %s FOR UPDATE", [job_id])
        eventually(lambda: wharf.one(WAITING) >= 1, "the first batch to wait for the mover")
        mover.execute("SET LOCAL lock_timeout = '60s'")
        mover.execute(EVERY_KEY.format(dataset=wharf.dataset()).encode(), [project, 5 * ROWS])
        assert wharf.job(job_id)["status"] == "running"
        mover.rollback()
    assert wharf.ended(job_id)["result"]["inserted"] == 5 * ROWS
    assert (_kept(wharf, project), _hidden(wharf)) == (5 * ROWS, 0)


def test_a_batch_may_wait_long_for_its_turn_but_not_when_its_machine_is_gone(wharf: Trial) -> None:
    """The server lets go what it has locked half a minute after it was heard of."""
    said = "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('tcp_user_timeout')"
    with psycopg.connect(wharf.connection.database_url) as connection:
        connection.execute(MAY_WAIT.text.encode())
        assert connection.execute(said).fetchone() == ("0", "30000")


def test_readers_of_one_tenant_cannot_ask_for_hidden_rows_of_another(wharf: Trial) -> None:
    """The policy that hides restricts; it never shows what row security does not."""
    policies = wharf.ask(
        "SELECT permissive FROM pg_policies WHERE policyname = 'finished' AND tablename = 'transactions' LIMIT 1"
    )
    assert [row["permissive"] for row in policies] == ["RESTRICTIVE"]
    with psycopg.connect(wharf.connection.database_url) as connection:
        connection.execute("SET ROLE wharf_app")
        connection.execute("SET wharf.unfinished = 'shown'")
        query = f"SELECT count(*) FROM {wharf.dataset()}"
        assert connection.execute(query.encode()).fetchone() == (0,)


def test_an_undo_does_not_wait_for_hidden_rows_of_the_same_keys(wharf: Trial, tmp_path: Path, project: str) -> None:
    """What comes back had its keys first; the large import comes after it."""
    said = {"project_id": project, "profile": "transactions"}
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text(HEADER + "T00000000,2025-03-14,9,1.25,old\nS1,2025-03-14,9,1.25,old\n")
    second.write_text(HEADER + "S2,2025-03-14,1,1.25,new\n")
    wharf.load(first, **said)
    replaced = wharf.load(second, **said, mode="replace")
    large = wharf.upload(_write(tmp_path / "large.csv", 5 * ROWS), **said)["job_id"]
    eventually(lambda: _kept(wharf, project) > 1, "the first rows")
    undo = wharf.api.post(f"/api/v1/jobs/{replaced['job_id']}/undo").raise_for_status().json()
    done = wharf.ended(undo["job_id"])
    assert (done["status"], done["attempt"]) == ("completed", 1), done["error"]
    result = wharf.ended(large)["result"]
    assert (result["inserted"], result["updated"]) == (5 * ROWS - 1, 1)
    assert (_kept(wharf, project), _hidden(wharf)) == (5 * ROWS + 1, 0)
