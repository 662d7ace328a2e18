from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from wharf.local.samples import write_transactions
from wharf.local.trial import Trial

STATES = ("pending", "processing", "completed", "failed")
OVER = frozenset({"completed", "failed"})
FIELDS = {"upload_id", "status", "progress_percentage", "error_message"}
MAPPINGS = {"Folio": "transaction_id", "Fecha": "date", "Cantidad": "quantity", "Precio": "unit_price"}
EVENTS = {"upload.progress", "upload.completed", "upload.failed"}


def over(answer: dict[str, Any]) -> bool:
    return answer["status"] in OVER


def upload(client: httpx.Client, name: str, content: bytes, mappings: dict[str, str] | None = None) -> dict[str, Any]:
    data = {} if mappings is None else {"mappings": json.dumps(mappings)}
    answer = client.post("/api/processing/upload/", data=data, files={"file": (name, content, "text/csv")})
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def sales(tmp_path: Path, rows: int, prefix: str) -> bytes:
    write_transactions(tmp_path / f"{prefix}.csv", rows, prefix=prefix)
    return (tmp_path / f"{prefix}.csv").read_bytes()


def path_of(upload_id: str) -> str:
    return f"/api/processing/upload/{upload_id}/"


def heard(channel: Any) -> list[dict[str, Any]]:
    """What a page hears on an upload's channel until it is completed or has failed."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] == "upload.progress":
        events.append(json.loads(channel.recv(timeout=60)))
    return events


def kept(wharf: Trial, prefix: str) -> dict[str, Any]:
    return wharf.ask(
        "SELECT count(*) AS rows, coalesce(sum(total), 0) AS total"
        f" FROM {wharf.dataset()} WHERE transaction_id LIKE %s",
        f"{prefix}%",
    )[0]


def test_a_page_hears_how_its_upload_goes(
    wharf: Trial, client: httpx.Client, socket: Any, tmp_path: Path, prefix: str
) -> None:
    """Subscribed after the upload: progress events with their three fields, rising, then one that it is completed."""
    upload_id = upload(client, "sales.csv", sales(tmp_path, 100_000, prefix))["upload_id"]
    events = heard(socket(f"/ws/upload/{upload_id}"))
    assert {event["type"] for event in events} <= EVENTS
    assert {event["upload_id"] for event in events} == {upload_id}
    progress = [event for event in events if event["type"] == "upload.progress"]
    assert progress
    assert all({"upload_id", "progress", "message"} <= set(event) for event in progress)
    percents = [event["progress"] for event in progress]
    assert percents == sorted(percents)
    assert all(0 <= percent <= 100 for percent in percents)
    assert events[-1]["type"] == "upload.completed"
    assert kept(wharf, prefix)["rows"] == 100_000


def test_who_subscribes_late_still_hears_the_end(
    client: httpx.Client, poll: Any, socket: Any, tmp_path: Path, prefix: str
) -> None:
    """An upload that is over when the page opens its socket is told as over."""
    upload_id = upload(client, "sales.csv", sales(tmp_path, 10, prefix))["upload_id"]
    poll(path_of(upload_id), over)
    assert heard(socket(f"/ws/upload/{upload_id}"))[-1]["type"] == "upload.completed"


def test_the_status_goes_from_pending_to_completed(
    client: httpx.Client, poll: Any, tmp_path: Path, prefix: str
) -> None:
    """Its four fields; the percentage rises to 100; no error."""
    upload_id = upload(client, "sales.csv", sales(tmp_path, 50_000, prefix))["upload_id"]
    answers = poll(path_of(upload_id), over)
    assert all(set(answer) >= FIELDS for answer in answers)
    places = [STATES.index(answer["status"]) for answer in answers]
    assert places == sorted(places)
    percents = [answer["progress_percentage"] for answer in answers]
    assert percents == sorted(percents)
    last = answers[-1]
    assert (last["upload_id"], last["status"], last["progress_percentage"]) == (upload_id, "completed", 100)
    assert not last["error_message"]


def test_a_companys_own_columns_come_through_its_mappings(
    wharf: Trial, client: httpx.Client, poll: Any, prefix: str
) -> None:
    """Source headers to columns; special characters survive; a single row is a file too."""
    text = f"Folio,Fecha,Cantidad,Precio,Glosa\n{prefix}1,2025-03-01,3,1990,Ñandú «3 por 2»\n"
    upload_id = upload(client, "ventas.csv", text.encode(), MAPPINGS | {"Glosa": "notes"})["upload_id"]
    last = poll(path_of(upload_id), over)[-1]
    assert last["status"] == "completed", last
    row = wharf.ask(f"SELECT total, notes FROM {wharf.dataset()} WHERE transaction_id = %s", f"{prefix}1")[0]
    assert (row["total"], row["notes"]) == (5970, "Ñandú «3 por 2»")


@pytest.mark.parametrize(
    ("content", "mappings"),
    [
        (b"", None),
        (b"transaction_id,date,quantity,unit_price\n", None),
        (b"transaction_id,date\nA,2025-01-01\n", None),
        (bytes(range(256)) * 20, None),
        (b"Folio,Fecha\nA,2025-01-01\n", {"Folio": "transaction_id", "Fecha": "no_such_column"}),
        (b"Folio,Fecha\nA,2025-01-01\n", {"Nowhere": "transaction_id"}),
    ],
    ids=["empty", "no rows", "a column is missing", "no text", "to a column that is not", "from a header that is not"],
)
def test_what_cannot_be_processed_is_failed_and_says_why(
    stack: Any, client: httpx.Client, poll: Any, content: bytes, mappings: dict[str, str] | None
) -> None:
    """A sentence for the user, with nothing of the machine in it: no folder, no password, no stack trace."""
    data = {} if mappings is None else {"mappings": json.dumps(mappings)}
    answer = client.post("/api/processing/upload/", data=data, files={"file": ("bad.csv", content, "text/csv")})
    if answer.is_success:
        last = poll(path_of(answer.json()["upload_id"]), over)[-1]
        assert last["status"] == "failed"
        text = last["error_message"]
    else:
        assert answer.status_code in {400, 422}
        text = answer.text
    assert text
    assert not [secret for secret in (str(stack.data_dir), "Traceback", "postgresql", "s3://") if secret in text]


def test_a_failure_is_an_event(client: httpx.Client, socket: Any) -> None:
    """The page is told with the upload's id and a message."""
    upload_id = upload(client, "bad.csv", b"transaction_id,date\nA,2025-01-01\n")["upload_id"]
    last = heard(socket(f"/ws/upload/{upload_id}"))[-1]
    assert (last["type"], last["upload_id"]) == ("upload.failed", upload_id)
    assert any(isinstance(value, str) and "quantity" in value for value in last.values())


