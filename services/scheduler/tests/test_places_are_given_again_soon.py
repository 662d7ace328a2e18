"""Places that came free: given away soon while somebody waits for them, looked for less often when nobody does."""

from __future__ import annotations

import time

from wharf.scheduler.resting import PLACES_SECONDS, STILL_WAITING_SECONDS, Rest

USUAL = 0.5


def test_who_waits_for_a_place_waits_less(make_tenant, dispatcher):
    """The second job of a tenant with one place gets it in the tick after the first one's end, which comes soon."""
    tenant = make_tenant(published=1)
    first, second = tenant.submit_many(2)
    assert dispatcher.rest.seconds(USUAL) == USUAL
    tenant.cancel(first)
    dispatcher.tick()
    assert tenant.admitted() == 1
    assert dispatcher.rest.seconds(USUAL) == PLACES_SECONDS
    tenant.cancel(second)


def test_a_quiet_dispatcher_looks_as_often_as_ever(dispatcher, tenant):
    """A job that had its place at its submit, and a tick without jobs, hurry nobody."""
    dispatcher.tick()
    tenant.submit()
    dispatcher.tick()
    assert dispatcher.rest.seconds(USUAL) == USUAL


def test_it_calms_down():
    """When nobody got a place for a while, nobody is waiting for one, or nothing ends."""
    now = time.monotonic()
    rest = Rest(clock=lambda: now)
    rest.gave(1)
    now += STILL_WAITING_SECONDS - 0.1
    assert rest.seconds(USUAL) == PLACES_SECONDS
    rest.gave(0)
    now += 0.2
    assert rest.seconds(USUAL) == USUAL


def test_who_set_a_shorter_time_keeps_it():
    """`WHARF_DISPATCH_SECONDS` may be less than that already."""
    rest = Rest()
    rest.gave(3)
    assert rest.seconds(0.02) == 0.02
