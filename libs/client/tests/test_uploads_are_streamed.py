from __future__ import annotations

import hashlib
import json
import tracemalloc
from pathlib import Path

import pytest

from wharf.client.api import WharfClient
from wharf.client.failure import ClientError
from wharf.client.testing import JOB, KEY, Gateway

UPLOADS = "POST /api/v1/uploads"
ACCEPTED = {"job_id": JOB, "upload_id": "u", "status": "queued", "status_url": "/s", "events_url": "/e"}
MEGABYTE = 1_000_000


def test_an_upload_is_the_form_of_the_contract(gateway: Gateway, tmp_path: Path) -> None:
    """Mapping and options travel as JSON, what was not said does not travel, the file keeps its name and bytes."""
    file = tmp_path / "Verkäufe 1.csv"
    file.write_bytes(b"a;b\r\n1;\xff\r\n")
    gateway.says(UPLOADS, ACCEPTED, status=202)
    with WharfClient(gateway.url, KEY) as wharf:
        answer = wharf.upload(
            file,
            profile="transactions",
            mapping={"InvoiceNo": "transaction_id"},
            options={"delimiter": ";"},
            dry_run=True,
        )
    [request] = gateway.requests(UPLOADS)
    assert answer == ACCEPTED
    assert request.headers["authorization"] == f"Bearer {KEY}"
    form = request.form
    assert form.pop("file") == ("Verkäufe 1.csv", file.read_bytes())
    assert json.loads(form.pop("mapping")) == {"InvoiceNo": "transaction_id"}
    assert json.loads(form.pop("options")) == {"delimiter": ";"}
    assert form == {"profile": "transactions", "dry_run": "true"}


def test_the_fields_come_before_the_file(gateway: Gateway, tmp_path: Path) -> None:
    """So a server can refuse a wrong field before gigabytes have arrived."""
    file = tmp_path / "a.csv"
    file.write_text("a\n")
    gateway.says(UPLOADS, ACCEPTED)
    with WharfClient(gateway.url, KEY) as wharf:
        wharf.upload(file, profile="transactions")
    body = gateway.requests(UPLOADS)[0].body
    assert body.index(b'name="profile"') < body.index(b'name="file"')


def test_a_large_file_is_never_whole_in_memory(gateway: Gateway, tmp_path: Path) -> None:
    """100 MB go through less than 5 MB of memory, whole, and with every piece told."""
    file = tmp_path / "large.csv"
    with file.open("wb") as large:
        large.write(b"begin")
        large.truncate(100 * MEGABYTE)
    gateway.keeps_bodies = False
    gateway.says(UPLOADS, ACCEPTED)
    told: list[tuple[int, int]] = []
    with WharfClient(gateway.url, KEY) as wharf:
        tracemalloc.start()
        wharf.upload(file, on_sent=lambda sent, total: told.append((sent, total)))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 5 * MEGABYTE
    assert gateway.requests(UPLOADS)[0].length > 100 * MEGABYTE
    assert told[0] == (0, 100 * MEGABYTE)
    assert told[-1] == (100 * MEGABYTE, 100 * MEGABYTE)
    assert [sent for sent, _ in told] == sorted({sent for sent, _ in told})


def test_an_empty_file_is_sent_too(gateway: Gateway, tmp_path: Path) -> None:
    """Whether an empty file is wrong is for the server to say."""
    (tmp_path / "empty.csv").touch()
    gateway.says(UPLOADS, ACCEPTED)
    with WharfClient(gateway.url, KEY) as wharf:
        wharf.upload(tmp_path / "empty.csv")
    assert gateway.requests(UPLOADS)[0].form["file"] == ("empty.csv", b"")