def test_uploads_at_once_keep_to_themselves(
    wharf: Trial, client: httpx.Client, poll: Any, tmp_path: Path, prefix: str
) -> None:
    """Five at once, of 1,000 rows each: each channel and each file has its own."""
    files = {f"{prefix}{name}-": sales(tmp_path, 1000, f"{prefix}{name}-") for name in "abcde"}
    with ThreadPoolExecutor(len(files)) as threads:
        ids = list(threads.map(lambda part: upload(client, f"{part[0]}.csv", part[1])["upload_id"], files.items()))
    assert len(set(ids)) == len(files)
    assert {poll(path_of(upload_id), over)[-1]["status"] for upload_id in ids} == {"completed"}
    assert [kept(wharf, name)["rows"] for name in files] == [1000] * len(files)


def test_what_changed_is_accounted_for(
    wharf: Trial, client: httpx.Client, poll: Any, tmp_path: Path, prefix: str
) -> None:
    """The newest DataUpdate has the rows before and after, what was inserted, and the period."""
    poll(path_of(upload(client, "sales.csv", sales(tmp_path, 500, prefix))["upload_id"]), over)
    update = wharf.api.get("/api/v1/datasets/transactions/updates", params={"limit": 1}).json()["items"][0]
    assert update["rows_after"] - update["rows_before"] == update["inserted"] == 500
    assert update["period"]["from"].startswith("2025-")


def test_the_same_file_again_doubles_nothing(
    wharf: Trial, client: httpx.Client, poll: Any, tmp_path: Path, prefix: str
) -> None:
    """What that system had as a limitation: transactions that exist are recognised."""
    content = sales(tmp_path, 200, prefix)
    for _ in range(2):
        assert poll(path_of(upload(client, "sales.csv", content)["upload_id"]), over)[-1]["status"] == "completed"
    assert kept(wharf, prefix)["rows"] == 200


def test_a_name_leads_nowhere(client: httpx.Client, poll: Any, tmp_path: Path, prefix: str) -> None:
    """A file's name is only shown: one that climbs out of its folder is loaded like any other."""
    upload_id = upload(client, "../../../../etc/passwd", sales(tmp_path, 5, prefix))["upload_id"]
    assert poll(path_of(upload_id), over)[-1]["status"] == "completed"


def test_companies_see_nothing_of_each_other(
    client: httpx.Client, stranger: httpx.Client, tmp_path: Path, prefix: str
) -> None:
    """Another company's key, another company's uploads: not found, and not there."""
    upload_id = upload(client, "sales.csv", sales(tmp_path, 5, prefix))["upload_id"]
    assert stranger.get(path_of(upload_id)).status_code == 404
    rows = stranger.get("/api/v1/datasets/transactions/rows").raise_for_status().json()
    assert rows["items"] == []


def test_what_is_asked_wrongly_is_refused(client: httpx.Client) -> None:
    """Another field's name, no file, mappings that are no JSON object, an id that there is not."""
    file = ("a.csv", b"transaction_id,date,quantity,unit_price\nA,2025-01-01,1,1\n")
    route = "/api/processing/upload/"
    assert client.post(route).status_code in {400, 415, 422}
    assert client.post(route, files={"csv": file}).status_code in {400, 422}
    for mappings in ("{", "[1]", '"x"'):
        assert client.post(route, data={"mappings": mappings}, files={"file": file}).status_code in {400, 422}
    assert client.get(path_of(str(uuid4()))).status_code == 404
