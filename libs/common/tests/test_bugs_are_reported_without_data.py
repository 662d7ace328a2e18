"""Reports to Sentry: off by default; of bugs only; classes, places and ids of ours, and nothing of anybody's data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import structlog
from pydantic import SecretStr

from wharf.common.errors import Invalid, Permanent, Transient
from wharf.common.jobs.kinds import IMPORT
from wharf.common.runtime.sentry import Sentry
from wharf.common.settings import SentrySettings, load
from wharf.local.sentrystub import SentryStub

FIELDS = {
    "event_id", "timestamp", "level", "platform", "release", "environment", "server_name", "sdk", "exception", "tags",
}  # fmt: skip
ROW = "Alice Smith"
FORKING = """
import sys
from billiard.pool import Pool
from pydantic import SecretStr
from wharf.common.runtime.sentry import SENTRY

DSN = SecretStr(sys.argv[1])

def begin():
    SENTRY.begin("child", DSN)

def job(number):
    error = {0: KeyError, 1: AttributeError}[number]
    SENTRY.report(error("Alice Smith"))
    SENTRY.end()

SENTRY.begin("parent", DSN)
SENTRY.report(RuntimeError())
pool = Pool(1, initializer=begin, maxtasksperchild=1)
pool.map(job, range(2), chunksize=1)
pool.close()
pool.join()
SENTRY.end()
"""


@pytest.fixture
def collector() -> Iterator[SentryStub]:
    """A Sentry that listens."""
    with SentryStub.listening() as found:
        yield found


@pytest.fixture
def reports(collector: SentryStub) -> Iterator[Sentry]:
    """Those that go there."""
    made = Sentry()
    made.begin("tests", SecretStr(collector.dsn))
    yield made
    made.end()


def stumble(row: str) -> None:
    """A bug with a row in its hands, and one behind it."""
    try:
        int(row)
    except ValueError as error:
        raise KeyError(row) from error


def caught(row: str = ROW) -> Exception:
    """The error that it makes."""
    try:
        stumble(row)
    except KeyError as error:
        return error
    raise AssertionError


def test_nothing_is_sent_unless_somebody_asks() -> None:
    """Without a DSN nothing is done, and the SDK is not even imported."""
    asking = "import sys, wharf.common.runtime.sentry as s; s.SENTRY.begin('x', None); s.SENTRY.report(KeyError()); "
    telling = "s.SENTRY.end(); print('sentry_sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asking + telling], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_report_is_places_and_ids(collector: SentryStub, reports: Sentry) -> None:
    """Error classes with the code's places, code, job, kind, queue, service, release: nothing else is in it."""
    with structlog.contextvars.bound_contextvars(
        job_id="j-1", kind="import", queue="ingest", tenant_id="t-1", request_id=ROW, file=ROW
    ):
        reports.report(caught())
    reports.end()
    [event] = collector.events
    assert set(event) == FIELDS
    tags = {"code": "unexpected", "service": "tests", "job_id": "j-1", "kind": "import", "queue": "ingest"}
    assert event["tags"] == tags
    assert event["release"].startswith("wharf@")
    assert event["server_name"] == "wharf-tests"
    cause, error = event["exception"]["values"]
    assert (cause["type"], error["type"]) == ("ValueError", "KeyError")
    assert [frame["function"] for frame in error["stacktrace"]["frames"]] == ["caught", "stumble"]
    shown = {name for one in (cause, error) for frame in one["stacktrace"]["frames"] for name in frame}
    assert shown == {"module", "function", "lineno", "in_app"}


def test_no_data_leaves(collector: SentryStub, reports: Sentry) -> None:
    """No text of an error, no variable, no folder, no machine's name, no argument of the process."""
    reports.report(caught())
    reports.end()
    sent = json.dumps(collector.events)
    for secret in (ROW, os.uname().nodename, sys.argv[0], __file__, "stumble(row)"):
        assert secret not in sent


@pytest.mark.parametrize(
    "error",
    [
        Invalid("x"),
        Permanent("x"),
        Transient("x"),
        ConnectionResetError(),
        psycopg.OperationalError("the server is away"),
        psycopg.errors.DeadlockDetected(),
        MemoryError(),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_bug_is_not_sent(collector: SentryStub, reports: Sentry, error: BaseException) -> None:
    """Errors in our own words, and those of the table of what trying again may mend."""
    reports.report(error, IMPORT)
    reports.end()
    assert collector.events == []


def test_the_database_s_word_is_the_code(collector: SentryStub, reports: Sentry) -> None:
    """Of a statement that is wrong the SQLSTATE is told; its text may quote a row."""
    reports.report(psycopg.errors.UndefinedColumn(ROW))
    reports.end()
    [event] = collector.events
    assert event["tags"]["code"] == "42703"
    assert ROW not in json.dumps(event)


def test_what_fails_again_and_again_is_told_once(collector: SentryStub, reports: Sentry) -> None:
    """By its class and place; another place is another bug."""
    for _ in range(50):
        reports.report(caught())
    reports.report(KeyError(ROW))
    reports.end()
    assert len(collector.events) == 2


def test_children_report_for_themselves(collector: SentryStub) -> None:
    """Each begins right after its fork, one that replaces another too, although its parent had begun; none is lost."""
    subprocess.run([sys.executable, "-c", FORKING, collector.dsn], check=True, capture_output=True)
    found = {(event["server_name"], event["exception"]["values"][-1]["type"]) for event in collector.events}
    children = {("wharf-child", "KeyError"), ("wharf-child", "AttributeError")}
    assert found == {("wharf-parent", "RuntimeError"), *children}


def test_nothing_is_left_to_load_for_the_thread_that_sends() -> None:
    """A child that is forked while the thread loads the codec of hosts' names would never have it."""
    beginning = "import sys, wharf.common.runtime.sentry as s; from pydantic import SecretStr; "
    asking = "s.SENTRY.begin('x', SecretStr('http://key@127.0.0.1:1/1')); print('encodings.idna' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", beginning + asking], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_sentry_that_is_away_holds_up_nobody() -> None:
    """The report is lost, and says nothing."""
    away = Sentry()
    away.begin("tests", SecretStr("http://key@127.0.0.1:1/1"))
    away.report(caught())
    away.end()


@pytest.mark.parametrize("said", ["secret", "https://sentry.example/1", "https://key@sentry.example/x", "ftp://k@s/1"])
def test_a_wrong_dsn_is_one_sentence(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """That names the variable, and shows nothing of what may be a key."""
    monkeypatch.setenv("WHARF_SENTRY_DSN", said)
    with pytest.raises(Invalid, match="WHARF_SENTRY_DSN") as refused:
        load(SentrySettings)
    assert said not in refused.value.message


def test_the_dsn_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """It holds a key, and is as secret as others."""
    (tmp_path / "dsn").write_text("https://key@sentry.example/7\n", "utf-8")
    monkeypatch.setenv("WHARF_SENTRY_DSN_FILE", str(tmp_path / "dsn"))
    dsn = load(SentrySettings).sentry_dsn
    assert dsn is not None
    assert dsn.get_secret_value() == "https://key@sentry.example/7"
    assert "key" not in str(dsn)
