"""Every page with axe, at 360 pixels, enlarged, in both themes; with the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.console.looking import Look
from tests.console.person import Person
from wharf.local.trial import Trial

Visit = Callable[..., Person]
Write = Callable[..., Path]
NOBODY = "http://127.0.0.1:1/hook"
"""Where nobody listens."""


@pytest.fixture
def at_work(tenant: Trial, write: Write) -> dict[str, str]:
    """A tenant with jobs that ended well and badly, and one that waits."""
    good = tenant.load(write(50), profile="transactions")["job_id"]
    bad = tenant.load(write(1, "<b>bad<b>.csv", broken=True), profile="transactions")["job_id"]
    tenant.api.post("/api/v1/queues/ingest/pause").raise_for_status()
    waiting = tenant.upload(write(3, "waits.csv"), profile="transactions")["job_id"]
    return {"good": good, "bad": bad, "waiting": waiting}


@pytest.fixture
def a_file(tenant: Trial, write: Write) -> str:
    """The address of one that was looked at."""
    sent = tenant.upload(write(9, "<i>looked<i>.csv"), start="false", profile="transactions")
    tenant.ended(sent["job_id"])
    return f"/files/{sent['upload_id']}"


@pytest.fixture
def a_schedule(tenant: Trial) -> str:
    """The address of one that has fired."""
    order = {"name": "nightly", "cron": "0 2 * * *", "kind": "echo"}
    made = tenant.api.post("/api/v1/schedules", json=order).raise_for_status().json()
    tenant.api.post(f"/api/v1/schedules/{made['id']}/run").raise_for_status()
    return f"/schedules/{made['id']}"


@pytest.fixture
def a_webhook(tenant: Trial) -> str:
    """The address of one that was changed, and did not reach anybody."""
    hook = {"name": "erp", "url": NOBODY, "events": ["job.failed"]}
    made = tenant.api.post("/api/v1/webhooks", json=hook).raise_for_status().json()
    tenant.api.post(f"/api/v1/webhooks/{made['id']}/test").raise_for_status()
    tenant.api.patch(f"/api/v1/webhooks/{made['id']}", json={"name": "crm", "enabled": False}).raise_for_status()
    return f"/webhooks/{made['id']}"


@pytest.fixture
def platform(wharf: Trial) -> Iterator[Trial]:
    """The stack as its operator sees it."""
    headers = {"Authorization": f"Bearer {wharf.connection.platform_key}"}
    with httpx.Client(base_url=wharf.connection.url, headers=headers, timeout=30) as api:
        yield Trial(wharf.stack, api)


def test_axe_finds_nothing_on_any_page_of_a_tenant(
    a_file: str, at_work: dict[str, str], a_schedule: str, a_webhook: str, person: Person
) -> None:
    """No violation of any weight, no page wider than its window, nothing that the policy had to refuse."""
    look = Look(person)
    page = person.go("/")
    expect(page.locator("#trend svg")).to_have_count(2)
    look.at_this("/")
    look.at(["/jobs", "/jobs?state=failed", "/jobs?q=nothing", *(f"/jobs/{job_id}" for job_id in at_work.values())])
    look.at(["/data", "/data/transactions", "/data/transactions/history", "/packages"])
    look.at(["/profiles", "/profiles/transactions", "/profiles/transactions/edit"])
    look.at([f"/profiles/new?upload={a_file.removeprefix('/files/')}"])
    look.at(["/files", a_file, "/queues", "/workers", "/dead-letters"])
    look.at(["/schedules", "/schedules/new", a_schedule, f"{a_schedule}/edit"])
    look.at(["/webhooks", "/webhooks/new", a_webhook, f"{a_webhook}/edit"])
    look.at(["/keys", "/keys/new", "/audit"])
    assert look.found == []
    assert person.problems == []


def test_axe_finds_nothing_on_the_platform_s_pages(platform: Trial, tenant: Trial, visit: Visit, write: Write) -> None:
    """What only the operator sees: all tenants, and everybody's queues, workers, schedules, keys."""
    tenant.load(write(5), profile="transactions")
    look = Look(visit(platform))
    look.at(["/", "/tenants", "/queues", "/workers", "/schedules", "/keys", "/keys/new", "/audit"])
    assert look.found == []
    assert look.person.problems == []


def test_the_login_is_for_everybody_too(wharf: Trial, visit: Visit) -> None:
    """A wrong key is told where the key is asked for, and to readers of screens."""
    person = visit(wharf)
    page = person.page
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("API key").fill("wk_none")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This is no key")
    look = Look(person)
    look.at_this("/login")
    assert look.found == []


def test_the_theme_that_is_chosen_stays(person: Person) -> None:
    """Whatever the system's is; the next page comes in it from the server."""
    page = person.go("/jobs")
    before = background(page)
    page.get_by_role("button", name="Theme").click()
    assert background(page) != before
    person.go("/")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert background(page) != before


def background(page: Page) -> str:
    return str(page.evaluate("() => getComputedStyle(document.body).background"))


def test_a_page_is_reached_with_the_keyboard_alone(person: Person) -> None:
    """The first stop is the way past the navigation; the menu of a narrow window opens by itself."""
    page = person.go("/jobs")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Hand in files"
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.name") == "q"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("?")
    expect(page.locator("#keys-help")).to_be_visible()


def test_a_viewer_is_shown_no_buttons(wharf: Trial, visit: Visit, write: Write) -> None:
    """What is shown is decided by the role; that nothing else is allowed, the gateway's own tests say."""
    with wharf.as_new_tenant() as trial:
        job = trial.load(write(1, "bad.csv", broken=True), profile="transactions")
        made = trial.api.post("/api/v1/keys", json={"name": "v", "role": "viewer"}).raise_for_status().json()
        trial.api.headers["Authorization"] = f"Bearer {made['key']}"
        page = visit(trial).go(f"/jobs/{job['job_id']}")
        expect(page.locator("#error")).to_be_visible()
        expect(page.locator("main button")).to_have_count(0)
        page = visit(trial).go("/jobs?state=failed")
        expect(page.locator("tr[data-job]")).to_have_count(1)
        expect(page.locator("main button")).to_have_count(0)
