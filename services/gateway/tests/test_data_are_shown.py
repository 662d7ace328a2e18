"""Datasets on pages, and the form that orders a package: what is shown, to whom, and what no row can do to a page."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from wharf.common.access import Role
from wharf.common.profiles import builtin_profile
from wharf.gateway.console.data import routes
from wharf.gateway.console.words import NOTHING

HOSTILE = "<img src=x onerror=alert(1)>\"'</td></table><script>alert(2)</script>"
SALES = builtin_profile("transactions").model_dump(mode="json")


def sale(nth: int, **more: object) -> dict[str, object]:
    """One line of an invoice of its own."""
    said = {"transaction_id": f"t{nth}", "line_number": 1, "date": datetime(2025, 1, 1 + nth, tzinfo=UTC)}
    return {**said, "quantity": nth, "unit_price": f"{nth}.10", "store": "Bonn", **more}


@pytest.fixture
def person(tenant):
    """The tenant's viewer with a session."""
    with httpx.Client(base_url=tenant.gateway.url, timeout=20) as client:
        client.post("/login", data={"key": tenant.keys["viewer"]})
        yield client


def keys_on(page: str) -> list[str]:
    """The first cell of each row."""
    return re.findall(r'data-label="transaction_id" class="cell">([^<]*)<', page)


def test_no_data_is_a_page_too(person):
    """With what to do; a dataset that is not there yet is empty, and what is no profile is not there."""
    assert "No data yet." in person.get("/data").text
    assert "No rows here." in person.get("/data/transactions").text
    assert "Nothing was merged yet." in person.get("/data/transactions/history").text
    assert person.get("/data/nonsense").status_code == 404
    assert person.get("/data/nonsense/history").status_code == 404


def test_rows_are_shown_page_by_page(person, dataset, monkeypatch):
    """In the order of their key; the way on and back keep the filter."""
    monkeypatch.setattr(routes, "PAGE", 2)
    monkeypatch.setattr(routes, "LEAST", 1)
    dataset("transactions", SALES, [sale(nth, store="Köln" if nth == 2 else "Bonn") for nth in range(5)])
    first = person.get("/data/transactions", params={"column": "store", "value": "Bonn"}).text
    assert keys_on(first) == ["t0", "t1"]
    on = re.findall(r'href="([^"]+)" rel="next"', first)[0].replace("&amp;", "&")
    second = person.get(on).text
    assert keys_on(second) == ["t3", "t4"]
    assert 'href="/data/transactions?column=store&amp;value=Bonn">First' in second
    assert 'rel="next"' not in second


def test_values_are_told_in_words(person, dataset):
    """Times without fractions, nothing as a dash, long texts cut short, columns of no profile beside."""
    beside = json.dumps({"colour": ["red", "blue"]})
    dataset("transactions", SALES, [sale(1, store=None, notes="x" * 500, properties=beside)])
    page = person.get("/data/transactions").text
    assert 'data-label="date" class="cell">2025-01-02 00:00:00<' in page
    assert f'data-label="store" class="cell">{NOTHING}<' in page
    assert f"{'x' * 200}…<" in page
    assert "colour: red, blue" in page


def test_a_value_that_cannot_be_is_told(person, dataset):
    """While somebody is still writing it, too; a cursor that is none is a mistake as everywhere."""
    dataset("transactions", SALES, [sale(1)])
    wrong = person.get("/data/transactions", params={"column": "quantity", "value": "x"})
    assert wrong.status_code == 200
    assert "The column quantity holds values of the type integer; this is none." in wrong.text
    assert "has no column nothing" in person.get("/data/transactions", params={"column": "nothing", "value": "1"}).text
    assert keys_on(person.get("/data/transactions", params={"column": "quantity"}).text) == ["t1"]
    assert person.get("/data/transactions", params={"cursor": "x"}).status_code == 422


def test_a_key_of_one_project_sees_its_rows_alone(tenant, dataset):
    """In lists and filters; another project is refused, and another tenant has datasets of its own."""
    dataset("transactions", SALES, [sale(1, project_id="p1"), sale(2, project_id="p2")])
    bound = tenant.key(Role.VIEWER, project_id="p1")["key"]
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": bound}) as client:
        page = client.get("/data/transactions").text
        assert keys_on(page) == ["t1"]
        assert "p2" not in page
        assert client.get("/data/transactions", params={"project_id": "p2"}).status_code == 403


