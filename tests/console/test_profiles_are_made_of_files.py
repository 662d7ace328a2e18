"""A file of a kind that nobody has declared: its columns become a profile on a page, and the file is imported by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.console.person import Person
from wharf.local.trial import Trial

MEMBERS = "Member No.;Name;Joined;Fee;Remark\n" + "".join(
    f"M-{n:03};{name};2025-0{n % 9 + 1}-14;{n}.50;\n" for n, name in enumerate(["Ann", "Bo", "Cy", "Ann", "Di"] * 3)
)


@pytest.fixture
def members(tmp_path: Path) -> Path:
    """Members of a club, which no profile knows."""
    path = tmp_path / "club_members_2025-11.csv"
    path.write_text(MEMBERS, "utf-8")
    return path


def look_at(page: Page, file: Path) -> None:
    """Hand it in on the page, only to look at it."""
    page.locator("#field-file").set_input_files(str(file))
    page.get_by_role("button", name="Look at them first").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(file.name)


def test_a_profile_is_made_of_a_file_that_none_fits(person: Person, members: Path) -> None:
    """Three clicks: look, save, import. A column is renamed, one is left out: it is kept beside."""
    page = person.go("/files")
    look_at(page, members)
    page.get_by_role("link", name="Make a profile of it").click()
    expect(page.get_by_label("Title")).to_have_value("Club members")
    expect(page.get_by_label("Member No. is of the key")).to_be_checked()
    page.get_by_label("Take Name").uncheck()
    page.get_by_label("Column of Fee").fill("yearly_fee")
    page.get_by_role("button", name="Save it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(members.name)
    page.get_by_role("button", name="Import").click()
    expect(page.locator("article .badge").first).to_have_text("completed")

    (row, *_) = person.trial.api.get("/api/v1/datasets/club_members/rows").json()["items"]
    shown = {name: value for name, value in row.items() if not name.startswith("_")}
    assert shown == {
        "member_no": "M-000",
        "joined": "2025-01-14T00:00:00Z",
        "yearly_fee": 0.5,
        "remark": None,
        "properties": {"Name": "Ann"},
    }
    assert person.problems == []


def test_an_import_that_fitted_nothing_leads_to_a_profile(person: Person, members: Path) -> None:
    """From the job that failed to a look at its file, which shows its first rows; the profile is one click on."""
    failed = person.trial.load(members)
    page = person.go(f"/jobs/{failed['job_id']}")
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_role("link", name="Make a profile of it")).to_be_visible()
    page.get_by_text("Its first rows").click()
    rows = page.get_by_role("region", name="First rows of the file").get_by_role("row")
    expect(rows).to_have_count(16)
    expect(rows.nth(1)).to_have_text("M-000Ann2025-01-140.50")
    page.get_by_role("link", name="Make a profile of it").click()
    page.get_by_role("button", name="Save it").click()
    page.get_by_role("button", name="Import").click()
    expect(page.locator("article .badge").first).to_have_text("completed")
    assert len(person.trial.api.get("/api/v1/datasets/club_members/rows").json()["items"]) == 15
    assert person.problems == []


def test_what_is_wrong_is_said_beside_its_column(person: Person, members: Path) -> None:
    """Of the columns that count, though others before them are left out; nothing is saved."""
    page = person.go("/files")
    look_at(page, members)
    page.get_by_role("link", name="Make a profile of it").click()
    page.get_by_label("Take Member No.").uncheck()
    page.get_by_label("Column of Joined").fill("project_id")
    page.get_by_role("button", name="Save it").click()

    wrong = page.get_by_role("row").filter(has_text="Joined").locator(".wrong")
    expect(wrong).to_contain_text("every dataset has a column project_id of its own")
    expect(page.get_by_label("Column of Joined")).to_have_attribute("aria-invalid", "true")
    assert person.trial.api.get("/api/v1/profiles/club_members").status_code == 404


def test_a_look_that_fails_does_not_hide_that_the_profile_is_saved(person: Person, members: Path) -> None:
    """Whoever saves it again would be told that there is one already, and wonder."""
    page = person.go("/files")
    look_at(page, members)
    page.get_by_role("link", name="Make a profile of it").click()
    page.route("**/inspect", lambda route: route.fulfill(status=429, json={"detail": "Too many jobs wait."}))
    page.get_by_role("button", name="Save it").click()
    expect(page.locator("[data-form-wrong]")).to_contain_text("The profile is saved")
    expect(page.locator("[data-form-wrong]")).to_contain_text("Too many jobs wait.")
    assert person.trial.api.get("/api/v1/profiles/club_members").status_code == 200


def test_profiles_are_shown_and_removed(person: Person, members: Path) -> None:
    """The built-in ones and one of their own; what is removed is gone from the list."""
    declared = {"name": "club", "title": "Club", "key": ["no"], "columns": [{"name": "no", "type": "integer"}]}
    assert person.trial.api.post("/api/v1/profiles", json=declared).status_code == 201
    page = person.go("/profiles")
    expect(page.get_by_role("link", name="Sales transactions")).to_be_visible()
    page.get_by_role("link", name="Club", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="integer")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Profiles")
    expect(page.get_by_role("link", name="Sales transactions")).to_be_visible()
    expect(page.get_by_role("link", name="Club", exact=True)).to_have_count(0)
    assert person.problems == []


def test_a_profile_is_changed_on_its_page(person: Person) -> None:
    """What the form has no field for stays; a column comes, another goes; what is wrong is said beside its field."""
    api = person.trial.api
    before = api.get("/api/v1/profiles/transactions").json()
    page = person.go("/profiles/transactions")
    page.get_by_role("link", name="Change").click()
    page.get_by_label("Title").fill("Our sales")
    page.get_by_label("Headers that bring store").fill("shop\nFiliale")
    page.get_by_label("Checks of quantity").fill('[{"kind": "range", "least": 1}]')
    page.get_by_label("Where the file and the dataset differ in store").select_option("non_null")
    page.get_by_label("Keep notes").uncheck()
    page.get_by_role("button", name="Add a column").click()
    page.get_by_label("Name of the new column").fill("channel")
    page.get_by_role("button", name="Save it").click()
    expect(page.locator("#checks-7-wrong")).not_to_be_empty()
    assert api.get("/api/v1/profiles/transactions").json() == before
    page.get_by_label("Checks of quantity").fill('[{"kind": "range", "min": 1}]')
    page.get_by_role("button", name="Save it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Our sales")

    after = api.get("/api/v1/profiles/transactions").json()
    columns = {column["name"]: column for column in after["columns"]}
    expected = {column["name"]: column for column in before["columns"] if column["name"] != "notes"}
    expected["store"] |= {"aliases": ["shop", "Filiale"], "conflict": "non_null"}
    expected["quantity"] |= {"checks": [columns["quantity"]["checks"][0] | {"kind": "range"}]}
    assert float(columns["quantity"]["checks"][0]["min"]) == 1
    assert columns.pop("channel")["type"] == "text"
    assert columns == expected
    rest = {name: value for name, value in before.items() if name != "columns"} | {"title": "Our sales"}
    assert {name: value for name, value in after.items() if name != "columns"} == rest
    assert [problem for problem in person.problems if "422" not in problem] == []


def test_who_may_not_make_one_is_told_who_may(tenant: Trial, visit: Callable[..., Person], members: Path) -> None:
    """An operator sees what the file holds, and no button that would be refused."""
    wanted = {"name": "operator", "role": "operator"}
    key = tenant.api.post("/api/v1/keys", json=wanted).raise_for_status().json()["key"]
    with httpx.Client(base_url=tenant.api.base_url, headers={"Authorization": f"Bearer {key}"}) as api:
        page = visit(Trial(tenant.stack, api, tenant.tenant)).go("/files")
        look_at(page, members)
        expect(page.get_by_text("An admin can make a profile of it")).to_be_visible()
        expect(page.get_by_role("link", name="Make a profile of it")).to_have_count(0)
