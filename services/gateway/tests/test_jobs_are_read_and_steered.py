"""Reading jobs and what belongs to them; cancel, retry, discard."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event

from wharf.common.clock import new_id

FIELDS = {
    *("job_id", "kind", "queue", "priority", "status", "project_id", "label", "parent_id", "part"),
    *("attempt", "max_attempts"),
    *("progress", "created_at", "started_at", "finished_at", "available_at", "cancel_requested_at", "discarded_at"),
    *("error", "result", "links"),
}


@pytest.fixture
def statements(gateway):
    """What the gateway says to PostgreSQL for its requests; the announcer marks what it rang for apart from them."""
    said: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        if threading.current_thread().name != "announcer":
            said.append(statement)

    engine = gateway.resources.database.engine
    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def test_polling_a_running_job_asks_the_ledger_nothing(api, tenant, statements):
    """With a snapshot a hundred polls cost no SQL, but one look-up of the key a second, one note of its use."""
    job = tenant.move(tenant.job(), status="running", started_at=datetime.now(UTC))
    for _ in range(100):
        assert api.get(f"/api/v1/jobs/{job.job_id}").json()["status"] == "running"
    others = [s for s in statements if "find_key" not in s]
    assert len([s for s in others if "use_key" in s]) == len(others) <= 1
    assert len(statements) < 20, "the key is remembered for a second"


def test_without_a_snapshot_the_ledger_answers(api, tenant, statements):
    """A job that Redis knows nothing of is read from its row, in the contract's shape."""
    job = tenant.job()
    shown = api.get(f"/api/v1/jobs/{job.job_id}").json()
    assert set(shown) == FIELDS
    assert (shown["job_id"], shown["status"], shown["label"]) == (str(job.job_id), "queued", "sales.csv")
    assert any("wharf.jobs" in s for s in statements)


def test_snapshot_and_ledger_answer_in_one_shape(api, tenant):
    """A client cannot tell where the answer came from."""
    job = tenant.job()
    from_ledger = api.get(f"/api/v1/jobs/{job.job_id}").json()
    tenant.feed.tell(job, tenant.id)
    assert api.get(f"/api/v1/jobs/{job.job_id}").json() == from_ledger


def test_a_job_that_was_moved_by_the_dispatcher_is_read_from_the_ledger(api, tenant):
    """A snapshot without a job says: ask the ledger."""
    job = tenant.move(tenant.job(), tell=False, status="failed", error=json.dumps(None))
    tenant.feed.tell_moved(job.job_id, tenant.id, job.attempt, job.status)
    assert api.get(f"/api/v1/jobs/{job.job_id}").json()["status"] == "failed"


def test_what_is_noted_of_an_ended_job_is_shown_at_once(api, tenant):
    """An undo writes into the result of the import; its news are not in Redis before the undo has ended."""
    job = tenant.move(tenant.job(), status="completed", result=json.dumps({"rows_read": 5}))
    tenant.move(job, tell=False, result=json.dumps({"rows_read": 5, "undone_at": "2025-11-30T10:11:12Z"}))
    assert api.get(f"/api/v1/jobs/{job.job_id}").json()["result"]["undone_at"]


def test_the_list_is_paged_newest_first(api, tenant):
    """Every job once, over pages, in the order of their creation backwards."""
    made = [str(tenant.job(kind="echo").job_id) for _ in range(7)]
    seen, cursor = [], None
    while True:
        page = api.get("/api/v1/jobs", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [job["job_id"] for job in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_the_list_can_be_narrowed_down(api, tenant):
    """By status, kind, queue, project, time, and a part of the label or the beginning of the id."""
    first = tenant.job(project_id="p1", label="100%_sales.csv")
    second = tenant.move(tenant.job(kind="echo", label="hello"), tell=False, status="failed")
    third = tenant.job(project_id="p2", label="other.csv")

    def ids(**filters):
        answer = api.get("/api/v1/jobs", params=filters)
        assert answer.status_code == 200, answer.text
        return {job["job_id"] for job in answer.json()["items"]}

    one, two, three = str(first.job_id), str(second.job_id), str(third.job_id)
    assert ids(status="failed") == {two}
    assert ids(status=["failed", "queued"]) == {one, two, three}
    assert ids(kind="import") == {one, three}
    assert ids(queue="maintenance") == {two}
    assert ids(project_id="p2") == {three}
    assert ids(q="SALES") == {one}
    assert ids(q="0%_s") == {one}
    assert ids(q="%") == {one}
    assert ids(q=three) == {three}
    assert ids(since=second.created_at.isoformat()) == {two, three}
    assert ids(since=(datetime.now(UTC) + timedelta(hours=1)).isoformat()) == set()


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"status": "lost"},
        {"queue": "nope"},
        {"since": "yesterday"},
        {"cursor": "xyz"},
        {"cursor": "WzEsMl0"},
        {"cursor": "ü"},
        {"q": "x" * 201},
    ],
)
def test_a_query_that_cannot_be_used_is_named(api, query):
    """422, and which parameter."""
    answer = api.get("/api/v1/jobs", params=query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"][:2] == ["query", *query]


def test_a_queued_job_is_cancelled_at_once(api, tenant):
    """202 with the job, which has ended; the snapshot says so too."""
    job = tenant.job()
    answer = api.post(f"/api/v1/jobs/{job.job_id}/cancel")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["status"], answer.json()["error"]["code"]) == ("cancelled", "cancelled")
    assert tenant.feed.read(job.job_id).job["status"] == "cancelled"