def test_another_tenant_sees_nothing_of_it(make_tenant, dataset):
    """A table of the same name is another one."""
    dataset("transactions", SALES, [sale(1)])
    with make_tenant().client("viewer") as stranger:
        assert keys_on(stranger.get("/data/transactions").text) == []
        assert "No data yet." in stranger.get("/data").text


def test_what_was_merged_leads_to_its_jobs(tenant, person, dataset):
    """Newest first, with its counts; the list of datasets tells the last one, and profiles by their titles."""
    dataset("transactions", SALES, [sale(1)])
    job = tenant.job()
    tenant.execute(
        "INSERT INTO wharf.data_updates (id, tenant_id, project_id, profile, import_id, job_id, mode, rows_before,"
        " inserted, updated, unchanged, superseded, rejected, rows_after, period_from, period_to)"
        " VALUES (:id, :tenant, 'default', 'transactions', :import, :job, 'upsert', 0, 1234, 5, 6, 0, 7, 1240,"
        " '2025-01-01', '2025-02-03')",
        **{"id": uuid4(), "tenant": tenant.id, "import": tenant.import_of(job), "job": job.job_id},
    )
    page = person.get("/data/transactions/history").text
    assert f'href="/jobs/{job.job_id}"' in page
    assert "1,234" in page
    assert "2025-01-01 to 2025-02-03" in page
    listed = person.get("/data").text
    assert "Sales transactions" in listed
    assert "default: 1,240 rows" in listed


def test_texts_of_rows_never_become_markup(person, dataset, harmless):
    """Cells, and names and values of columns that no profile knows."""
    beside = json.dumps({HOSTILE: HOSTILE})
    dataset("transactions", SALES, [sale(1, transaction_id=HOSTILE, notes=HOSTILE, properties=beside)])
    harmless(person.get("/data/transactions").text)
    harmless(person.get("/data/transactions", params={"column": "notes", "value": HOSTILE}).text)
    harmless(person.get("/data/transactions", params={"column": "nothing", "value": HOSTILE}).text)


def test_a_package_is_ordered_by_those_who_may(tenant, person):
    """The types that there are, the projects; a viewer gets no form and is led to none."""
    with tenant.client("operator") as operator:
        operator.post("/api/v1/uploads", data={"start": "false", "project_id": "spring"}, files={"file": b"a\n"})
        page = operator.get("/packages", params={"package_type": "transactions_report"}).text
    assert '<option value="transactions_report" selected>' in page
    assert '<option value="spring">' in page
    assert 'data-call="POST /api/v1/packages"' in page
    assert person.get("/packages").status_code == 403
    assert 'href="/packages"' not in person.get("/data").text


def test_a_page_of_very_many_columns_has_fewer_rows(person, dataset):
    """So that no page is larger than a browser likes."""
    columns = [{"name": f"c{nth}", "type": "text"} for nth in range(900)]
    dataset("wide", {"name": "wide", "key": [], "columns": columns}, [{"c1": str(nth)} for nth in range(7)])
    page = person.get("/data/wide").text
    assert page.count('data-label="c1"') == 5
    assert 'rel="next"' in page


@pytest.mark.parametrize("value", ["1e999999", "-1e131073", "1e-999999"])
def test_a_number_that_no_column_holds_is_none(person, api, dataset, value):
    """PostgreSQL would refuse it while it looks for it."""
    dataset("transactions", SALES, [sale(1)])
    shown = person.get("/data/transactions", params={"column": "unit_price", "value": value})
    assert "this is none" in shown.text
    answer = api.get("/api/v1/datasets/transactions/rows", params={"unit_price": value})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_filter")


def test_a_nul_in_an_address_is_no_error_of_ours(person, api):
    """PostgreSQL has no text with NUL."""
    for path in ("/data/a%00b", "/data/%00/history", "/api/v1/datasets/%00/rows", "/api/v1/datasets/%00/updates"):
        assert api.get(path).status_code == 422


def test_a_value_needs_its_column(person, dataset):
    """What is not looked for is told, and not all rows shown as if they had it."""
    dataset("transactions", SALES, [sale(1)])
    page = person.get("/data/transactions", params={"value": "t1"}).text
    assert "Choose the column" in page
    assert keys_on(page) == []


def test_the_project_that_is_chosen_is_among_those_offered(person, dataset):
    """However many there are."""
    dataset("transactions", SALES, [sale(1)])
    page = person.get("/data/transactions", params={"project_id": "zz-last"}).text
    assert '<option value="zz-last" selected>' in page
