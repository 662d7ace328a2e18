"""Housekeeping: what is kept for a time only goes, whatever is still needed stays, and a dry run says the same."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from wharf.common.clock import new_id
from wharf.common.errors import Cancelled, Transient
from wharf.common.jobs.kinds import CLEANUP, CleanupPayload
from wharf.common.jobs.results import LARGEST_BYTES, is_short, result_key, whole
from wharf.common.jobs.states import Event
from wharf.common.packages.files import file_key
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.heartbeat import Pulse
from wharf.common.schedules.policies import INSTALLATION
from wharf.common.storage import Listed, Storage
from wharf.scheduler.housekeeping import course, deliveries, imports, run_cleanup
from wharf.scheduler.housekeeping.cleanup import CHORES
from wharf.scheduler.housekeeping.retention import Retention
from wharf.scheduler.orphans import Orphans

DAY = 86_400.0
KEEP = Retention(90, 90, 30, 90, 30, 90, 90, 30, 90, orphan_seconds=DAY)
CLASSES = [chore.name for chore in CHORES if chore.name != "missing"]


@pytest.fixture(autouse=True)
def nothing_else(ledger):
    """No other tenant is there, and nothing of one: each would be looked at."""
    for table in (
        *("webhook_deliveries", "webhooks", "report_recipients", "canaries", "benchmark_runs", "benchmark_values"),
        *("benchmarks", "benchmark_shares", "conflicts", "unfinished", "rejects", "assigned", "data_updates"),
        *("mappings", "imports", "uploads", "idempotency", "workers", "datasets", "own_package_types", "projects"),
        "api_keys",
    ):
        ledger.ask(f"DELETE FROM wharf.{table}")
    ledger.ask("DELETE FROM wharf.tenants WHERE id <> %s", INSTALLATION)


@pytest.fixture
def begin(attempt) -> Callable[..., JobContext]:
    """An attempt at a clean-up."""

    def begun(*, dry_run: bool = False, **more: Any) -> JobContext:
        return attempt(CLEANUP, CleanupPayload.of(dry_run=dry_run), **more)

    return begun


@pytest.fixture
def clean(begin) -> Callable[..., dict[str, Any]]:
    """A whole run; gives its result."""

    def run(keep: Retention = KEEP, **more: Any) -> dict[str, Any]:
        result = run_cleanup(begin(**more), keep=keep, seconds=60)
        assert result["complete"]
        return result

    return run


def removed(result: dict[str, Any]) -> dict[str, int]:
    """What went, without the classes in which nothing did."""
    return {name: number for name, number in result["removed"].items() if number}


@dataclass(frozen=True)
class Past:
    """Makes what a tenant did so many days ago."""

    ledger: Any
    tenant: Any
    store: Callable[..., Any]

    @property
    def id(self) -> UUID:
        return self.tenant.id

    def upload(self, days: int = 100) -> UUID:
        upload_id = new_id()
        self.store(f"uploads/{self.id}/{upload_id}")
        self.ledger.ask(
            "INSERT INTO wharf.uploads (id, tenant_id, project_id, file_name, media_type, size, sha256, storage_key,"
            " created_at) VALUES (%s, %s, 'default', 'a.csv', 'text/csv', 4, 'ab', %s,"
            " now() - make_interval(days => %s))",
            upload_id, self.id, f"uploads/{self.id}/{upload_id}", days,
        )  # fmt: skip
        return upload_id

    def imported(self, upload_id: UUID, days: int = 100, **more: Any) -> UUID:
        import_id = new_id()
        values = {"id": import_id, "tenant_id": self.id, "upload_id": upload_id, "project_id": "default"} | more
        names = ", ".join(values)
        self.ledger.ask(
            f"INSERT INTO wharf.imports ({names}, created_at) VALUES ({', '.join(['%s'] * len(values))},"
            " now() - make_interval(days => %s))",
            *values.values(), days,
        )  # fmt: skip
        if "turn" in more:
            self.ledger.ask("UPDATE wharf.imports SET merged_at = created_at WHERE id = %s", import_id)
        return import_id

    def rejected(self, import_id: UUID, rows: int) -> None:
        self.ledger.ask(
            "INSERT INTO wharf.rejects (import_id, byte_offset, tenant_id, line, raw, errors)"
            " SELECT %s, n, %s, n, 'x', '[]' FROM generate_series(1, %s) n",
            import_id, self.id, rows,
        )  # fmt: skip

    def job(self, kind: str, status: str, days: float = 100, result: Any = None, **payload: Any) -> UUID:
        job_id = new_id()
        self.ledger.ask(
            "INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, payload, result,"
            " admitted, created_at, finished_at) SELECT %s, %s, 'default', %s, 'ingest', 1, %s, %s, %s, %s, at, at"
            " FROM (SELECT now() - make_interval(secs => %s * 86400) AS at) past",
            job_id, self.id, kind, status, json.dumps(payload, default=str), json.dumps(result, default=str),
            status in {"running", "cancelling"}, days,
        )  # fmt: skip
        return job_id

    def waiting(self, **payload: Any) -> None:
        """A job that runs without a slot, as long as its parts are at work."""
        job_id = self.job("import", "running", **payload)
        self.ledger.ask("UPDATE wharf.jobs SET waits = true, admitted = false WHERE id = %s", job_id)

    def package(self, days: float, made_by: UUID | None = None) -> UUID:
        files = [{"name": "a.pdf", "size": 4}, {"name": "a.xlsx", "size": 4}]
        job_id = self.job("package", "completed", days, {"files": files, "made_by": made_by})
        if made_by is None:
            told = "UPDATE wharf.jobs SET result = result || jsonb_build_object('made_by', id) WHERE id = %s"
            self.ledger.ask(told, job_id)
            for file in files:
                self.store(file_key(self.id, job_id, file["name"]))
        return job_id

    def journal(self, *turns: int) -> str:
        """The journal of a dataset, with one row of each of those merges."""
        place = f"t_{self.id.hex}"
        self.ledger.ask("UPDATE wharf.tenants SET schema_name = %s WHERE id = %s", place, self.id)
        self.ledger.ask(f"CREATE SCHEMA {place}")
        self.ledger.ask(f"GRANT USAGE ON SCHEMA {place} TO wharf_app")
        self.ledger.ask(f"CREATE TABLE {place}._was_things (_turn bigint)")
        self.ledger.ask(f"GRANT SELECT, DELETE ON {place}._was_things TO wharf_app")
        self.ledger.ask(
            "INSERT INTO wharf.datasets (tenant_id, profile, schema_name, table_name, definition)"
            " VALUES (%s, 'things', %s, 'things', '{}')", self.id, place,
        )  # fmt: skip
        for turn in turns:
            self.ledger.ask(f"INSERT INTO {place}._was_things VALUES (%s)", turn)
        return f"{place}._was_things"


@pytest.fixture
def past(ledger, tenant, store) -> Iterator[Past]:
    """A tenant with a past."""
    made = Past(ledger, tenant, store)
    yield made
    ledger.ask(f"DROP SCHEMA IF EXISTS t_{made.id.hex} CASCADE")


def test_a_dry_run_says_what_then_goes_and_nothing_is_left_for_a_third_run(past, clean, ledger, store, objects):
    """Every class, in one ledger: counted alike, changed by the second run only."""
    upload = past.upload()
    imported = past.imported(upload, turn=1, profile="things", mode="upsert")
    past.rejected(imported, 3)
    journal = past.journal(1)
    dry = past.imported(past.upload(days=1), days=40, waiting="{}")
    past.job("import", "completed", 40, {}, import_id=dry, dry_run=True)
    past.package(31)
    schedule = past.tenant.schedule(next_at=None, enabled=False)
    ledger.ask(
        "INSERT INTO wharf.schedule_runs (schedule_id, scheduled_for, tenant_id, outcome)"
        " VALUES (%s, now() - interval '91 days', %s, 'missed')", schedule, past.id,
    )  # fmt: skip
    large = {"rows": [{"n": n} for n in range(LARGEST_BYTES // 8)], "count": 7}
    told = past.job("inspect", "completed", 1, large)
    store(file_key(past.id, new_id(), "a.pdf"))
    wanted = {
        "schedule_runs": 1, "rejects": 3, "dry_runs": 1, "prior_values": 1, "packages": 1, "large_results": 1,
        "orphans": 1,
    }  # fmt: skip
    files = {path for path in objects.rglob("*") if path.is_file()}
    said = clean(dry_run=True)
    assert (said["dry_run"], removed(said), said["bytes"]) == (True, wanted, {"packages": 8, "orphans": 4})
    assert {path for path in objects.rglob("*") if path.is_file() and path.name != "clock"} == files
    assert ledger.ask(f"SELECT count(*) FROM {journal}")[0]["count"] == 1
    # What the upload was kept for goes in the same run, before it is looked at.
    done = clean()
    assert (done["dry_run"], removed(done)) == (False, wanted | {"uploads": 1})
    assert removed(clean()) == {}
    assert ledger.ask(f"SELECT count(*) FROM {journal}")[0]["count"] == 0
    job = ledger.job(told)
    assert (job["result"]["count"], job["result"]["_stored"]["left_out"]) == (7, ["rows"])
    assert [row["removed_at"] is None for row in ledger.ask("SELECT removed_at FROM wharf.uploads ORDER BY id")] == [
        False, True,
    ]  # fmt: skip
    assert not (objects / f"uploads/{past.id}/{upload}").exists()


def test_deliveries_go_with_their_time_or_their_webhook(past, clean, ledger, monkeypatch):
    """In batches: what ended long ago, and all of a webhook that was removed, then the webhook; what waits stays."""
    monkeypatch.setattr(deliveries, "BATCH", 2)
    hooks = {name: new_id() for name in ("there", "removed", "at work")}
    for name, hook in hooks.items():
        ledger.ask(
            "INSERT INTO wharf.webhooks (id, tenant_id, name, url, events, secret) VALUES (%s, %s, %s, 'x', '{}', '')",
            hook, past.id, name,
        )  # fmt: skip
    for hook, status, days in [
        *(("there", "delivered", 31), ("there", "failed", 29), ("there", "waiting", None)),
        *(("removed", "delivered", 0), ("removed", "delivered", 40), ("removed", "waiting", None)),
        ("at work", "sending", None),
    ]:
        ledger.ask(
            "INSERT INTO wharf.webhook_deliveries (id, webhook_id, tenant_id, type, body, status, ended_at, next_at)"
            " VALUES (%s, %s, %s, 'x', '{}', %s, now() - make_interval(days => %s),"
            " CASE WHEN %s THEN now() + interval '1 minute' END)",
            new_id(), hooks[hook], past.id, status, days, days is None,
        )  # fmt: skip
    for name in ("removed", "at work"):
        with ledger.app.tenant(past.id) as connection:
            connection.execute(text("SELECT wharf.remove_webhook(:id)"), {"id": hooks[name]})
    assert removed(clean(dry_run=True)) == removed(clean()) == {"deliveries": 4}
    left = "SELECT w.name, d.status FROM wharf.webhooks w LEFT JOIN wharf.webhook_deliveries d ON d.webhook_id = w.id"
    assert sorted((row["name"], row["status"]) for row in ledger.ask(left)) == [
        ("at work", "sending"), ("there", "failed"), ("there", "waiting"),
    ]  # fmt: skip


NEEDS: dict[str, Callable[[Past, UUID], object]] = {
    "an inspection that waits": lambda past, upload: past.job("inspect", "queued", upload_id=upload),
    "an import that is tried again": lambda past, upload: past.job("import", "retrying", upload_id=upload),
    "an import that runs": lambda past, upload: past.job("import", "running", upload_id=upload),
    "an import that waits for its parts": lambda past, upload: past.waiting(upload_id=upload),
    "an undo that is being cancelled": lambda past, upload: past.job(
        "undo", "cancelling", import_id=past.imported(upload)
    ),
    "rejects to be corrected": lambda past, upload: past.rejected(past.imported(upload, days=89), 1),
    "a dry run to be committed": lambda past, upload: past.imported(upload, waiting="{}"),
    "an import that can be undone": lambda past, upload: past.imported(upload, days=89, turn=1),
    "an import of yesterday": lambda past, upload: past.imported(upload, days=1),
}


def test_an_upload_that_something_needs_is_kept(past, clean, objects):
    """However old it is; what nobody needs goes beside it."""
    needed = {reason: past.upload(days=1000) for reason in NEEDS}
    for reason, upload in needed.items():
        NEEDS[reason](past, upload)
    free = past.upload(days=91)
    assert removed(clean())["uploads"] == 1
    there = {reason: (objects / f"uploads/{past.id}/{upload}").exists() for reason, upload in needed.items()}
    assert there == dict.fromkeys(NEEDS, True)
    assert not (objects / f"uploads/{past.id}/{free}").exists()


def test_an_upload_that_somebody_is_about_to_import_is_not_waited_for(past, clean, ledger, objects):
    """Its row is held by a request: it stays, and the run goes on."""
    held, free = past.upload(), past.upload()
    with ledger.app.tenant(past.id) as connection:
        connection.execute(text("SELECT 1 FROM wharf.uploads WHERE id = :id FOR KEY SHARE"), {"id": held})
        assert removed(clean()) == {"uploads": 1}
    assert [(objects / f"uploads/{past.id}/{one}").exists() for one in (held, free)] == [True, False]


def test_files_of_packages_go_when_the_last_one_that_has_them_is_old(past, clean, ledger, objects):
    """The same data are rendered once: an order of last week is served by the files of last month."""
    shared = past.package(60)
    again = past.package(7, made_by=shared)
    alone = past.package(60)
    assert removed(clean()) == {"packages": 1}
    there = [(objects / file_key(past.id, job, "a.pdf")).exists() for job in (shared, alone)]
    assert (there, "removed_at" in ledger.job(alone)["result"]) == ([True, False], True)
    ledger.age(again, "finished_at", 31 * 86_400)
    assert removed(clean()) == {"packages": 2}
    assert not (objects / file_key(past.id, shared, "a.pdf")).exists()


def test_prior_values_go_in_the_order_of_the_merges(past, clean, ledger):
    """One that waits for a decision holds up those after it: their undo would ask about it."""
    first, second, third = (
        past.imported(past.upload(), days=days, turn=turn, profile="things", mode="replace")
        for turn, days in ((1, 120), (2, 110), (3, 89))
    )
    journal = past.journal(1, 2, 3)
    job = past.job("import", "completed", 120)
    ledger.ask(
        "INSERT INTO wharf.conflicts (tenant_id, import_id, job_id, profile, project_id, key, column_name, line,"
        " existing_import) VALUES (%s, %s, %s, 'things', 'default', '{}', 'c', 1, %s)", past.id, first, job, first,
    )  # fmt: skip
    assert "prior_values" not in removed(clean())
    ledger.ask("DELETE FROM wharf.conflicts")
    assert removed(clean())["prior_values"] == 2
    assert ledger.ask(f"SELECT _turn FROM {journal}") == [{"_turn": 3}]
    turns = {row["id"]: row["turn"] for row in ledger.ask("SELECT id, turn FROM wharf.imports")}
    assert [turns[one] for one in (first, second, third)] == [None, None, 3]


def test_rejects_are_hidden_first_and_deleted_in_batches(past, clean, ledger, monkeypatch):
    """Nobody is shown a part of them; an import without any says nothing of it."""
    monkeypatch.setattr(imports, "BATCH", 10)
    many, none = past.imported(past.upload()), past.imported(past.upload())
    past.rejected(many, 35)
    young = past.imported(past.upload(), days=89)
    past.rejected(young, 2)
    assert removed(clean())["rejects"] == 35
    hidden = {row["id"]: row["rejects_removed_at"] for row in ledger.ask("SELECT * FROM wharf.imports")}
    assert (hidden[many] is None, hidden[none], hidden[young]) == (False, None, None)
    assert ledger.ask("SELECT count(*) FROM wharf.rejects") == [{"count": 2}]


def test_a_stop_loses_no_count_and_the_next_attempt_goes_on(past, begin, ledger, monkeypatch):
    """Each batch commits with its count: cancelled after the first one, the next attempt has the rest."""
    monkeypatch.setattr(imports, "BATCH", 10)
    past.rejected(past.imported(past.upload()), 25)
    context = begin()

    def stop(self: course.Course, _keys: Sequence[str]) -> None:
        if self.removed.get("rejects"):
            context.pulse.cancelled.set()

    monkeypatch.setattr(course.Course, "delete", stop)
    with pytest.raises(Cancelled):
        run_cleanup(context, keep=KEEP, seconds=60)
    monkeypatch.undo()
    assert ledger.ask("SELECT count(*) FROM wharf.rejects") == [{"count": 15}]
    saved = ledger.job(context.job_id)["checkpoint"]
    assert (saved["done"], saved["removed"]["rejects"]) == (CLASSES[: CLASSES.index("rejects")], 10)
    again = replace(context, checkpoint=saved, pulse=Pulse(context.job_id, 1, "w", 20.0))
    assert run_cleanup(again, keep=KEEP, seconds=60)["removed"]["rejects"] == 25


def test_it_stops_by_itself_when_its_time_is_over(past, begin):
    """Before the worker would end it as failed: what is left is the next run's."""
    past.upload()
    result = run_cleanup(begin(), keep=KEEP, seconds=-1)
    assert (result["complete"], removed(result)) == (False, {})


