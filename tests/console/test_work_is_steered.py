"""Queues, dead letters and schedules as people steer them: asked first, told afterwards, errors beside their fields."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.console.person import Person
from wharf.local.trial import eventually


def test_a_queue_is_paused_with_a_reason_and_goes_on(person: Person, write: Callable[..., Path]) -> None:
    """Whoever looks reads why; what is handed in meanwhile is counted by itself, and done after the resume."""
    trial = person.trial
    page = person.go("/queues")
    person.live()
    row = page.locator("#queue-ingest")
    row.get_by_role("button", name="Pause ingest").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Keep it as it is").click()
    expect(row).to_contain_text("open")
    row.get_by_role("button", name="Pause ingest").click()
    dialog.get_by_label("Reason").fill("New disks until noon")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("The queue ingest is paused.")
    expect(row).to_contain_text("New disks until noon")
    job_id = trial.upload(write(20), profile="transactions")["job_id"]
    expect(row.locator('[data-label="Waiting"]')).to_contain_text("1 normal")
    expect(row.locator('[data-label="Drained in"]')).to_have_text("paused")
    row.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("open")
    assert trial.ended(job_id)["status"] == "completed"
    expect(row.locator('[data-label="Waiting"]')).to_have_text("0")
    assert person.problems == []


def test_a_group_of_dead_letters_is_retried_and_discarded(person: Person, write: Callable[..., Path]) -> None:
    """Counted before it is done, and told how many it was; what fails while one looks appears by itself."""
    trial = person.trial
    page = person.go("/dead-letters")
    expect(page.locator("main")).to_contain_text("Every job that failed has been seen to.")
    person.live()
    jobs = [trial.upload(write(1, f"{nth}.csv", broken=True), profile="transactions")["job_id"] for nth in "ab"]
    row = page.locator("tbody tr")
    expect(row.locator('[data-label="Jobs"]')).to_have_text("2")
    expect(row).to_contain_text("Add a header row")
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.locator("#confirm")).to_contain_text("Found: 2.")
    page.get_by_role("button", name="Retry them").click()
    expect(page.locator("#messages")).to_contain_text("2 of 2 are tried again.")
    eventually(lambda: [trial.job(job_id)["attempt"] for job_id in jobs] == [2, 2], "the second attempts")
    expect(row.locator('[data-label="Jobs"]')).to_have_text("2")
    row.get_by_role("button", name="Discard all 2").click()
    page.get_by_role("button", name="Discard them").click()
    expect(page.locator("#messages")).to_contain_text("2 of 2 discarded.")
    expect(page.locator("main")).to_contain_text("Every job that failed has been seen to.")
    assert person.problems == []


def test_a_schedule_is_written_edited_run_and_removed(person: Person) -> None:
    """What the server has against a field stands beside it; a time is told in words while it is written."""
    trial = person.trial
    page = person.go("/schedules")
    page.get_by_role("link", name="New schedule").click()
    page.get_by_label("Name").fill("nightly")
    page.get_by_label("Kind").select_option("echo")
    expect(page.get_by_label("Package type")).to_be_hidden()
    page.get_by_label("Cron").fill("0 99 * * *")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    expect(page.locator("#preview")).to_contain_text("cannot be read")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#field-cron-wrong")).to_contain_text("The hour '99' cannot be read")
    expect(page.get_by_label("Cron")).to_be_focused()
    page.get_by_label("Cron").fill("30 6 * * MON")
    expect(page.locator("#preview")).to_contain_text("Every Monday at 06:30")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("nightly")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Times", exact=True).select_option("interval")
    page.get_by_label("Seconds", exact=True).fill("7200")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("header.head")).to_contain_text("every 2 hours")
    person.live()
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("button", name="Run it now").click()
    expect(page.locator("tbody .badge")).to_have_text("completed")
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("button", name="Disable it").click()
    expect(page.locator("main")).to_contain_text("None while it is off.")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.locator("main")).to_contain_text("Nothing begins by itself yet.")
    assert trial.api.get("/api/v1/schedules").json()["items"] == []
    # The refused one is an answer that the browser notes, too.
    assert [problem for problem in person.problems if "422" not in problem] == []


def test_what_is_done_is_shown_though_its_button_was_replaced(person: Person) -> None:
    """An answer that was on its way comes while one is asked whether one is sure: it is told all the same."""
    trial = person.trial
    schedule = {"name": "hourly", "kind": "echo", "cron": "0 * * * *"}
    created = trial.api.post("/api/v1/schedules", json=schedule).raise_for_status().json()
    page = person.go(f"/schedules/{created['id']}")
    page.get_by_role("button", name="Disable").click()
    page.evaluate("document.querySelector('#schedule').dataset.older = 'true'")
    page.evaluate("document.querySelector('#schedule').dispatchEvent(new CustomEvent('wharf:moved'))")
    expect(page.locator("#schedule")).not_to_have_attribute("data-older", "true")
    page.get_by_role("button", name="Disable it").click()
    expect(page.locator("main")).to_contain_text("None while it is off.")


def test_what_ended_right_before_a_page_was_made_is_shown(person: Person) -> None:
    """A job's end has a time that is a little earlier than the commit by which a page can know of it."""
    trial = person.trial
    schedule = {"name": "quick", "kind": "echo", "cron": "0 * * * *"}
    created = trial.api.post("/api/v1/schedules", json=schedule).raise_for_status().json()
    page = person.go(f"/schedules/{created['id']}")
    person.live()
    page.evaluate("document.querySelector('#schedule').dataset.shownAt = new Date(Date.now() + 1500).toISOString()")
    trial.api.post(f"/api/v1/schedules/{created['id']}/run").raise_for_status()
    expect(page.locator("tbody .badge")).to_have_text("completed")
