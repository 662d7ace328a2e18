"""Schedules over a real ledger: their jobs, their history, their policies; nothing here waits for a clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from wharf.common.jobs.states import Event
from wharf.common.packages import builtin_packages
from wharf.common.runtime.zeros import TENANTS
from wharf.common.schedules import BUILTIN, Overlap
from wharf.common.schedules.policies import INSTALLATION
from wharf.local.trial import eventually
from wharf.scheduler.observing import of_the_ledger
from wharf.scheduler.schedules import BATCH, DUE

CLEANUP = "SELECT * FROM wharf.schedules WHERE name = 'cleanup'"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MISSED = "wharf_schedule_missed_total"


def outcomes(ledger, schedule):
    return [(run["scheduled_for"], run["outcome"]) for run in ledger.runs(schedule)]


def job_of(ledger, schedule):
    """The newest of its jobs."""
    return ledger.job([run["job_id"] for run in ledger.runs(schedule) if run["job_id"]][-1])


def end(ledger, *jobs):
    """Let a worker have done them."""
    for job in jobs:
        attempt = ledger.job(job)["attempt"]
        ledger.claim(job, attempt)
        ledger.finish(job, Event.COMPLETE, attempt)


def test_what_is_due_becomes_a_job_like_any_other(schedules, ledger, tenant, broker):
    """With the schedule's work, place and name; published at once; and its next time is the one after it."""
    wanted = {"payload": json.dumps({"message": "hello"}), "priority": 2, "project_id": "north", "name": "greet"}
    schedule = tenant.schedule(next_at=NOON, **wanted)
    assert not schedules.tick(NOON)
    assert outcomes(ledger, schedule) == [(NOON, "started")]
    job = job_of(ledger, schedule)
    assert [job[name] for name in ("tenant_id", "project_id", "kind", "queue", "priority", "label", "status")] == [
        tenant.id, "north", "echo", "maintenance", 2, "greet", "queued",
    ]  # fmt: skip
    assert (job["payload"]["message"], job["request_id"], job["admitted"]) == ("hello", f"schedule-{schedule}", True)
    assert eventually(lambda: broker.jobs() == [job["id"]], "the message")
    (row,) = ledger.ask("SELECT next_at FROM wharf.schedules WHERE id = %s", schedule)
    assert row["next_at"] == NOON + MINUTE


def test_nothing_is_done_before_its_time_nor_while_it_is_off(schedules, ledger, tenant):
    """One whose time has not come, and one that is disabled."""
    tenant.schedule(next_at=NOON + timedelta(microseconds=1))
    tenant.schedule(enabled=False, next_at=None)
    assert not schedules.tick(NOON)
    assert ledger.jobs() == []


def test_without_a_moment_it_is_the_ledgers_clock(schedules, ledger, tenant):
    """As a beat asks."""
    (row,) = ledger.ask("SELECT now() AS at")
    past = tenant.schedule(next_at=row["at"] - timedelta(seconds=5))
    coming = tenant.schedule(next_at=row["at"] + timedelta(hours=1))
    schedules.tick()
    assert (len(ledger.runs(past)), len(ledger.runs(coming))) == (1, 0)


def test_a_new_time_holds_from_the_next_tick(schedules, ledger, tenant):
    """Nothing of a schedule is remembered between two ticks, so nothing has to be started again."""
    schedule = tenant.schedule(next_at=NOON + timedelta(hours=1))
    schedules.tick(NOON)
    ledger.ask("UPDATE wharf.schedules SET next_at = %s, interval_seconds = 5 WHERE id = %s", NOON, schedule)
    schedules.tick(NOON)
    assert outcomes(ledger, schedule) == [(NOON, "started")]
    ledger.ask("DELETE FROM wharf.schedules WHERE id = %s", schedule)
    assert not schedules.tick(NOON + MINUTE)
    assert len(ledger.jobs()) == 1


def test_many_are_taken_in_batches(schedules, ledger, tenant):
    """All of them in the end; and a tick says that there are more."""
    for nth in range(BATCH + 1):
        tenant.schedule(next_at=NOON, name=f"s{nth}", overlap="queue")
    assert schedules.tick(NOON)
    assert len(ledger.jobs()) == BATCH
    assert not schedules.tick(NOON)
    assert len(ledger.jobs()) == BATCH + 1


