"""The loaded rows: in the order of their key, by page, narrowed down; and the accounts of how they came there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wharf.common.clock import new_id
from wharf.common.profiles import builtin_profile

NAMES = {
    *("transaction_id", "line_number", "date", "product_id", "product_name", "category", "quantity", "unit_price"),
    *("total", "customer_id", "store", "notes", "properties", "_import_id", "_line"),
}


@pytest.fixture
def sales(dataset):
    """Eleven lines of four invoices in two projects."""
    rows = [
        {
            "transaction_id": f"t{nth // 3}", "line_number": nth % 3 + 1,
            "date": datetime(2025, 1, 1 + nth, tzinfo=UTC) + (MIDDAY if nth == 9 else timedelta()),
            "quantity": nth, "unit_price": f"{nth}.10", "store": "Bonn" if nth % 2 else None,
            "project_id": "p2" if nth == 4 else "default", "properties": json.dumps({"colour": "red"}),
        }
        for nth in range(11)
    ]  # fmt: skip
    dataset("transactions", builtin_profile("transactions").model_dump(mode="json"), rows)
    return rows


def pages(api, path: str, **query: Any) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        answer = api.get(path, params={**query, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


MIDDAY = timedelta(hours=10, minutes=30, seconds=5.25)
ROWS = "/api/v1/datasets/transactions/rows"


def test_a_dataset_that_is_not_there_yet_is_empty(api):
    """No rows, no updates, not in the list; what is no profile is 404."""
    assert api.get(ROWS).json() == {"items": [], "next_cursor": None}
    assert api.get("/api/v1/datasets/transactions/updates").json() == {"items": [], "next_cursor": None}
    assert api.get("/api/v1/datasets").json() == {"items": [], "next_cursor": None}
    for part in ("rows", "updates"):
        answer = api.get(f"/api/v1/datasets/nonsense/{part}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_profile")


@pytest.mark.parametrize("limit", [1, 4, 1000])
def test_every_row_comes_once_in_the_order_of_the_key(api, sales, limit):
    """However large the pages are; a row has the profile's columns, its lineage and what else the file held."""
    found = pages(api, ROWS, limit=limit, project_id="default")
    assert [(r["transaction_id"], r["line_number"]) for r in found] == [
        (r["transaction_id"], r["line_number"]) for r in sales if r["project_id"] == "default"
    ]
    assert set(found[0]) == NAMES
    assert (found[1]["unit_price"], found[1]["date"], found[1]["quantity"]) == (1.1, "2025-01-02T00:00:00Z", 1)
    assert (found[1]["properties"], found[1]["_line"], found[0]["store"]) == ({"colour": "red"}, 3, None)
    assert len(pages(api, ROWS, limit=limit)) == len(sales)


@pytest.mark.parametrize(
    ("filters", "lines"),
    [
        ({"transaction_id": "t1", "project_id": "default"}, [5, 7]),
        ({"quantity": "7"}, [9]),
        ({"unit_price": "4.1"}, [6]),
        ({"date": "2025-01-03T01:00:00+01:00"}, [4]),
        ({"date": "2025-01-10"}, [11]),
        ({"date": "2025-01-10 10"}, [11]),
        ({"date": "2025-01-10T10:30"}, [11]),
        ({"date": "2025-01-10 11:30:05+01:00"}, [11]),
        ({"date": "20250110T103005.25Z"}, [11]),
        ({"date": "2025-01-10 10:30:05.0"}, []),
        ({"date": "2025-01-10 10:31"}, []),
        ({"date": "9999-12-31"}, []),
        ({"store": "Bonn", "transaction_id": "t0"}, [3]),
        ({"store": "nowhere"}, []),
        ({"project_id": "p2"}, [6]),
        ({"project_id": "none"}, []),
    ],
)
def test_rows_are_narrowed_down_by_their_values(api, sales, filters, lines):
    """`<column>=<value>`, read as the column's type."""
    assert [row["_line"] for row in pages(api, ROWS, **filters)] == lines


@pytest.mark.parametrize(("value", "lines"), [("yes", [2]), ("TRUE", [2]), ("0", [3]), ("maybe", None)])
def test_a_boolean_is_asked_for_as_people_write_it(api, dataset, value, lines):
    """And a word that is none is an error."""
    columns = [{"name": "id", "type": "text", "required": True}, {"name": "open", "type": "boolean"}]
    rows = [{"id": "a", "open": True}, {"id": "b", "open": False}, {"id": "c", "open": None}]
    dataset("doors", {"title": "Doors", "columns": columns, "key": ["id"]}, rows)
    answer = api.get("/api/v1/datasets/doors/rows", params={"open": value})
    assert [row["_line"] for row in answer.json()["items"]] == lines if lines else answer.json()["code"] == "bad_filter"


