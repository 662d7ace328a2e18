"""Leadership: of several dispatchers one works, another takes over at once, and it is woken when there is work."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy.exc import DBAPIError

from wharf.common.ledger.database import Database
from wharf.local.trial import eventually
from wharf.scheduler.leadership import LOCK, Leadership

LONG_SECONDS = 60.0
"""How long the leader would sleep: who is woken is far from it on any machine."""
HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted"


@pytest.fixture
def leader(backend) -> Iterator[Callable[[], Leadership]]:
    """Dispatchers that want to lead."""
    with ExitStack() as stack:

        def make(url: str = backend.dispatch_url) -> Leadership:
            database = Database.connect(url, pool=2, application="leader")
            stack.callback(database.close)
            leadership = Leadership(database)
            stack.callback(leadership.give_up, "the test is over")
            return leadership

        yield make


def test_exactly_one_leads(leader, ledger):
    """However many ask, and however often."""
    several = [leader() for _ in range(4)]
    for _ in range(3):
        assert [one.held() for one in several] == [True, False, False, False]
    assert len(ledger.ask(HOLDER, LOCK)) == 1


def test_of_those_who_ask_at_once_one_leads(leader):
    """The database decides."""
    several = [leader() for _ in range(6)]
    threads = [threading.Thread(target=one.held) for one in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.held() for one in several) == 1


def test_who_gives_up_is_followed(leader):
    """The next one leads at its next look, and the first stands in line."""
    first, second = leader(), leader()
    assert (first.held(), second.held()) == (True, False)
    first.give_up("it is tired")
    assert second.held()
    assert not first.held()


def test_a_lost_connection_hands_over(leader, ledger):
    """The leader's session ends on the server: it finds out while it waits, and another leads."""
    first, second = leader(), leader()
    assert (first.held(), second.held()) == (True, False)
    (holder,) = ledger.ask(HOLDER, LOCK)
    ledger.ask("SELECT pg_terminate_backend(%s)", holder["pid"])
    assert eventually(second.held, "the other to lead")
    begun = time.monotonic()
    first.wait(LONG_SECONDS)
    assert time.monotonic() - begun < LONG_SECONDS / 2
    assert not first.held()
    second.give_up("its turn is over")
    assert first.held()


def test_the_lead_of_a_machine_that_is_gone_is_free_soon(leader):
    """What the server tells it is not acknowledged: after seconds it is nobody's, not after a quarter of an hour."""
    one = leader()
    assert one.held()
    assert one._connection.execute("SHOW tcp_user_timeout").fetchone() == ("15000",)


def test_a_standby_that_loses_its_session_asks_again(leader, ledger):
    """It holds none between two looks, so there is nothing that it could hold wrongly."""
    first, second = leader(), leader()
    assert (first.held(), second.held()) == (True, False)
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'leader'"
    eventually(lambda: ledger.ask(query)[0]["n"] == 1, "the standby to have left")


def test_a_ledger_that_is_away_is_said_in_its_words(leader, backend):
    """Refused at the connection, it raises what every use of the ledger raises: beat waits and tries again."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = leader(f"postgresql://wharf_dispatch:d@127.0.0.1:{port}/wharf")
    for _ in range(2):
        with pytest.raises(DBAPIError):
            away.held()


def resume(ledger, tenant, job):
    ledger.resume()


def expire(ledger, tenant, job):
    ledger.expire(job)


def limit(ledger, tenant, job):
    tenant.limit(published=3)


@pytest.mark.parametrize("act", [resume, expire, limit])
def test_the_leader_is_woken(leader, ledger, tenant, act):
    """A resumed queue, a lease that was ended, a new limit: the leader does not sleep on."""
    job = tenant.submit()
    ledger.claim(job)
    leading = leader()
    assert leading.held()
    begun = time.monotonic()
    waiting = threading.Thread(target=leading.wait, args=(LONG_SECONDS,))
    waiting.start()
    act(ledger, tenant, job)
    waiting.join(LONG_SECONDS)
    assert not waiting.is_alive()
    assert time.monotonic() - begun < LONG_SECONDS / 2
    assert leading.held()


def test_what_was_said_while_it_worked_is_heard(leader, ledger):
    """A word that comes between two waits ends the next one."""
    leading = leader()
    assert leading.held()
    ledger.resume()
    begun = time.monotonic()
    leading.wait(LONG_SECONDS)
    assert time.monotonic() - begun < LONG_SECONDS / 2


def test_a_wait_ends_by_itself(leader):
    """Nobody says anything: the leader looks all the same, and so do those in line."""
    first, second = leader(), leader()
    assert (first.held(), second.held()) == (True, False)
    first.wait(0.01)
    second.wait(0.01)
    assert first.held()