class Broken(Storage):
    """A storage that takes nothing away."""

    def delete_all(self, keys: Sequence[str]) -> None:
        message = f"no answer about {len(keys)} objects"
        raise Transient(message, code="storage_unavailable")


def test_an_error_of_the_storage_ends_the_run_and_the_next_one_goes_on(past, clean, begin, ledger, objects, storage):
    """The ledger's classes are done by then; files whose rows say that they are gone are found as orphans."""
    package = past.package(31)
    past.rejected(past.imported(past.upload()), 1)
    with pytest.raises(Transient) as failed:
        run_cleanup(begin(storage=Broken(storage.inner)), keep=KEEP, seconds=60)
    assert failed.value.error_code == "storage_unavailable"
    assert ledger.ask("SELECT count(*) FROM wharf.rejects") == [{"count": 0}]
    left = [objects / file_key(past.id, package, name) for name in ("a.pdf", "a.xlsx")]
    assert [path.exists() for path in left] == [True, True]
    assert removed(clean()) == {"uploads": 1, "orphans": 2}
    assert [path.exists() for path in left] == [False, False]


def test_objects_that_nobody_knows_go_and_rows_without_theirs_are_told(past, clean, store, objects):
    """Both ways; young ones, those of jobs at work, those beat looks for and what we do not name so are left alone."""
    there, gone = past.upload(days=1), past.upload(days=1)
    (objects / f"uploads/{past.id}/{gone}").unlink()
    made, failed = past.package(1), past.job("package", "failed", 2)
    running = past.job("package", "running", 2)
    told = past.job("inspect", "completed", 2, {"_stored": {"attempt": 2}})
    kept = [
        objects / f"uploads/{past.id}/{there}",
        objects / file_key(past.id, made, "a.pdf"),
        store(file_key(past.id, running, "a.pdf")),
        store(result_key(past.id, told, 2)),
        store(file_key(past.id, new_id(), "a.pdf"), 3600),
        store(f"uploads/{past.id}/{new_id()}"),
        store(f"packages/{past.id}/readme.txt"),
        store("results/notes.txt"),
    ]
    orphans = [
        store(file_key(new_id(), new_id(), "a.pdf")),
        store(file_key(past.id, made, "a.pdf#1")),
        store(file_key(past.id, failed, "a.pdf")),
        store(file_key(past.id, new_id(), "a.pdf")),
        store(result_key(past.id, told, 1)),
    ]
    result = clean()
    assert removed(result) == {"orphans": len(orphans)}
    assert [path.exists() for path in kept + orphans] == [True] * len(kept) + [False] * len(orphans)
    example = {"in": "uploads", "tenant_id": str(past.id), "id": str(gone)}
    assert result["missing"] == {"count": 1, "examples": [example]}


