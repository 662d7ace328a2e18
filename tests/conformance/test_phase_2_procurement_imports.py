from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from wharf.local.samples import write_purchase_orders

STATES = ("PENDING", "PROGRESS", "SUCCESS", "FAILURE")
RESULT = {"status", "processed", "created_suppliers", "created_materials", "created_pos", "created_prices"}


def over(data: dict[str, Any]) -> bool:
    """The page's condition, to the letter."""
    return bool(data["state"] == "SUCCESS" or data["state"] == "FAILURE")


def percent(data: dict[str, Any]) -> int:
    """`updateProgress`: it divides by the total, so that must never be 0."""
    current, total = float(data["current"]), float(data["total"])
    return round(current / total * 100)


def store(client: httpx.Client, path: Path) -> str:
    with path.open("rb") as file:
        answer = client.post("/data-ingestion/uploads/", files={"file": (path.name, file, "text/csv")})
    assert answer.is_success, answer.text
    return str(answer.json()["upload_id"])


def process(client: httpx.Client, path: Path) -> str:
    answer = client.post(f"/data-ingestion/process/{store(client, path)}/")
    assert answer.is_success, answer.text
    return str(answer.json()["task_id"])


def progress_path(task_id: str) -> str:
    return f"/data-ingestion/progress/{task_id}/"


@pytest.mark.parametrize("rows", [5, 500, 5000])
def test_all_entities_are_created(client: httpx.Client, poll: Any, tmp_path: Path, prefix: str, rows: int) -> None:
    """The plan's small, medium and large file: every count is that of the file, and each thing is created once."""
    expected = write_purchase_orders(tmp_path / "orders.csv", rows, prefix=prefix)
    last = poll(progress_path(process(client, tmp_path / "orders.csv")), over)[-1]
    assert last["state"] == "SUCCESS", last
    assert set(last["result"]) == RESULT
    assert last["result"] == {
        "status": "success",
        "processed": rows,
        "created_suppliers": expected.entities["suppliers"],
        "created_materials": expected.entities["materials"],
        "created_pos": expected.entities["purchase_orders"],
        "created_prices": expected.entities["prices"],
    }


def test_the_bar_can_be_drawn_from_every_answer(client: httpx.Client, poll: Any, tmp_path: Path, prefix: str) -> None:
    """States only forward, a percentage from every answer that never falls, 100 at the end."""
    write_purchase_orders(tmp_path / "orders.csv", 60_000, prefix=prefix)
    answers = poll(progress_path(process(client, tmp_path / "orders.csv")), over)
    assert all({"state", "current", "total"} <= set(answer) for answer in answers)
    places = [STATES.index(answer["state"]) for answer in answers]
    assert places == sorted(places)
    percents = [percent(answer) for answer in answers]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert any(answer["state"] == "PROGRESS" for answer in answers)
    assert all(answer["status"] for answer in answers if answer["state"] == "PENDING")


def test_a_second_file_creates_only_what_is_new(client: httpx.Client, poll: Any, tmp_path: Path, prefix: str) -> None:
    """Suppliers and materials that are there already are not created again."""
    write_purchase_orders(tmp_path / "orders.csv", 500, prefix=prefix)
    for created in (True, False):
        last = poll(progress_path(process(client, tmp_path / "orders.csv")), over)[-1]
        assert (last["result"]["created_suppliers"] > 0) is created
        assert last["result"]["processed"] == 500


def test_an_upload_waits_until_it_is_to_be_processed(client: httpx.Client, tmp_path: Path, prefix: str) -> None:
    """Storing starts nothing; the id is that of the stored file."""
    write_purchase_orders(tmp_path / "orders.csv", 5, prefix=prefix)
    upload_id = store(client, tmp_path / "orders.csv")
    key = {"project_id": "default", "po_number": f"{prefix}4500000001"}
    rows = client.get("/api/v1/datasets/procurement/rows", params=key)
    assert upload_id
    assert rows.status_code == 401 or rows.json()["items"] == []


def test_cancel_stops_the_processing(client: httpx.Client, poll: Any, tmp_path: Path, prefix: str) -> None:
    """The button's request answers with a state; the loop ends in a failure whose error says that it was cancelled."""
    write_purchase_orders(tmp_path / "orders.csv", 300_000, prefix=prefix)
    task_id = process(client, tmp_path / "orders.csv")
    answer = client.post(f"/data-ingestion/cancel/{task_id}/")
    assert answer.is_success, answer.text
    assert answer.json()["state"] in STATES
    last = poll(progress_path(task_id), over)[-1]
    assert (last["state"], "cancelled" in last["error"].lower()) == ("FAILURE", True)


def test_several_are_processed_at_once(client: httpx.Client, poll: Any, tmp_path: Path, prefix: str) -> None:
    """None waits for another's end, and none disturbs another's counts."""
    tasks = []
    for name in "abc":
        expected = write_purchase_orders(tmp_path / name, 800, prefix=f"{prefix}{name}")
        tasks.append((process(client, tmp_path / name), expected.entities["suppliers"]))
    for task_id, suppliers in tasks:
        assert poll(progress_path(task_id), over)[-1]["result"]["created_suppliers"] == suppliers


def test_a_failure_has_a_clear_message(client: httpx.Client, poll: Any, tmp_path: Path) -> None:
    """The error names the column that is missing."""
    (tmp_path / "orders.csv").write_text("PO Number,Supplier Name\n1,Acme\n", encoding="utf-8")
    last = poll(progress_path(process(client, tmp_path / "orders.csv")), over)[-1]
    assert last["state"] == "FAILURE"
    assert "material" in last["error"].lower()


def test_what_is_asked_wrongly_is_refused(client: httpx.Client, stranger: httpx.Client, tmp_path: Path) -> None:
    """Another field's name, no file, ids of nobody and of others; GET where the page posts."""
    assert client.post("/data-ingestion/uploads/").status_code in {400, 415, 422}
    assert client.post("/data-ingestion/uploads/", files={"csv": ("a.csv", b"a\n1\n")}).status_code in {400, 422}
    for route in ("process", "cancel"):
        assert client.post(f"/data-ingestion/{route}/{uuid4()}/").status_code == 404
        assert client.get(f"/data-ingestion/{route}/{uuid4()}/").status_code == 405
    assert client.get(progress_path(str(uuid4()))).status_code == 404
    write_purchase_orders(tmp_path / "orders.csv", 5)
    upload_id = store(client, tmp_path / "orders.csv")
    assert stranger.post(f"/data-ingestion/process/{upload_id}/").status_code == 404
