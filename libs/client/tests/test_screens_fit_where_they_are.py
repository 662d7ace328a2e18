from __future__ import annotations

import io

import pytest
from rich.console import Console

from wharf.client import screen as screens
from wharf.client.figures import count, duration, size
from wharf.client.job import Job
from wharf.client.screen import LiveScreen, PlainScreen, Step
from wharf.client.testing import job_document

LOADING = Step("load", 120_000, 300_000, "rows", 85_000.0, 2.1)


def test_a_terminal_gets_a_bar() -> None:
    """Stage, bar, rows done of all, rate and time left are drawn."""
    drawn = io.StringIO()
    with LiveScreen(Console(file=drawn, force_terminal=True, width=120)) as screen:
        screen.show(Step("queued"))
        screen.show(LOADING)
    last = drawn.getvalue().rpartition("\x1b[2K")[2]
    assert all(part in last for part in ("load", "120,000 / 300,000 rows", "85,000 rows/s", "ETA 2.1 s"))


def test_a_pipe_gets_a_line_for_each_stage() -> None:
    """A stage that goes on is not said again and again."""
    written = io.StringIO()
    with PlainScreen(written) as screen:
        for step in (Step("queued"), LOADING, LOADING, Step("completed", 300_000, 300_000, "rows")):
            screen.show(step)
    assert written.getvalue().splitlines() == [
        "queued",
        "load        120,000 / 300,000 rows  85,000 rows/s  ETA 2.1 s",
        "completed   300,000 / 300,000 rows",
    ]


def test_a_long_stage_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody reads the log of a CI run and wants to see it move."""
    written = io.StringIO()
    monkeypatch.setattr(screens, "PLAIN_SECONDS", 0.0)
    with PlainScreen(written) as screen:
        screen.show(LOADING)
        screen.show(LOADING)
    assert len(written.getvalue().splitlines()) == 2


def test_the_screen_is_chosen_by_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dumb terminal cannot move a cursor."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(screens.screen(io.StringIO()), LiveScreen)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(screens.screen(io.StringIO()), PlainScreen)
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(screens.screen(io.StringIO()), PlainScreen)


def test_a_job_that_does_not_run_shows_its_state() -> None:
    """The stage of a job that waits or has ended says nothing."""
    assert Step.of(Job.of(job_document("retrying", progress={"stage": "load"}))).stage == "retrying"
    assert Step.of(Job.of(job_document("running", progress={"stage": "merge"}))).stage == "merge"


def test_fields_of_a_newer_server_do_no_harm() -> None:
    """A client that was not upgraded goes on."""
    job = Job.of(job_document("running", progress={"current": 3, "colour": "blue"}, mood="good"))
    assert job.progress.current == 3
    assert job.document["mood"] == "good"


def test_numbers_are_written_for_people() -> None:
    """Units change where numbers get long."""
    assert [count(1234567), count(0.4)] == ["1,234,567", "0"]
    assert [size(999), size(27_105_398), size(2e12)] == ["999 bytes", "27.1 MB", "2.0 TB"]
    assert [duration(0.84), duration(12.4), duration(185)] == ["0.8 s", "12 s", "3 min 05 s"]
    assert Step("sending", 1e6, 2e6, "bytes", 3e6).done == "1.0 MB / 2.0 MB"
    assert Step("sending", 1e6, 2e6, "bytes", 3e6).speed == "3.0 MB/s"