@dataclass(frozen=True)
class Vast(Storage):
    """So many young objects below one folder that no run sees the last of them."""

    folder_of_many: str = ""
    met: Callable[[], object] = lambda: None

    def list(self, prefix: str) -> Iterator[Listed]:
        for _ in range(1_000 if prefix == self.folder_of_many else 0):
            self.met()
            yield Listed(f"{prefix}/unknown", self.now(), 1)
        yield from super().list(prefix)


@pytest.mark.parametrize("folder", ["packages", "results", "uploads/{0}", "packages/{0}"])
def test_a_cancel_is_seen_in_the_middle_of_a_list(past, begin, storage, folder):
    """However long it is: whoever compares objects with rows, or rows with objects."""
    past.upload(days=1)
    past.package(1)
    context = begin()
    context.storage = Vast(storage.inner, folder.format(past.id), context.pulse.cancelled.set)
    with pytest.raises(Cancelled):
        run_cleanup(context, keep=KEEP, seconds=60)


def test_a_list_that_is_never_finished_holds_up_no_other_one(past, begin, ledger, storage, store, monkeypatch):
    """The next run begins after the folder in which the time was over, however often that is the same one."""
    passed = [0.0]
    monkeypatch.setattr(course, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0]))

    def run(vast: str) -> dict[str, Any]:
        passed[0] = 0.0
        context = begin(storage=Vast(storage.inner, vast, lambda: passed.append(passed.pop() + 60)))
        result = run_cleanup(context, keep=KEEP, seconds=60)
        ledger.finish(context.job_id, Event.COMPLETE, result=result)
        return result

    first = run("packages")
    assert (first["complete"], first["left_off"]) == (False, {"orphans": "packages"})
    rest = store(result_key(past.id, new_id(), 1))
    second = run("packages")
    assert (removed(second), second["left_off"], rest.exists()) == ({"orphans": 1}, {"orphans": "packages"}, False)
    assert run("")["left_off"] == {}


