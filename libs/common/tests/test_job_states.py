from __future__ import annotations

import itertools

import pytest

from wharf.common.errors import Conflict
from wharf.common.jobs.states import ENDED, TRANSITIONS, Event, Status, after, allows, sources


@pytest.mark.parametrize(("status", "event"), list(itertools.product(Status, Event)))
def test_every_pair_has_an_answer(status: Status, event: Event) -> None:
    """A pair is either in the table, or refused with the state in the error."""
    if allows(status, event):
        assert after(status, event) is TRANSITIONS[status, event]
    else:
        with pytest.raises(Conflict) as refused:
            after(status, event)
        assert refused.value.detail == {"status": status.value}


@pytest.mark.parametrize("status", sorted(ENDED - {Status.FAILED, Status.CANCELLED}))
def test_a_completed_job_stays_so(status: Status) -> None:
    """Nothing happens to a completed job any more."""
    assert not any(allows(status, event) for event in Event)


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_only_a_person_moves_what_has_ended(status: Status) -> None:
    """A failed or cancelled job moves by a retry, and only by that."""
    assert [event for event in Event if allows(status, event)] == [Event.RETRY]


@pytest.mark.parametrize("status", [s for s in Status if s not in ENDED])
def test_every_live_job_can_be_cancelled(status: Status) -> None:
    """Whatever a live job waits for, a cancel leads towards its end."""
    assert after(status, Event.CANCEL) in {Status.CANCELLED, Status.CANCELLING}


@pytest.mark.parametrize("event", [Event.FAIL, Event.FAIL_FOR_NOW, Event.DIE, Event.GIVE_BACK, Event.STOP])
def test_a_cancel_is_never_undone_by_a_failure(event: Event) -> None:
    """Whatever goes wrong while a job is being cancelled, it ends as cancelled."""
    assert after(Status.CANCELLING, event) is Status.CANCELLED


def test_every_state_can_be_reached() -> None:
    """The table has no state that nothing leads to, but for the first."""
    assert set(TRANSITIONS.values()) == set(Status)


def test_sources_are_what_a_compare_and_set_compares_with() -> None:
    """Completion comes from running, or from cancelling when the work was done first."""
    assert set(sources(Event.COMPLETE, Status.COMPLETED)) == {Status.RUNNING, Status.CANCELLING}
