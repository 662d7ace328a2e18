"""Every page with axe, at 360 pixels, enlarged, in both themes; with the keyboard alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.person import Person
from wharf.local.trial import Trial

FOLDER = Path(__file__).parent
AXE = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""axe-core 4.14.1, axe.min.js, as its npm package has it."""
ASK = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  const where = ({ nodes }) => nodes.map(({ target }) => target.join(" "));
  return found.violations.map((each) => ({ id: each.id, impact: each.impact, where: where(each) }));
}"""
WIDER = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
WINDOWS: dict[str, dict[str, Any]] = {
    "wide-light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "narrow-dark": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
    # A window of 1280 by 900 at 200 %.
    "enlarged": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
}


@pytest.fixture(scope="module")
def axe() -> str:
    """Pinned by its hash."""
    text = (FOLDER / "axe.min.js").read_bytes()
    assert hashlib.sha256(text).hexdigest() == AXE
    return text.decode()


@pytest.fixture
def at_work(tenant: Trial, write: Callable[..., Path]) -> dict[str, str]:
    """A tenant with jobs that ended well and badly, and one that waits."""
    good = tenant.load(write(50), profile="transactions")["job_id"]
    bad = tenant.load(write(1, "<b>bad<b>.csv", broken=True), profile="transactions")["job_id"]
    tenant.api.post("/api/v1/queues/ingest/pause").raise_for_status()
    waiting = tenant.upload(write(3, "waits.csv"), profile="transactions")["job_id"]
    return {"good": good, "bad": bad, "waiting": waiting}


def pages_of(jobs: dict[str, str]) -> list[str]:
    """The addresses of all pages."""
    lists = [
        "/",
        "/jobs",
        "/jobs?state=failed",
        "/jobs?q=nothing",
        "/queues",
        "/workers",
        "/dead-letters",
        "/schedules",
    ]
    return [*lists, "/schedules/new", *(f"/jobs/{job_id}" for job_id in jobs.values())]


@pytest.mark.parametrize("window", WINDOWS)
def test_axe_finds_nothing_and_nothing_is_cut_off(
    tenant: Trial, at_work: dict[str, str], visit: Callable[..., Person], axe: str, window: str
) -> None:
    """No violation of any weight, no page wider than its window, nothing that the policy had to refuse."""
    person = visit(tenant, **WINDOWS[window])
    for path in pages_of(at_work):
        page = person.go(path)
        if path == "/":
            expect(page.locator("#trend svg")).to_have_count(2)
        page.evaluate(axe)
        assert page.evaluate(ASK) == [], path
        assert not page.evaluate(WIDER), path
    assert person.problems == []


def test_the_login_is_for_everybody_too(wharf: Trial, visit: Callable[..., Person], axe: str) -> None:
    """A wrong key is told where the key is asked for, and to readers of screens."""
    person = visit(wharf)
    page = person.page
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("API key").fill("wk_none")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This is no key")
    page.evaluate(axe)
    assert page.evaluate(ASK) == []


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
    assert page.evaluate("() => document.activeElement.name") == "q"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("?")
    expect(page.locator("#keys-help")).to_be_visible()


def test_a_viewer_is_shown_no_buttons(wharf: Trial, visit: Callable[..., Person], write: Callable[..., Path]) -> None:
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