def test_a_running_job_is_asked_to_end(api, tenant):
    """It is cancelling until its worker sees the flag; asking twice changes nothing."""
    job = tenant.move(tenant.job(), status="running")
    first = api.post(f"/api/v1/jobs/{job.job_id}/cancel").json()
    second = api.post(f"/api/v1/jobs/{job.job_id}/cancel").json()
    assert first["status"] == second["status"] == "cancelling"
    assert first["cancel_requested_at"] == second["cancel_requested_at"] is not None
    assert api.get(f"/api/v1/jobs/{job.job_id}").json()["status"] == "cancelling"


def test_what_has_ended_cannot_be_cancelled(api, tenant):
    """409 that names the state."""
    job = tenant.move(tenant.job(), status="completed")
    answer = api.post(f"/api/v1/jobs/{job.job_id}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert "completed" in answer.json()["detail"]
    assert answer.json()["job_status"] == "completed"


def test_a_failed_job_is_tried_again(api, tenant, broker, eventually):
    """A new attempt, queued and published; the snapshot shows it, and it does not count as a new job."""
    job = tenant.move(tenant.job(), status="failed", failures=4, raised=2, furthest=9)
    counted = submitted(api)
    answer = api.post(f"/api/v1/jobs/{job.job_id}/retry")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["status"], answer.json()["attempt"]) == ("queued", 2)
    assert api.get(f"/api/v1/jobs/{job.job_id}").json()["attempt"] == 2
    marked = "SELECT * FROM wharf.jobs WHERE id = :id AND published_at IS NOT NULL"
    (row,) = eventually(lambda: tenant.execute(marked, id=job.job_id), "the outbox mark")
    assert (row["failures"], row["raised"], row["furthest"], row["admitted"]) == (0, 0, 0, True)
    lists = [key for key in broker.scan_iter("wharf:ingest*") if broker.type(key) == b"list"]
    messages = [message for key in lists for message in broker.lrange(key, 0, -1)]
    assert any(str(job.job_id) in str(json.loads(m)["headers"]) for m in messages)
    assert submitted(api) == counted


