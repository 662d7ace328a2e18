"""The console as people use it, against the real stack: bars that move, jobs that are cancelled and tried again."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
from playwright.sync_api import Locator, Page, Route, expect

from tests.console.person import Person
from wharf.local.trial import Trial, eventually

WATCH = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const bar = document.querySelector('[data-field="bar"]');
    if (bar && window.seen.at(-1) !== bar.value) window.seen.push(bar.value);
  }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
}"""
"""Notes each value that the first bar of the page has."""
STATES = """() => {
  const shown = document.querySelector("[data-live-state]");
  window.states = [];
  new MutationObserver(() => window.states.push(shown.dataset.liveState)).observe(shown, { attributes: true });
}"""
"""Notes each state of the page's stream."""
HELD_SECONDS = 3.0
"""Longer than the page waits between two questions: all that it asks of the old list is then asked, and lost."""


def upload(person: Person, path: Path, **fields: str) -> str:
    return str(person.trial.upload(path, profile="transactions", **fields)["job_id"])


def row(page: Page, job_id: str) -> Locator:
    return page.locator(f'tr[data-job="{job_id}"]')


def waiting(person: Person, path: Path) -> Page:
    """The page of an import that waits for its queue to go on, live."""
    person.trial.api.post("/api/v1/queues/ingest/pause").raise_for_status()
    job_id = upload(person, path)
    page = person.go(f"/jobs/{job_id}")
    person.live()
    return page


def go_on(person: Person) -> None:
    """What waits begins."""
    person.trial.api.post("/api/v1/queues/ingest/resume").raise_for_status()


def test_an_import_is_watched_from_its_upload_to_its_end(person: Person, write: Callable[..., Path]) -> None:
    """The row appears by itself, its bar moves without a reload; who leaves and comes back sees where it is by then."""
    page = person.go("/jobs")
    person.live()
    page.evaluate(WATCH)
    job_id = upload(person, write(300_000))
    expect(row(page, job_id)).to_contain_text("sales.csv")
    eventually(
        lambda: len([value for value in page.evaluate("window.seen") if 0 < value < 100]) > 1, "a bar that moves"
    )
    seen = page.evaluate("window.seen")
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.go_back()
    expect(row(page, job_id)).to_be_visible()
    expect(row(page, job_id).locator(".badge")).to_have_text("completed")
    expect(row(page, job_id)).to_contain_text("300,000 rows read")
    assert seen == sorted(seen)
    assert person.problems == []


def test_a_running_import_is_cancelled(person: Person, write: Callable[..., Path]) -> None:
    """It is asked first, told afterwards, and the page shows the end by itself."""
    job_id = upload(person, write(400_000))
    page = person.go(f"/jobs/{job_id}")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Keep it as it is").click()
    assert person.trial.job(job_id)["cancel_requested_at"] is None
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#messages")).to_contain_text("Asked for its end.")
    expect(page.locator("header .badge")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def test_a_failure_says_what_to_do_and_is_tried_again(person: Person, write: Callable[..., Path]) -> None:
    """With the others that have the same error, all of which can be retried from there."""
    trial = person.trial
    first, second = (upload(person, write(1, f"{nth}.csv", broken=True)) for nth in "ab")
    for job_id in (first, second):
        assert trial.ended(job_id)["status"] == "failed"
    page = person.go(f"/jobs/{first}")
    expect(page.locator("#error")).to_contain_text("Add a header row")
    expect(page.locator("#error")).to_contain_text("1 other failed job has this error.")
    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.locator(".timeline")).to_contain_text("Attempt 2 began")
    trial.until(first, "its second failure", lambda job: job["attempt"] == 2 and job["status"] == "failed")
    page.get_by_role("link", name="Show them").click()
    expect(page.locator("tr[data-job]")).to_have_count(2)
    person.go(f"/jobs/{first}")
    page.get_by_role("button", name="Retry all of them").click()
    expect(page.locator("#confirm")).to_contain_text("2 failed jobs")
    page.get_by_role("button", name="Retry them").click()
    expect(page.locator("#messages")).to_contain_text("2 of 2 are tried again.")
    eventually(lambda: trial.job(second)["attempt"] == 2, "the other's second attempt")


def test_lines_of_a_log_follow(person: Person, write: Callable[..., Path]) -> None:
    """Those of a job that runs appear while one looks; its stages move on."""
    page = waiting(person, write(1_000_000))
    expect(page.locator("[data-log]")).not_to_contain_text("import.profile")
    go_on(person)
    expect(page.locator(".stages .now")).to_have_count(1)
    expect(page.locator("[data-log]")).to_contain_text("import.profile")
    expect(page.locator("[data-log]")).to_contain_text("import.done")
    expect(page.locator("header .badge")).to_have_text("completed")
    expect(page.locator(".stages .done")).to_have_count(3)


def test_a_stream_that_has_ended_is_not_called_lost(person: Person, write: Callable[..., Path]) -> None:
    """The server ends it with the job: nobody is to wait for a connection that is not needed any more."""
    page = waiting(person, write(5))
    page.evaluate(STATES)
    go_on(person)
    expect(page.locator("header .badge")).to_have_text("completed")
    expect(page.locator('[data-live-state="ended"]')).to_have_count(1)
    assert "lost" not in page.evaluate("window.states")


