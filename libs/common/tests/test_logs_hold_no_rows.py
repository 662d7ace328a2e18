from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import psycopg.errors
import pytest
import structlog

from wharf.common.access import new_key
from wharf.common.logs import configure_logs, get_logger
from wharf.common.webhooks import new_secret


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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_key", "anything"),
        ("password", "hunter2"),
        ("headers", {"Authorization": "Basic abc"}),
        ("url", "postgresql://wharf:hunter2@db/wharf"),
        ("command", ["redis-cli", "-u", "redis://:hunter2@redis:6379/0"]),
        ("said", "the key wk_0123456789ab_abcDEF-1 is revoked"),
        ("header", "Bearer abc.def-ghi"),
    ],
)
def test_secrets_are_covered(capsys: pytest.CaptureFixture[str], field: str, value: object) -> None:
    """By the names of fields, and by how they look in any text."""
    configure_logs("tests", "INFO")
    get_logger().info("x", **{field: value})
    (line,) = lines(capsys)
    assert "***" in json.dumps(line)
    assert not [word for word in ("anything", "hunter2", "abc", "abcDEF") if word in json.dumps(line)]


@pytest.mark.parametrize(
    "secret", ["wk_0123456789ab_a-bcDEF_ghi-", "whsec_ab/cd+ef-gh=="], ids=["a key", "a webhook's secret"]
)
def test_of_a_secret_nothing_is_left(capsys: pytest.CaptureFixture[str], secret: str) -> None:
    """All letters of its alphabet belong to it; the text around it stays."""
    configure_logs("tests", "INFO")
    get_logger().info("x", said=f"{secret} is revoked: '{secret}'")
    (line,) = lines(capsys)
    assert line["said"] == "*** is revoked: '***'"


def test_secrets_as_they_are_made_are_covered(capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever letters chance puts into them."""
    configure_logs("tests", "INFO")
    made = [make() for make in (new_key, new_secret) for _ in range(50)]
    get_logger().info("x", said=made)
    (line,) = lines(capsys)
    assert line["said"] == ["***"] * len(made)


def test_secrets_in_a_librarys_line_are_covered(capsys: pytest.CaptureFixture[str]) -> None:
    """Celery tells what it connects to."""
    configure_logs("tests", "INFO")
    logging.getLogger("celery").warning("Connected to %s", "redis://:hunter2@redis:6379/1")
    (line,) = lines(capsys)
    assert line["event"] == "Connected to redis://***@redis:6379/1"


def test_what_is_no_secret_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers, ids and addresses without a login."""
    configure_logs("tests", "INFO")
    said = {"rows": 3, "url": "http://10.0.0.1:8000/api", "ids": ["a@b", "c"], "key_id": "k"}
    get_logger().info("x", **said)
    (line,) = lines(capsys)
    assert said.items() <= line.items()


def test_a_person_may_have_lines_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    """`WHARF_LOG_FORMAT=console`: the same fields, no JSON, and secrets are covered there too."""
    configure_logs("tests", "INFO", "console")
    get_logger().info("job.ended", status="completed", password="hunter2")
    logging.getLogger("uvicorn").info("Started")
    said = capsys.readouterr().out
    assert re.search(r"info\s.*job\.ended.*status=completed", said)
    assert "Started" in said
    assert "{" not in said
    assert "hunter2" not in said
