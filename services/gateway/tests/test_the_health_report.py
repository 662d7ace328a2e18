"""The health report: what each part says, and that nothing holds up the answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from wharf.common.queues import Queue
from wharf.gateway.checks import Checkup, Level, Part
from wharf.gateway.checks.part import filled, of_problems, size
from wharf.gateway.checks.servers import check_broker, check_disk
from wharf.gateway.checks.work import canary_problems, queue_problems, schedule_problems, worker_problems
from wharf.local.address import as_role

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HEALTH = "/api/v1/health"
PARTS = {"database", "broker", "redis", "storage", "disk", "queues", "workers", "schedules", "canaries"}
WELL = Part(Level.OK, "Well.")


def levels(problems) -> list[str]:
    return [level.value for level, _ in problems]


def test_a_check_that_hangs_does_not_hang_the_answer(eventually):
    """It is told of as such; it is not begun again while it hangs, and is believed again once it answers."""
    gate, begun = threading.Event(), []

    def hangs() -> Part:
        begun.append(1)
        gate.wait()
        return WELL

    # Reports are forgotten rather than waited for until they are old.
    checkup = Checkup({"broker": hangs, "disk": lambda: WELL}, seconds=0.05)
    for _ in range(3):
        checkup.shared.forget()
        report = checkup.report()
    assert (report.parts["broker"].level, report.parts["disk"], report.level) == (Level.FAIL, WELL, Level.FAIL)
    assert len(begun) == 1
    gate.set()
    eventually(lambda: checkup.shared.forget() or checkup.report().level is Level.OK, "an answer")


def test_who_asks_often_gets_the_report_that_was_made():
    """One look for all: a hundred requests are no hundred connections."""
    looks = []
    checkup = Checkup({"disk": lambda: looks.append(1) or WELL})
    assert checkup.report() is checkup.report()
    assert len(looks) == 1


def test_what_a_check_raises_is_its_finding_without_its_text():
    """An error's text may hold an address with a password."""

    def fails() -> Part:
        raise ConnectionError("redis://:secret@host")

    part = Checkup({"redis": fails}).report().parts["redis"]
    assert (part.level, "secret" in part.detail, "ConnectionError" in part.detail) == (Level.FAIL, False, True)


def test_the_worst_is_told_first_and_is_the_whole():
    """A warning does not hide a failure."""
    part = of_problems([(Level.WARN, "Slow."), (Level.FAIL, "Broken.")], "Well.", {"n": 1})
    assert part.as_dict() == {"status": Level.FAIL, "detail": "Broken. Slow.", "n": 1}
    assert of_problems([], "Well.", {}) == WELL


def test_shares_and_sizes():
    """From the share on that is said; bytes in units that people read."""
    assert [filled(share, 0.8, 0.95) for share in (0.79, 0.8, 0.95)] == [Level.OK, Level.WARN, Level.FAIL]
    assert [size(n) for n in (0, 1023, 1024, 5 * 2**30, 2**50)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "5.0 GiB",
        "1,024.0 TiB",
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, []),
        ({"waiting": 3, "oldest_wait_seconds": 299.0}, []),
        ({"waiting": 3, "oldest_wait_seconds": 301.0}, ["warn"]),
        ({"waiting": 3, "oldest_wait_seconds": 1.0, "slots": 0}, ["fail"]),
        ({"slots": 0}, []),
        ({"waiting": 3, "oldest_wait_seconds": 301.0, "paused": True}, ["warn"]),
        ({"waiting": 3, "oldest_wait_seconds": 1.0, "slots": 0, "paused": True}, ["warn"]),
    ],
)
def test_queues_that_stand_still(row, expected):
    """Waiting long is a warning, waiting for nobody a failure; a queue that rests does so on purpose."""
    usual = {"name": "ingest", "waiting": 0, "oldest_wait_seconds": None, "slots": 2, "paused": False}
    assert levels(queue_problems([usual | row])) == expected


def test_workers_that_are_missing():
    """A queue that nobody serves fails; a worker that went without a word is a warning."""
    silent = {"name": "w-1", "alive": False}
    assert worker_problems([{"name": "w-2", "alive": True}], {"ingest": 2}) == []
    assert levels(worker_problems([silent], {"ingest": 2, "package": 0})) == ["fail", "warn"]