def test_a_running_job_is_not_tried_again(api, tenant):
    """409 that names the state, in a field of its own too; nothing changes."""
    job = tenant.move(tenant.job(), status="running")
    answer = api.post(f"/api/v1/jobs/{job.job_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert answer.json()["job_status"] == "running"
    assert (tenant.view(job.job_id).status, tenant.view(job.job_id).attempt) == ("running", 1)


def submitted(api) -> list[str]:
    return [line for line in api.get("/metrics").text.splitlines() if line.startswith("wharf_jobs_submitted_total{")]


def test_a_dead_letter_is_discarded(api, tenant):
    """It stays failed, and out of the dead count; only what failed can be discarded."""
    dead, alive = tenant.move(tenant.job(), status="failed"), tenant.job()
    answer = api.post(f"/api/v1/jobs/{dead.job_id}/discard")
    assert (answer.status_code, answer.json()["status"]) == (202, "failed")
    assert answer.json()["discarded_at"] is not None
    assert api.post(f"/api/v1/jobs/{alive.job_id}/discard").status_code == 409


def test_a_viewer_steers_nothing(tenant):
    """Cancel, retry and discard take an operator."""
    job = tenant.job()
    with tenant.client("viewer") as client:
        for action in ("cancel", "retry", "discard"):
            assert client.post(f"/api/v1/jobs/{job.job_id}/{action}").status_code == 403
        assert client.get(f"/api/v1/jobs/{job.job_id}").json()["status"] == "queued"


def test_the_result_is_there_when_the_job_has_completed(api, tenant):
    """Before: 409 `not_finished`; after: what the job resulted in."""
    job = tenant.job()
    answer = api.get(f"/api/v1/jobs/{job.job_id}/result")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_finished")
    tenant.move(job, status="completed", result=json.dumps({"rows_read": 3}))
    answer = api.get(f"/api/v1/jobs/{job.job_id}/result")
    assert (answer.status_code, answer.json()) == (200, {"rows_read": 3})


def test_a_failed_job_has_no_result_but_a_reason(api, tenant):
    """409 `wrong_state`, with the sentence of the error."""
    error = {"code": "missing_column", "message": "The column date is missing.", "detail": None, "retryable": False}
    job = tenant.move(tenant.job(), status="failed", error=json.dumps(error))
    answer = api.get(f"/api/v1/jobs/{job.job_id}/result")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert "The column date is missing." in answer.json()["detail"]
    assert api.get(f"/api/v1/jobs/{job.job_id}").json()["error"] == error


def test_rejects_are_paged_in_the_files_order(api, tenant):
    """Line, offset, raw record, reasons and what it was assigned of every row that was set aside, each once."""
    job = tenant.job()
    (row,) = tenant.execute("SELECT payload FROM wharf.jobs WHERE id = :id", id=job.job_id)
    why = [{"column": "quantity", "code": "not_integer", "message": "Not a whole number.", "value": "x"}]
    for line in (4, 2, 3):
        tenant.execute(
            "INSERT INTO wharf.rejects (import_id, byte_offset, tenant_id, line, raw, errors)"
            " VALUES (:import_id, :offset, :tenant, :line, :raw, CAST(:errors AS jsonb))",
            import_id=row["payload"]["import_id"], offset=line * 100, tenant=tenant.id, line=line, raw=f"r{line}",
            errors=json.dumps(why),
        )  # fmt: skip
    of = {"import_id": row["payload"]["import_id"], "tenant": tenant.id, "given": '{"n": 1}'}
    tenant.execute("INSERT INTO wharf.assigned VALUES (:import_id, 300, :tenant, CAST(:given AS jsonb))", **of)
    # As workers of earlier versions do.
    tenant.execute(
        "UPDATE wharf.rejects SET assigned = '{\"n\": 2}' WHERE import_id = :id AND line = 4", id=of["import_id"]
    )
    own = f"/api/v1/jobs/{job.job_id}/rejects"
    first = api.get(own, params={"limit": 2}).json()
    second = api.get(own, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert first["items"] + second["items"] == [
        {"line": n, "byte_offset": n * 100, "raw": f"r{n}", "errors": why, "assigned": given}
        for n, given in ((2, None), (3, {"n": 1}), (4, {"n": 2}))
    ]
    assert second["next_cursor"] is None


def test_only_imports_have_rejects(api, tenant):
    """409 for a job of another kind."""
    job = tenant.job(kind="echo")
    answer = api.get(f"/api/v1/jobs/{job.job_id}/rejects")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_kind")


def test_logs_and_attempts_are_listed(api, tenant):
    """The job's own lines, oldest first, over pages; and its tries."""
    job = tenant.job()
    for nth in range(3):
        tenant.execute(
            "INSERT INTO wharf.job_logs (tenant_id, job_id, attempt, level, event, fields)"
            " VALUES (:tenant, :job, 1, 'info', :event, '{\"rows\": 5}')",
            tenant=tenant.id, job=job.job_id, event=f"step.{nth}",
        )  # fmt: skip
    tenant.execute(
        "INSERT INTO wharf.attempts (job_id, attempt, tenant_id, worker, outcome)"
        " VALUES (:job, 1, :tenant, 'w1', 'die')",
        job=job.job_id, tenant=tenant.id,
    )  # fmt: skip
    own = f"/api/v1/jobs/{job.job_id}"
    first = api.get(f"{own}/logs", params={"limit": 2}).json()
    second = api.get(f"{own}/logs", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    lines = first["items"] + second["items"]
    assert [line["event"] for line in lines] == ["step.0", "step.1", "step.2"]
    assert (lines[0]["level"], lines[0]["attempt"], lines[0]["fields"]) == ("info", 1, {"rows": 5})
    (attempt,) = api.get(f"{own}/attempts").json()["items"]
    assert (attempt["attempt"], attempt["worker"], attempt["outcome"], attempt["ended_at"]) == (1, "w1", "die", None)


@pytest.mark.parametrize("part", ["", "/logs", "/attempts", "/rejects", "/rejects.csv", "/result", "/events"])
def test_a_job_that_is_not_there(api, part):
    """404, for ids that never were; 422 for what is no id."""
    answer = api.get(f"/api/v1/jobs/{new_id()}{part}")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert api.get(f"/api/v1/jobs/{uuid4().hex[:9]}{part}").status_code == 422


@pytest.mark.parametrize("action", ["cancel", "retry", "discard"])
def test_a_job_that_is_not_there_is_not_steered(api, action):
    """404, for ids that never were; 422 for what is no id."""
    answer = api.post(f"/api/v1/jobs/{new_id()}/{action}")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert api.post(f"/api/v1/jobs/1/{action}").status_code == 422
