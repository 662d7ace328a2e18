from __future__ import annotations

import socket
from pathlib import Path

import pytest

from wharf.client.api import WharfClient
from wharf.client.failure import ClientError
from wharf.client.testing import JOB, KEY, Gateway, job_document

STATE = f"GET /api/v1/jobs/{JOB}"


def sentence(gateway: Gateway) -> str:
    with WharfClient(gateway.url, KEY) as wharf, pytest.raises(ClientError) as caught:
        wharf.job(JOB)
    return caught.value.message


def test_a_problem_is_told_by_its_detail(gateway: Gateway) -> None:
    """Of RFC 9457's fields the detail is for people; status and code are kept for programs."""
    gateway.says(STATE, {"title": "Forbidden", "detail": "Ask an admin.", "code": "forbidden"}, status=403)
    with WharfClient(gateway.url, KEY) as wharf, pytest.raises(ClientError) as caught:
        wharf.job(JOB)
    assert (caught.value.message, caught.value.status, caught.value.code) == ("Ask an admin.", 403, "forbidden")


def test_what_is_wrong_with_the_input_is_told_too(gateway: Gateway) -> None:
    """Each problem with its place, unless the sentence says it already."""
    errors = [
        {"loc": ["body", "mode"], "code": "literal", "message": "Use append."},
        {"loc": "priority", "code": "enum", "message": "Use low."},
        {"loc": [], "code": "other", "message": "Wrong form."},
    ]
    gateway.says(STATE, {"title": "Unprocessable", "detail": "Wrong form.", "errors": errors}, status=422)
    assert sentence(gateway) == "Wrong form. mode: Use append. priority: Use low."


def test_a_list_of_places_gives_way_to_what_is_wrong_there(gateway: Gateway) -> None:
    """FastAPI's own checks say nothing in the detail that their problems do not say better."""
    errors = [{"loc": ["path", "job_id"], "code": "uuid_parsing", "message": "Input should be a UUID."}]
    document = {"detail": "See errors. Wrong: path.job_id.", "code": "invalid_request", "errors": errors}
    gateway.says(STATE, document, status=422)
    assert sentence(gateway) == "This cannot be used. job_id: Input should be a UUID."


def test_an_answer_that_is_no_problem_document_is_told_by_its_status(gateway: Gateway) -> None:
    """A proxy's page of HTML is not shown to anybody."""
    gateway.says(STATE, b"<html>Bad gateway</html>", status=502)
    assert sentence(gateway) == "The server answered 502."


def test_an_answer_that_is_not_wharfs_is_recognised(gateway: Gateway) -> None:
    """Whatever else listens there, the person is told to look at the address."""
    gateway.says(STATE, b"<html>Welcome</html>")
    assert "Check WHARF_URL." in sentence(gateway)


def test_nobody_there_is_told_with_what_to_do() -> None:
    """A refused connection names the address and the two ways on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with WharfClient(url, KEY) as wharf, pytest.raises(ClientError) as caught:
            wharf.job(JOB)
    assert caught.value.message.startswith(f"Nothing answers at {url}. Start Wharf with: wharf up")


def test_a_proxy_of_the_environment_is_not_asked_for_the_loopback(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company's proxy has another 127.0.0.1 than the machine where the stack runs."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    gateway.says(STATE, job_document())
    with WharfClient(gateway.url, KEY) as wharf:
        assert wharf.job(JOB).status == "running"


def test_waiting_has_an_end(gateway: Gateway) -> None:
    """A job that does not end in time is told with its state."""
    gateway.says(STATE, job_document())
    with WharfClient(gateway.url, KEY) as wharf, pytest.raises(ClientError, match="still running") as caught:
        wharf.wait(JOB, timeout=0.05, interval=0.01)
    assert caught.value.code == "timeout"


def test_waiting_gives_the_job_that_ended(gateway: Gateway) -> None:
    """It asks again while the job goes on."""
    gateway.says(STATE, job_document("queued"), job_document(), job_document("completed", result={"rows_read": 3}))
    with WharfClient(gateway.url, KEY) as wharf:
        job = wharf.wait(JOB, timeout=30, interval=0.01)
    assert (job.succeeded, job.result) == (True, {"rows_read": 3})


def test_a_short_job_is_heard_of_soon_and_a_long_one_seldom_asked_for(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses grow from a hundredth of a second to the interval that was asked for."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    gateway.says(STATE, *[job_document()] * 12, job_document("completed"))
    with WharfClient(gateway.url, KEY) as wharf:
        wharf.wait(JOB, interval=0.25)
    assert pauses[:2] == [0.01, 0.015]
    assert pauses[-3:] == [0.25] * 3


def test_a_file_for_rejects_that_cannot_be_written_is_told(gateway: Gateway, tmp_path: Path) -> None:
    """The reason is the system's."""
    gateway.says(f"GET /api/v1/jobs/{JOB}/rejects.csv", b"a\n")
    with WharfClient(gateway.url, KEY) as wharf, pytest.raises(ClientError, match="cannot be written"):
        wharf.save_rejects(JOB, tmp_path / "no" / "such.csv")