def test_many_are_steered_with_the_keyboard_alone(person: Person, write: Callable[..., Path]) -> None:
    """Rows are reached and chosen by keys, counted, confirmed; what was chosen stays so while the list is made anew."""
    trial = person.trial
    jobs = [upload(person, write(1, f"{nth}.csv", broken=True)) for nth in "abc"]
    for job_id in jobs:
        trial.ended(job_id)
    page = person.go("/jobs?state=failed")
    person.live()
    expect(page.locator("tr[data-job]")).to_have_count(3)
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    upload(person, write(1, "d.csv", broken=True))
    expect(page.locator("tr[data-job]")).to_have_count(4)
    expect(page.locator("[data-chosen-count]")).to_have_text("2 chosen")
    expect(page.locator(".pick input:checked")).to_have_count(2)
    for _ in range(2):
        page.keyboard.press("r")
    expect(page.locator("#confirm")).to_contain_text("Found: 2.")
    page.get_by_role("button", name="Retry them").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("2 of 2 are tried again.")
    expect(page.locator("#messages .failed")).to_have_count(0)
    eventually(lambda: sorted(trial.job(job_id)["attempt"] for job_id in jobs) == [1, 2, 2], "the second attempts")
    page.keyboard.press("/")
    page.keyboard.type("a.csv")
    expect(page.locator("tr[data-job]")).to_have_count(1)
    assert "q=a.csv" in page.url
    page.keyboard.press("Escape")
    expect(page.locator("[data-search]")).to_have_value("a.csv")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("a.csv")


def test_a_key_does_nothing_to_another_row(person: Person, write: Callable[..., Path]) -> None:
    """The row that has the focus cannot be retried, so nothing is: not the one other row that could be."""
    for broken in (True, False):
        person.trial.load(write(1, broken=broken), profile="transactions")
    page = person.go("/jobs")
    page.evaluate("() => { window.clicks = 0; addEventListener('click', () => { window.clicks += 1; }, true); }")
    page.keyboard.press("r")
    page.keyboard.press("j")
    page.keyboard.press("r")
    assert page.evaluate("window.clicks") == 0
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.locator("#messages")).to_contain_text("It is tried again.")


def test_an_import_is_undone_and_its_files_are_taken(person: Person, write: Callable[..., Path]) -> None:
    """The undo is related to it; a package's files can be downloaded from its page."""
    trial = person.trial
    job_id = upload(person, write(30))
    trial.ended(job_id)
    package = trial.api.post("/api/v1/packages", json={"package_type": "transactions_report"}).raise_for_status().json()
    page = person.go(f"/jobs/{job_id}")
    trial.ended(package["job_id"])
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo the import").click()
    expect(page.locator("#related-title")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    person.go(f"/jobs/{package['job_id']}")
    with page.expect_download() as download:
        page.get_by_role("link", name="XLSX").click()
    assert download.value.suggested_filename.endswith(".xlsx")


def test_two_tenants_side_by_side(
    person: Person, wharf: Trial, visit: Callable[..., Person], write: Callable[..., Path]
) -> None:
    """What happens to one never shows at the other, live or not."""
    with wharf.as_new_tenant() as other_tenant:
        other = visit(other_tenant)
        for each in (person, other):
            each.go("/jobs")
            each.live()
        job_id = upload(person, write(5, "mine.csv"))
        theirs = upload(other, write(5, "theirs.csv"))
        expect(row(person.page, job_id).locator(".badge")).to_have_text("completed")
        expect(row(other.page, theirs).locator(".badge")).to_have_text("completed")
        assert "theirs.csv" not in person.page.content()
        assert "mine.csv" not in other.page.content()
        answer = other.page.goto(f"{other_tenant.connection.url}/jobs/{job_id}")
        assert answer is not None
        assert answer.status == 404


def test_a_lost_connection_is_found_again(person: Person, write: Callable[..., Path]) -> None:
    """The page says so, and afterwards shows what it missed."""
    trial = person.trial
    page = person.go("/jobs")
    person.live()
    os.kill(trial.connection.processes["gateway"], signal.SIGKILL)
    expect(page.locator('[data-live-state="lost"]')).to_have_count(1)
    eventually(lambda: answers(trial), "the next gateway")
    job_id = upload(person, write(5))
    trial.ended(job_id)
    person.live()
    expect(row(page, job_id).locator(".badge")).to_have_text("completed")


def test_what_cannot_be_loaded_is_said(person: Person) -> None:
    """In the answer's own words, or that there is none; the page stays as it was."""
    page = person.go("/jobs")
    sentence = "The ledger does not answer right now."
    body = f'<section class="error"><h1>Service Unavailable</h1><p>{sentence}</p></section>'
    page.route(re.compile("[?&]q=told"), lambda route: route.fulfill(status=503, content_type="text/html", body=body))
    page.route(re.compile("[?&]q=lost"), lambda route: route.abort())
    page.get_by_role("searchbox").fill("told")
    expect(page.locator("#messages")).to_contain_text(sentence)
    page.get_by_role("searchbox").fill("lost")
    expect(page.locator("#messages")).to_contain_text("the server does not answer")
    expect(page.locator("#jobs")).to_have_count(1)


def answers(trial: Trial) -> bool:
    with suppress(httpx.TransportError):
        return trial.api.get("/livez").is_success
    return False


def test_an_answer_that_was_overtaken_is_not_the_last_word(person: Person, write: Callable[..., Path]) -> None:
    """The job ends while the list is on its way: what was asked of the part that it replaces would be lost with it."""
    trial = person.trial
    trial.api.post("/api/v1/queues/ingest/pause").raise_for_status()
    page = person.go("/jobs")
    person.live()

    def late(route: Route) -> None:
        older = route.fetch()
        trial.api.post("/api/v1/queues/ingest/resume").raise_for_status()
        trial.ended(trial.api.get("/api/v1/jobs").json()["items"][0]["job_id"])
        time.sleep(HELD_SECONDS)
        route.fulfill(response=older)

    page.route(re.compile("/jobs$"), late, times=1)
    trial.upload(write(2, "late.csv"), profile="transactions")
    expect(page.locator("tbody .badge")).to_have_text("completed")