@pytest.mark.parametrize(
    ("query", "code", "loc"),
    [
        ({"colour": "red"}, "unknown_column", "colour"),
        ({"tenant_id": "x"}, "unknown_column", "tenant_id"),
        ({'store" OR 1=1 --': "x"}, "unknown_column", 'store" OR 1=1 --'),
        ({"quantity": "many"}, "bad_filter", "quantity"),
        ({"quantity": str(2**63)}, "bad_filter", "quantity"),
        ({"unit_price": "NaN"}, "bad_filter", "unit_price"),
        ({"date": "yesterday"}, "bad_filter", "date"),
        ({"cursor": "WyJhIl0"}, "bad_cursor", "cursor"),
        ({"cursor": "WyJhIiwiYiIsInh4Il0"}, "bad_cursor", "cursor"),
        ({"cursor": "WyJhXHUwMDAwIiwiYiIsIjEiXQ"}, "bad_cursor", "cursor"),
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_a_filter_that_cannot_be_used_is_named(api, request, query, code, loc, there):
    """Columns are those of the definition, values those of their types; nothing else reaches the database."""
    if there:
        request.getfixturevalue("sales")
    answer = api.get(ROWS, params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["errors"][0]["loc"] == ["query", loc]


def test_a_nul_in_a_query_is_no_error_of_ours(api, sales):
    """PostgreSQL has no text with NUL: 422, not 500."""
    for path in (ROWS + "?store=a%00b", "/api/v1/jobs?q=%00"):
        assert api.get(path).status_code == 422


def test_rows_with_gaps_in_their_key_are_paged_too(api, dataset):
    """A key column without a value: such rows come last among their like, and each comes once."""
    columns = [{"name": "site", "type": "text"}, {"name": "tag", "type": "integer"}, {"name": "parts", "type": "list"}]
    places = [("a", 1), ("a", 2), ("a", None), ("b", 1), ("b", None), (None, 1), (None, 2), (None, None)]
    rows = [{"site": site, "tag": tag, "parts": [str(nth), "x"]} for nth, (site, tag) in enumerate(places)]
    dataset("gaps", {"name": "gaps", "key": ["site", "tag"], "columns": columns}, rows[::-1])
    own = "/api/v1/datasets/gaps/rows"
    for limit in (1, 3, 100):
        assert [(r["site"], r["tag"]) for r in pages(api, own, limit=limit)] == places
    assert [r["site"] for r in pages(api, own, parts="3")] == ["b"]


def test_rows_without_a_key_are_paged_by_their_lineage(api, dataset):
    """A dataset that is only appended to: import by import, line by line."""
    definition = {"name": "notes", "columns": [{"name": "text", "type": "text"}]}
    dataset("notes", definition, [{"text": f"n{nth}"} for nth in range(5)])
    found = pages(api, "/api/v1/datasets/notes/rows", limit=2)
    assert sorted(r["text"] for r in found) == [f"n{nth}" for nth in range(5)]
    assert [(r["_import_id"], r["_line"]) for r in found] == sorted((r["_import_id"], r["_line"]) for r in found)


def test_datasets_are_listed_with_their_columns(api, sales):
    """What there is, and how it looks."""
    (shown,) = api.get("/api/v1/datasets").json()["items"]
    assert (shown["profile"], shown["key"]) == ("transactions", ["transaction_id", "line_number"])
    assert {"name": "unit_price", "type": "decimal"} in shown["columns"]


def test_updates_are_listed_newest_first(api, tenant):
    """One account for each merge, in the contract's shape, over pages."""
    job = tenant.job()
    (row,) = tenant.execute("SELECT payload FROM wharf.jobs WHERE id = :id", id=job.job_id)
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    for nth in range(3):
        tenant.execute(
            "INSERT INTO wharf.data_updates (id, tenant_id, project_id, profile, import_id, job_id, mode, rows_before,"
            " inserted, updated, unchanged, superseded, rejected, rows_after, period_from, period_to, at) VALUES"
            " (:id, :tenant, 'default', 'transactions', :import_id, :job, 'upsert', 0, :nth, 0, 0, 0, 0, :nth,"
            " :a, :b, :at)",
            id=new_id(), tenant=tenant.id, import_id=row["payload"]["import_id"], job=job.job_id, nth=nth,
            a=begin if nth else None, b=begin if nth else None, at=begin + timedelta(days=nth),
        )  # fmt: skip
    found = pages(api, "/api/v1/datasets/transactions/updates", limit=2)
    assert [u["inserted"] for u in found] == [2, 1, 0]
    assert set(found[0]) == {
        *("import_id", "job_id", "mode", "rows_before", "inserted", "updated", "unchanged", "superseded", "rejected"),
        *("rows_after", "period", "at"),
    }
    assert found[0]["period"] == {"from": "2025-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"}
    assert found[2]["period"] is None
    assert pages(api, "/api/v1/datasets/transactions/updates", project_id="other") == []


def test_rows_of_another_tenant_are_not_there(make_tenant, sales):
    """The same profile, another tenant: empty."""
    with make_tenant().client() as client:
        assert client.get(ROWS).json()["items"] == []


def test_profiles_are_shown(api):
    """The built-in ones, and 404 for what is none."""
    names = [p["name"] for p in api.get("/api/v1/profiles").json()["items"]]
    assert "transactions" in names
    shown = api.get("/api/v1/profiles/transactions").json()
    assert shown["key"] == ["transaction_id", "line_number"]
    answer = api.get("/api/v1/profiles/nonsense")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_profile")
