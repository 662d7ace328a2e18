from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import psycopg.errors
import pytest
import structlog

from wharf.common.logs import configure_logs, get_logger


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Give the other tests their logging back."""
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before
    structlog.reset_defaults()


def refuse() -> None:
    """Fail as PostgreSQL does: with the row in the text."""
    message = "Key (customer)=(Alice Smith) already exists"
    raise psycopg.errors.UniqueViolation(message)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """What was written, one object a line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_has_the_fields_that_every_service_writes(capsys: pytest.CaptureFixture[str]) -> None:
    """`timestamp level event service`, the context of the job, and what the call names."""
    configure_logs("tests", "INFO")
    structlog.contextvars.bind_contextvars(job_id="j1", attempt=2)
    get_logger().info("job.started", queue="ingest")
    structlog.contextvars.clear_contextvars()
    [line] = lines(capsys)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "level": "info", "event": "job.started", "service": "tests", "job_id": "j1", "attempt": 2, "queue": "ingest",
    }  # fmt: skip


def test_an_errors_text_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """It may quote a row; its class, its SQLSTATE and the places are enough to find the fault."""
    configure_logs("tests", "INFO")
    try:
        refuse()
    except psycopg.errors.UniqueViolation as error:
        get_logger().warning("job.attempt_failed", exc_info=error)
    [line] = lines(capsys)
    assert "Alice" not in json.dumps(line)
    assert line["exception"] == "psycopg.errors.UniqueViolation"
    assert line["sqlstate"] == "23505"
    assert any("test_an_errors_text_is_not_logged" in place for place in line["trace"])


def test_a_librarys_lines_go_through_the_same_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    """Celery and uvicorn write with the standard library: their lines are JSON too, their errors without text."""
    configure_logs("tests", "INFO")
    try:
        int("4111 1111 1111 1111")
    except ValueError:
        logging.getLogger("celery.worker").exception("Task failed")
    [line] = lines(capsys)
    assert (line["event"], line["service"], line["exception"]) == ("Task failed", "tests", "builtins.ValueError")
    assert "4111" not in json.dumps(line)