def test_after_a_restore_what_no_row_knows_is_kept_for_as_long_as_was_said(past, clean, ledger, storage, store):
    """`WHARF_ORPHAN_SECONDS` holds for every object, whoever looks for it: until then it may be loaded again."""
    month = 30 * DAY

    def one_of_each(seconds: float) -> list[Path]:
        keys = f"uploads/{past.id}/{new_id()}", file_key(past.id, new_id(), "a.pdf"), result_key(past.id, new_id(), 1)
        return [store(key, seconds) for key in keys]

    wanted, old = one_of_each(month - DAY), one_of_each(month + DAY)
    done = clean(replace(KEEP, orphan_seconds=month))
    assert (removed(done), Orphans(ledger.dispatch, storage, month).sweep()) == ({"orphans": 2}, 1)
    assert [path.exists() for path in wanted + old] == [True] * 3 + [False] * 3


def test_a_large_result_that_the_storage_did_not_take_is_moved(past, clean, ledger, storage):
    """Whole, and what an undo writes into the row later is in it."""
    large = {"rows": ["x" * 50] * 2_000, "count": 1}
    job = past.job("inspect", "completed", 1, large)
    small = past.job("inspect", "completed", 1, {"count": 2})
    assert removed(clean()) == {"large_results": 1}
    ledger.ask("""UPDATE wharf.jobs SET result = result || '{"undone_at": "now"}' WHERE id = %s""", job)
    kept = ledger.job(job)["result"]
    assert is_short(kept)
    assert whole(storage, past.id, job, kept) == large | {"undone_at": "now"}
    assert ledger.job(small)["result"] == {"count": 2}


def test_a_result_that_is_large_by_its_spaces_only_stays(past, clean, ledger):
    """The ledger writes it with more bytes than the storage would: it is no large one, and no run waits for it."""
    job = past.job("inspect", "completed", 1, {"rows": [1] * 30_000})
    assert ledger.ask("SELECT octet_length(result::text) > %s AS longer FROM wharf.jobs", LARGEST_BYTES * 11 // 10) == [
        {"longer": True}
    ]
    assert (removed(clean(dry_run=True)), removed(clean())) == ({}, {})
    assert not is_short(ledger.job(job)["result"])


def test_a_large_result_is_young_by_the_end_of_its_job(past, clean, ledger):
    """It waited for longer than results are looked for; one that ended before that has been looked at."""
    late, past_it = (past.job("inspect", "completed", days, {"rows": ["x" * 50] * 2_000}) for days in (1, 8))
    ledger.age(late, "created_at", 20 * DAY)
    assert removed(clean()) == {"large_results": 1}
    assert [is_short(ledger.job(job)["result"]) for job in (late, past_it)] == [True, False]
