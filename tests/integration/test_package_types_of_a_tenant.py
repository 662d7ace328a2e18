"""Tenants declare package types of their own: by API, in YAML, with checks, and packages are made of them."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from tests.packages import fetch, made, order
from wharf.local.samples import write_assets, write_purchase_orders
from wharf.local.trial import Trial, eventually

DOCUMENT = Path(__file__).parents[2] / "docs" / "packages.md"
TYPES = "/api/v1/package-types"
YAML = {"Content-Type": "application/yaml"}
STOCK: dict[str, Any] = {
    "name": "stock",
    "title": "Stock",
    "sections": [
        {
            "name": "all",
            "title": "Everything",
            "dataset": "assets",
            "columns": [{"name": "tag", "title": "Tag"}, {"name": "type", "title": "Type"}],
            "filters": [{"column": "type", "is": "equal", "value": "PUMP"}],
            "order": [{"column": "tag"}],
        }
    ],
}
ASSETS = "tag,type,kg\nP-1,PUMP,10.5\nP-2,PUMP,about 7\nV-1,VALVE,1e3\nV-2,VALVE,2\n"


def example() -> str:
    """The example of the document."""
    [found] = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def declare(trial: Trial, **change: Any) -> None:
    trial.api.put(f"{TYPES}/stock", json=STOCK | change).raise_for_status()


@pytest.fixture
def assets(tenant: Trial, tmp_path: Path, project: str) -> Trial:
    """A tenant with four assets, whose weights are in `properties`."""
    path = tmp_path / "assets.csv"
    path.write_text(ASSETS, encoding="utf-8")
    assert tenant.load(path, project_id=project, profile="assets")["status"] == "completed"
    return tenant


def test_the_documents_example_is_declared_and_made(tenant: Trial, tmp_path: Path, project: str) -> None:
    """As it stands there, over the sample assets; its sums are those of the file."""
    answer = tenant.api.post(TYPES, content=example(), headers=YAML)
    assert (answer.status_code, answer.json()["name"]) == (201, "lifting"), answer.text
    expected = write_assets(tmp_path / "assets.csv", 200, seed=5, bad=0)
    tenant.load(tmp_path / "assets.csv", project_id=project, profile="assets")
    job = made(tenant, "lifting", project, formats=["xlsx", "pdf"])
    book = load_workbook(fetch(tenant, job), data_only=True)
    assert book.sheetnames == ["Summary", "Weight by area", "Pumps and motors", "Where the data come from"]
    sheet = book["Weight by area"]
    assert Decimal(str(sheet.cell(sheet.max_row, 3).value)) == expected.total
    assert {row[1].value for row in book["Pumps and motors"].iter_rows(min_row=2)} == {"PUMP", "MOTOR", None}
    outline = PdfReader(fetch(tenant, job, ".pdf")).outline
    assert [str(one["/Title"]) for one in outline if not isinstance(one, list)][-2:] == [
        "3  Datasheets of the pumps",
        "4  Where the data come from",
    ]


def test_numbers_are_read_from_properties(assets: Trial, project: str) -> None:
    """What is none is empty, and counts for nothing; filters hold."""
    kg = {"name": "kg", "title": "kg", "from_property": "kg", "format": "decimal", "total": True}
    rows = STOCK["sections"][0] | {"filters": [], "columns": [*STOCK["sections"][0]["columns"], kg]}
    by_type = {
        "name": "sums",
        "title": "Sums",
        "dataset": "assets",
        "columns": [{"name": "type", "title": "Type"}, kg | {"measure": "sum"}],
        "order": [{"column": "type"}],
    }
    declare(assets, sections=[rows, by_type])
    book = load_workbook(fetch(assets, made(assets, "stock", project)), data_only=True)
    assert [row[2].value for row in book["Everything"].iter_rows(min_row=2)] == [10.5, None, None, 2, 12.5]
    assert [row[1].value for row in book["Sums"].iter_rows(min_row=2)] == [10.5, 2, 12.5]


def test_what_was_ordered_is_made_as_it_was_declared_then(assets: Trial, project: str) -> None:
    """The type is changed, and removed, while the job waits."""
    declare(assets)
    assets.api.post("/api/v1/queues/package/pause").raise_for_status()
    first = order(assets, "stock", project)
    valves = STOCK["sections"][0] | {"filters": [{"column": "type", "is": "equal", "value": "VALVE"}]}
    declare(assets, title="Valves", sections=[valves])
    second = order(assets, "stock", project)
    assert assets.api.delete(f"{TYPES}/stock").status_code == 204
    assert assets.api.post("/api/v1/packages", json={"package_type": "stock"}).json()["code"] == "unknown_package_type"
    assets.api.post("/api/v1/queues/package/resume").raise_for_status()
    jobs = [assets.ended(job_id) for job_id in (first, second)]
    assert [job["label"] for job in jobs] == ["Stock", "Valves"]
    tags = [
        [row[0].value for row in load_workbook(fetch(assets, job))["Everything"].iter_rows(min_row=2)] for job in jobs
    ]
    assert tags == [["P-1", "P-2"], ["V-1", "V-2"]]


def test_a_changed_declaration_is_another_package(assets: Trial, project: str) -> None:
    """The same one is answered from the earlier files; another one never is, and the first is known when it is back."""
    said = []
    for title in ("Stock", "Stock", "Pumps", "Stock"):
        declare(assets, title=title)
        said.append(made(assets, "stock", project)["result"])
    assert [result["cached"] for result in said] == [False, True, False, True]
    assert said[0]["fingerprint"] == said[1]["fingerprint"] == said[3]["fingerprint"] != said[2]["fingerprint"]


def test_a_type_of_the_name_of_a_built_in_one_goes_before_it(assets: Trial, wharf: Trial, project: str) -> None:
    """For its tenant alone, and until it is removed."""
    own = STOCK | {"name": "asset_register"}
    assert assets.api.post(TYPES, json=own).json()["code"] == "package_type_exists"
    assert assets.api.put(f"{TYPES}/asset_register", json=own).status_code == 200
    assert load_workbook(fetch(assets, made(assets, "asset_register", project))).sheetnames == ["Summary", "Everything"]
    assert wharf.api.get(f"{TYPES}/asset_register").json()["title"] == "Asset register"
    assert assets.api.delete(f"{TYPES}/asset_register").status_code == 204
    assert assets.api.get(f"{TYPES}/asset_register").json()["title"] == "Asset register"
    assert assets.api.delete(f"{TYPES}/asset_register").json()["code"] == "builtin_package_type"


def test_entities_can_be_reported_on(tenant: Trial, tmp_path: Path, project: str) -> None:
    """Before anything is loaded they are empty; then they are there."""
    columns = [{"name": "supplier_code", "title": "Code"}, {"name": "supplier_name", "title": "Name"}]
    section = {"name": "all", "title": "Suppliers", "dataset": "procurement_suppliers", "columns": columns}
    declare(tenant, sections=[section])
    assert made(tenant, "stock", project)["result"]["rows"] == 0
    write_purchase_orders(tmp_path / "po.csv", 100, seed=2, bad=0)
    loaded = tenant.load(tmp_path / "po.csv", project_id=project, profile="procurement")
    rows = made(tenant, "stock", project)["result"]["rows"]
    assert rows == loaded["result"]["entities"]["suppliers"]["created"] > 0


def test_a_declaration_is_checked_without_being_written(tenant: Trial) -> None:
    """`dry_run` says what is wrong, with line and column, and keeps nothing."""
    text = (
        example()
        .replace("{column: type, is: in,", "{column: typ, is: in,")
        .replace("dataset: imports", "dataset: import")
    )
    answer = tenant.api.post(TYPES, params={"dry_run": "true"}, content=text, headers=YAML)
    found = {".".join(e["loc"]): (e["code"], e["message"]) for e in answer.json()["errors"]}
    line = text[: text.index("{column: typ,")].count("\n") + 1
    assert answer.status_code == 422
    assert found["body.sections.1.filters.0"] == (
        "unknown_column",
        f"Line {line}, column 9: The dataset assets has no column 'typ'. Did you mean type?",
    )
    assert "There is no dataset 'import'. Did you mean imports" in found["body.sections.3.dataset"][1]
    assert tenant.api.post(TYPES, params={"dry_run": "true"}, content=example(), headers=YAML).status_code == 200
    assert tenant.api.get(f"{TYPES}/lifting").status_code == 404
    assert tenant.api.put(f"{TYPES}/other", json=STOCK).json()["code"] == "wrong_name"


def test_bodies_that_are_no_declaration(tenant: Trial) -> None:
    """Too large, of another kind, broken: each has its status, and a sentence."""
    padded = example() + "#" * 262_144
    assert tenant.api.post(TYPES, content=padded, headers=YAML).status_code == 413
    assert tenant.api.post(TYPES, content=example(), headers={"Content-Type": "text/csv"}).status_code == 415
    bomb = "a: &a [x]\nb: *a\n"
    assert tenant.api.post(TYPES, content=bomb, headers=YAML).json()["code"] == "bad_yaml"
    assert (
        tenant.api.post(TYPES, content=b"", headers=YAML).json()["detail"]
        == "Line 1, column 1: there is nothing in it."
    )
    assert tenant.api.post(TYPES, json=[]).status_code == 422
    nul = json.dumps(STOCK | {"title": "a\0"})
    assert tenant.api.post(TYPES, content=nul).status_code == 422


def test_only_admins_declare_and_no_tenant_sees_anothers(tenant: Trial, wharf: Trial) -> None:
    """By role, and by row security."""
    declare(tenant)
    operator = tenant.api.post("/api/v1/keys", json={"name": "op", "role": "operator"}).json()["key"]
    own = {"Authorization": f"Bearer {operator}"}
    assert tenant.api.get(f"{TYPES}/stock", headers=own).status_code == 200
    assert tenant.api.put(f"{TYPES}/stock", json=STOCK, headers=own).status_code == 403
    assert tenant.api.delete(f"{TYPES}/stock", headers=own).status_code == 403
    assert wharf.api.get(f"{TYPES}/stock").status_code == 404
    assert "stock" in {one["name"] for one in tenant.api.get(TYPES).json()["items"]}
    assert "stock" not in {one["name"] for one in wharf.api.get(TYPES).json()["items"]}


def test_a_tenants_types_are_counted(tenant: Trial) -> None:
    """200 at most: one more is refused, a change of one of them is not."""
    declare(tenant)
    tenant.ask(
        "INSERT INTO wharf.own_package_types (tenant_id, name, declaration) "
        "SELECT tenant_id, 'more_' || n, declaration || jsonb_build_object('name', 'more_' || n) "
        "FROM wharf.own_package_types, generate_series(1, 199) n WHERE tenant_id = "
        "(SELECT tenant_id FROM wharf.own_package_types ORDER BY created_at DESC LIMIT 1) AND name = 'stock' "
        "RETURNING name"
    )
    declare(tenant, title="Changed")
    answer = tenant.api.post(TYPES, json=STOCK | {"name": "another"})
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_package_types")


def test_the_command_declares_and_makes_one(assets: Trial, project: str) -> None:
    """Through the client, as YAML."""
    from wharf.client.api import WharfClient  # noqa: PLC0415 - only this test speaks through it

    key = str(assets.api.headers["authorization"]).removeprefix("Bearer ")
    with WharfClient(str(assets.api.base_url), key) as client:
        assert client.save_package_type(example())["name"] == "lifting"
        assert client.package_type("lifting")["locale"] == "en-GB"
        job_id = client.make_package("lifting", project_id=project)["job_id"]
        assert eventually(lambda: client.job(job_id).ended, "the package")
        client.remove_package_type("lifting")
        assert "lifting" not in {one["name"] for one in client.package_types()}