def test_the_key_of_an_upload_makes_it_one(gateway: Gateway, tmp_path: Path) -> None:
    """The same Idempotency-Key goes along as it was given."""
    (tmp_path / "a.csv").write_text("a\n")
    gateway.says(UPLOADS, ACCEPTED)
    with WharfClient(gateway.url, KEY) as wharf:
        wharf.upload(tmp_path / "a.csv", idempotency_key="mine-1")
    assert gateway.requests(UPLOADS)[0].headers["idempotency-key"] == "mine-1"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_upload_that_did_not_come_through_is_sent_again(gateway: Gateway, tmp_path: Path, status: int) -> None:
    """Whole, and under the same key, so that it is one upload; each call has a key of its own."""
    (tmp_path / "a.csv").write_text("a\n1\n")
    gateway.answers[UPLOADS] = [(status, {}), (202, ACCEPTED)]
    with WharfClient(gateway.url, KEY) as wharf:
        assert wharf.upload(tmp_path / "a.csv") == ACCEPTED
        wharf.upload(tmp_path / "a.csv")
    first, again, other = gateway.requests(UPLOADS)
    assert first.form == again.form == {"file": ("a.csv", b"a\n1\n")}
    keys = [request.headers["idempotency-key"] for request in (first, again, other)]
    assert keys[0] == keys[1] != keys[2]


def test_an_upload_is_sent_three_times_at_most(gateway: Gateway, tmp_path: Path) -> None:
    """Then the server's word stands; what it refuses for good is not sent again at all."""
    (tmp_path / "a.csv").write_text("a\n")
    gateway.says(UPLOADS, {"detail": "The ledger is away."}, status=503)
    with WharfClient(gateway.url, KEY) as wharf:
        with pytest.raises(ClientError, match=r"The ledger is away\."):
            wharf.upload(tmp_path / "a.csv", idempotency_key="mine-1")
        assert [one.headers["idempotency-key"] for one in gateway.requests(UPLOADS)] == ["mine-1"] * 3
        gateway.asked.clear()
        gateway.says(UPLOADS, {"detail": "Another request had this key."}, status=409)
        with pytest.raises(ClientError, match=r"Another request"):
            wharf.upload(tmp_path / "a.csv")
    assert len(gateway.requests(UPLOADS)) == 1


def test_a_file_that_cannot_be_read_is_one_sentence(gateway: Gateway, tmp_path: Path) -> None:
    """Nothing is sent then."""
    with WharfClient(gateway.url, KEY) as wharf:
        with pytest.raises(ClientError, match=r"is a folder\. Name a file\."):
            wharf.upload(tmp_path)
        with pytest.raises(ClientError, match=r"cannot be read: No such file"):
            wharf.upload(tmp_path / "gone.csv")
    assert gateway.asked == []


def test_rejects_are_saved_as_they_come(gateway: Gateway, tmp_path: Path) -> None:
    """The CSV is written byte for byte."""
    content = "line;reason\r\n17;Größe\r\n".encode("cp1252")
    gateway.says(f"GET /api/v1/jobs/{JOB}/rejects.csv", content)
    with WharfClient(gateway.url, KEY) as wharf:
        size = wharf.save_rejects(JOB, tmp_path / "rejects.csv")
    assert size == len(content)
    assert hashlib.sha256((tmp_path / "rejects.csv").read_bytes()).digest() == hashlib.sha256(content).digest()


def test_lists_are_read_page_by_page(gateway: Gateway) -> None:
    """The cursor leads on until there is none, and no more is asked for than wanted."""
    rejects = f"GET /api/v1/jobs/{JOB}/rejects"
    gateway.says(
        rejects,
        {"items": [{"line": 2}, {"line": 3}], "next_cursor": "c1"},
        {"items": [{"line": 9}], "next_cursor": None},
    )
    with WharfClient(gateway.url, KEY) as wharf:
        assert [one["line"] for one in wharf.rejects(JOB)] == [2, 3, 9]
        gateway.says(rejects, {"items": [{"line": 2}, {"line": 3}], "next_cursor": "c1"})
        assert [one["line"] for one in wharf.rejects(JOB, limit=1)] == [2]
    queries = [one.query for one in gateway.requests(rejects)]
    assert [query.get("cursor") for query in queries] == [None, ["c1"], None]
    assert queries[-1]["limit"] == ["1"]