def test_schedules_that_do_not_begin():
    """Overdue is a failure; missed within the hour, or switched off, a warning."""
    row = {"name": "cleanup", "enabled": True, "missed": 0}
    assert schedule_problems([row], 0, None) == []
    assert levels(schedule_problems([row], 2, NOON)) == ["fail"]
    assert levels(schedule_problems([row | {"missed": 3}, row | {"enabled": False}], 0, None)) == ["warn", "warn"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, ["warn"]),
        ({"outcome": "ok", "last_success_at": NOON - timedelta(minutes=4)}, []),
        ({"outcome": "ok", "last_success_at": NOON - timedelta(minutes=6)}, ["warn"]),
        ({"outcome": "paused", "last_success_at": NOON - timedelta(minutes=6)}, []),
        ({"outcome": "late", "code": "queued", "last_success_at": NOON}, ["fail"]),
        ({"outcome": "failed", "code": None, "last_success_at": None}, ["fail"]),
    ],
)
def test_canaries_that_do_not_come_through(row, expected):
    """By the last one of a queue: failed or late is a failure, none for long a warning."""
    assert levels(canary_problems({"ingest": row}, NOON)) == expected


def test_a_storage_without_a_folder_has_no_disk_here():
    """Nobody is told of a full disk that is another machine's."""

    class Elsewhere:
        def room(self) -> None:
            return None

    assert check_disk(Elsewhere()).level is Level.OK


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """The address of one that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/1"


def asked(backend, url: str, key: str | None = None) -> httpx.Response:
    return httpx.get(f"{url}{HEALTH}", headers={"X-API-Key": key or backend.platform_key}, timeout=30)


def test_the_platform_sees_the_whole(backend, gateway):
    """Every part with a status, a sentence and its figures; here no workers run, and so it says."""
    answer = asked(backend, gateway.url)
    assert answer.status_code == 200, answer.text
    report, parts = answer.json(), answer.json()["parts"]
    assert set(parts) == PARTS
    assert {part["status"] for part in parts.values()} <= {"ok", "warn", "fail"}
    assert all(part["detail"] for part in parts.values())
    assert (report["status"], parts["workers"]["status"], parts["database"]["status"]) == ("fail", "fail", "ok")
    database, broker = parts["database"], parts["broker"]
    assert 0 < database["connections"] < database["connections_limit"]
    assert database["size_bytes"] > 2**20
    assert (broker["status"], broker["eviction_policy"]) == ("ok", "noeviction")
    assert 0 < parts["disk"]["free_bytes"] < parts["disk"]["total_bytes"]
    assert parts["storage"]["status"] == "ok"
    assert set(parts["queues"]["queues"]) == {queue.value for queue in Queue}


def test_nobody_else_sees_it(backend, gateway, tenant):
    """An admin is the owner of a tenant, not of the installation."""
    assert [asked(backend, gateway.url, tenant.keys[role]).status_code for role in ("viewer", "admin")] == [403, 403]
    assert httpx.get(f"{gateway.url}{HEALTH}").status_code == 401


def test_what_does_not_answer_is_told_of_and_the_rest_too(backend, serve, silent_broker):
    """200, with a broker that hangs and a Redis that is not there."""
    gateway = serve(WHARF_BROKER_URL=silent_broker, WHARF_REDIS_URL="redis://127.0.0.1:1/0")
    answer = asked(backend, gateway.url)
    assert answer.status_code == 200, answer.text
    parts = answer.json()["parts"]
    assert [parts[name]["status"] for name in ("broker", "redis", "database", "storage")] == [
        "fail",
        "fail",
        "ok",
        "ok",
    ]


def test_a_broker_that_throws_messages_away_fails(backend, gateway, broker):
    """No service starts with such a one, but somebody may change it later."""
    broker.config_set("maxmemory-policy", "allkeys-lru")
    try:
        part = check_broker(backend.broker_url)
    finally:
        broker.config_set("maxmemory-policy", "noeviction")
    assert (part.level, "allkeys-lru" in part.detail) == (Level.FAIL, True)


def test_a_redis_that_may_not_be_asked_answers(backend, broker):
    """Some are shared by many, of whom none may see how full it is."""
    broker.acl_setuser("guest", enabled=True, passwords=["+guest"], keys=["*"], commands=["+@all", "-@dangerous"])
    try:
        part = check_broker(as_role(backend.broker_url, "guest", "guest"))
    finally:
        broker.acl_deluser("guest")
    assert (part.level, "may not ask (INFO)" in part.detail) == (Level.OK, True)
