"""A claim does not wait for the disk: a server that dies may forget it. Who held such a job holds it no more."""

from __future__ import annotations

import pytest

from wharf.common.errors import Fenced
from wharf.common.jobs.kinds import ECHO
from wharf.common.jobs.states import Event, Status
from wharf.common.runtime.endings import Ending, finish
from wharf.common.runtime.heartbeat import Heart
from wharf.common.runtime.implementation import Implementation
from wharf.common.runtime.leaving import LeaveSign
from wharf.common.runtime.runner import Runner
from wharf.common.runtime.voice import Voice

WATCH = """
    CREATE TABLE public.commits (of_table text, durable text);
    CREATE FUNCTION public.note_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO public.commits VALUES (TG_TABLE_NAME || ' ' || lower(TG_OP), current_setting('synchronous_commit'));
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT OR DELETE ON wharf.leases DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION public.note_commit()"""
UNWATCH = """
    DROP TRIGGER note_commit ON wharf.leases;
    DROP FUNCTION public.note_commit;
    DROP TABLE public.commits"""
FORGET = """
    WITH lease AS (DELETE FROM wharf.leases WHERE job_id = %(job)s),
         attempt AS (DELETE FROM wharf.attempts WHERE job_id = %(job)s)
    UPDATE wharf.jobs SET status = 'queued', started_at = NULL WHERE id = %(job)s"""


def work(_context: object) -> dict[str, object]:
    return {}


@pytest.fixture
def commits(ledger):
    """What has been committed of leases so far, and whether it waited for the disk."""
    ledger.owner.execute(WATCH)
    yield lambda: {(row["of_table"], row["durable"]) for row in ledger.ask("SELECT * FROM public.commits")}
    ledger.owner.execute(UNWATCH)


@pytest.fixture
def forgotten(ledger, attempt):
    """An attempt whose claim the server has forgotten, and which somebody else has made since."""
    context = attempt(ECHO, ECHO.payload())
    ledger.owner.execute(FORGET, {"job": context.job_id})
    assert ledger.claim(context.job_id, worker="another")
    return context


def test_a_claim_is_not_waited_for_and_an_end_is(ledger, tenant, storage, feed, commits):
    """An end was told to somebody: it must not be forgotten."""
    runner = Runner(ledger.app, storage, feed, Heart(ledger.app, LeaveSign(), 600), "w", 20.0, Voice(ledger.app, feed))
    runner.run(Implementation(ECHO, work), tenant.submit(), 1)
    assert commits() == {("leases insert", "off"), ("leases delete", "on")}


def test_who_held_it_commits_nothing_more(forgotten, ledger):
    """Although the attempt's number is the same."""
    with pytest.raises(Fenced), forgotten.transaction() as connection:
        forgotten.save(connection, {"row": 7})
    assert ledger.job(forgotten.job_id)["checkpoint"] is None


def test_who_held_it_hears_that_it_is_lost(forgotten, ledger):
    """And does not keep the other's lease while it works on."""
    before = ledger.lease(forgotten.job_id)
    heart = Heart(ledger.app, LeaveSign(), 600)
    assert heart._ask(forgotten.pulse, 60.0) == (False, False)
    assert heart._ask(forgotten.pulse, 0) == (False, False)
    assert ledger.lease(forgotten.job_id) == before


def test_who_held_it_ends_nothing(forgotten, ledger):
    """The other one goes on, and its end is the job's."""
    assert finish(forgotten, Implementation(ECHO, work), Ending(Event.COMPLETE, result={})) is None
    assert ledger.job(forgotten.job_id)["status"] == Status.RUNNING
    assert ledger.finish(forgotten.job_id, Event.COMPLETE)["status"] == Status.COMPLETED


def test_a_server_that_forgot_it_has_the_job_queued(ledger, attempt):
    """Who held it ends nothing then either: the dispatcher rings again."""
    context = attempt(ECHO, ECHO.payload())
    ledger.owner.execute(FORGET, {"job": context.job_id})
    assert finish(context, Implementation(ECHO, work), Ending(Event.COMPLETE, result={})) is None
    assert ledger.job(context.job_id)["status"] == Status.QUEUED