def test_what_is_due_is_found_by_its_index(ledger, tenant):
    """However many schedules there are, a tick with nothing to do reads none of them."""
    row = tenant.schedule(next_at=NOON)
    same = "tenant_id, project_id, interval_seconds, time_zone, kind, queue, priority, enabled, overlap, misfire"
    copied = f"INSERT INTO wharf.schedules (id, name, {same}, grace_seconds, next_at)"
    of = f"SELECT gen_random_uuid(), 'n' || n, {same}, grace_seconds, next_at FROM wharf.schedules"
    ledger.ask(f"{copied} {of}, generate_series(1, 2000) n WHERE id = %s", row)
    ledger.ask("ANALYZE wharf.schedules")
    with ledger.dispatch.anyone() as connection:
        explain = DUE.text.replace(":at", "'2026-01-01'").replace(":most", "100")
        plan = "\n".join(line for (line,) in connection.exec_driver_sql(f"EXPLAIN {explain}"))
    assert "ix_schedules_due" in plan
    assert "Seq Scan" not in plan


def test_skip_leaves_out_what_finds_a_job_at_work(schedules, ledger, tenant):
    """And notes it; when the job has ended the next one starts."""
    schedule = tenant.schedule(next_at=NOON)
    schedules.tick(NOON)
    schedules.tick(NOON + MINUTE)
    end(ledger, job_of(ledger, schedule)["id"])
    schedules.tick(NOON + 2 * MINUTE)
    assert outcomes(ledger, schedule) == [
        (NOON, "started"),
        (NOON + MINUTE, "skipped"),
        (NOON + 2 * MINUTE, "started"),
    ]


def test_queue_starts_them_one_after_the_other(schedules, ledger, tenant):
    """Each when the one before it has ended, first to last, and none twice."""
    schedule = tenant.schedule(next_at=NOON, overlap=Overlap.QUEUE)
    for nth in range(3):
        schedules.tick(NOON + nth * MINUTE)
    seen = []
    for _ in range(3):
        assert [run["outcome"] for run in ledger.runs(schedule)][: len(seen) + 1] == ["started"] * (len(seen) + 1)
        seen.append(job_of(ledger, schedule)["id"])
        assert len(ledger.jobs()) == len(seen)
        end(ledger, seen[-1])
        schedules.tick(NOON + 2 * MINUTE)
    assert len(set(seen)) == len(ledger.jobs()) == 3


def test_replace_cancels_what_runs_and_starts_when_it_has_ended(schedules, ledger, tenant):
    """As a person would cancel it: one that waits ends at once, one that runs when its worker sees the flag."""
    schedule = tenant.schedule(next_at=NOON, overlap=Overlap.REPLACE)
    schedules.tick(NOON)
    waits = job_of(ledger, schedule)["id"]
    schedules.tick(NOON + MINUTE)
    assert (ledger.job(waits)["status"], ledger.job(waits)["error"]["code"]) == ("cancelled", "cancelled")
    runs = job_of(ledger, schedule)["id"]
    assert runs != waits
    ledger.claim(runs)
    schedules.tick(NOON + 2 * MINUTE)
    schedules.tick(NOON + 3 * MINUTE)
    assert (ledger.job(runs)["status"], len(ledger.jobs())) == ("cancelling", 2)
    ledger.finish(runs, Event.STOP)
    schedules.tick(NOON + 3 * MINUTE)
    assert [outcome for _, outcome in outcomes(ledger, schedule)] == ["started", "started", "skipped", "started"]
    assert ledger.job(runs)["status"] == "cancelled"


@pytest.mark.parametrize(("misfire", "started"), [("run_once", 1), ("skip", 0)])
def test_after_a_time_without_a_scheduler(schedules, ledger, tenant, counted, misfire, started):
    """What is later than the grace makes one job or none; all the others are noted, and counted under one name."""
    before = counted(MISSED, schedule=TENANTS)
    schedule = tenant.schedule(next_at=NOON, misfire=misfire, grace_seconds=30)
    assert not schedules.tick(NOON + 10 * MINUTE - timedelta(seconds=20))
    found = [outcome for _, outcome in outcomes(ledger, schedule)]
    assert found == ["missed"] * (10 - started) + ["started"] * started
    assert counted(MISSED, schedule=TENANTS) - before == 10 - started
    assert len(ledger.jobs()) == started


def test_a_package_is_told_by_the_tenants_own_type_as_it_is_then(schedules, ledger, tenant):
    """Not as it was when the schedule was written; one that has gone since is its job's failure to tell."""
    own = builtin_packages()["asset_register"].model_copy(update={"name": "mine", "title": "Ours"})
    payload = {"package_type": "mine", "options": {"formats": ["pdf"]}}
    work = {"kind": "package", "queue": "package", "payload": json.dumps(payload), "overlap": "replace"}
    schedule = tenant.schedule(next_at=NOON, **work)
    values = (tenant.id, "mine", json.dumps(own.to_keep()))
    ledger.ask("INSERT INTO wharf.own_package_types (tenant_id, name, declaration) VALUES (%s, %s, %s)", *values)
    schedules.tick(NOON)
    told = job_of(ledger, schedule)["payload"]
    assert (told["version"], told["declaration"]["title"], told["options"]["formats"]) == (2, "Ours", ["pdf"])
    ledger.ask("DELETE FROM wharf.own_package_types WHERE tenant_id = %s", tenant.id)
    schedules.tick(NOON + MINUTE)
    told = job_of(ledger, schedule)["payload"]
    assert (told["version"], told["package_type"], told["declaration"]) == (1, "mine", None)


def test_one_that_cannot_be_read_holds_up_no_other(schedules, ledger, tenant):
    """Of a later version, or with a zone that is not here: it is taken out of the way."""
    broken = [
        tenant.schedule(next_at=NOON, time_zone="Mars/Olympus"),
        tenant.schedule(next_at=NOON, kind="brew"),
        tenant.schedule(next_at=NOON, payload=json.dumps({"later": 1})),
        tenant.schedule(next_at=NOON, kind="cleanup"),
    ]
    good = tenant.schedule(next_at=NOON)
    schedules.tick(NOON)
    assert len(ledger.jobs()) == len(ledger.runs(good)) == 1
    rows = ledger.ask("SELECT enabled, next_at FROM wharf.schedules WHERE id = ANY (%s)", broken)
    assert rows == [{"enabled": False, "next_at": None}] * 4
    assert not schedules.tick(NOON)


def test_built_in_ones_are_there_and_stay_as_somebody_made_them(schedules, ledger, zone, broker):
    """In the installation's zone; a new version changes what nobody has; an emptied Redis changes nothing."""
    schedules.declare(zone, NOON)
    assert {row["name"] for row in ledger.ask("SELECT name FROM wharf.schedules WHERE builtin")} == {
        one.name for one in BUILTIN
    }
    (row,) = ledger.ask(CLEANUP)
    assert (row["tenant_id"], row["name"], row["time_zone"]) == (INSTALLATION, BUILTIN[0].name, "Europe/Berlin")
    assert row["next_at"] == datetime(2026, 5, 2, 1, 30, tzinfo=UTC)
    broker.lose()
    schedules.declare(zone, NOON + MINUTE)
    assert ledger.ask(CLEANUP) == [row]
    ledger.ask("UPDATE wharf.schedules SET cron = '0 0 * * *' WHERE builtin")
    schedules.declare(zone, NOON)
    assert ledger.ask("SELECT cron FROM wharf.schedules WHERE name = 'cleanup'") == [{"cron": BUILTIN[0].cron}]
    ledger.ask("UPDATE wharf.schedules SET cron = '0 0 * * *', adjusted = true WHERE builtin")
    schedules.declare(zone, NOON)
    assert ledger.ask("SELECT cron FROM wharf.schedules WHERE name = 'cleanup'") == [{"cron": "0 0 * * *"}]


def test_built_in_ones_say_when_they_last_succeeded(schedules, ledger, zone, observed):
    """By name: their number is bounded. One that has only begun, or is switched off, says nothing."""
    name = "wharf_schedule_last_success_timestamp_seconds"
    schedules.declare(zone, NOON)
    (row,) = ledger.ask(CLEANUP)
    schedules.tick(row["next_at"])
    job = job_of(ledger, row["id"])
    assert (job["kind"], job["tenant_id"]) == ("cleanup", INSTALLATION)
    assert (name, "cleanup") not in observed(of_the_ledger(ledger.dispatch))
    end(ledger, job["id"])
    at = ledger.job(job["id"])["finished_at"].timestamp()
    assert observed(of_the_ledger(ledger.dispatch))[name, "cleanup"] == pytest.approx(at)
    ledger.ask("UPDATE wharf.schedules SET enabled = false, next_at = NULL WHERE builtin AND name = 'cleanup'")
    assert (name, "cleanup") not in observed(of_the_ledger(ledger.dispatch))
