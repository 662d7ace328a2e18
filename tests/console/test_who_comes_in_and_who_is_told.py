"""Keys, webhooks and the audit as people use them: what is shown once, what is sent, what was done."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from tests.console.person import Person
from wharf.local.trial import Trial, eventually

NOBODY = "http://127.0.0.1:1/hook"
"""Where nobody listens."""


def lets_in(trial: Trial, key: str) -> bool:
    return httpx.get(f"{trial.connection.url}/api/v1/jobs", headers={"X-API-Key": key}).status_code == 200


def test_a_key_is_shown_once_copied_and_revoked(person: Person) -> None:
    """Who leaves the page, or comes back to it, does not see it again; revoking asks first."""
    person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = person.go("/keys/new")
    page.get_by_label("Name").fill("reports")
    page.get_by_label("Until").fill("2999-01-01T10:00")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#told-key")).to_contain_text("wk_")
    key = page.locator("#told-key").inner_text()
    expect(page.get_by_role("button", name="Create")).to_be_hidden()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#messages")).to_contain_text("Copied.")
    assert page.evaluate("() => navigator.clipboard.readText()") == key
    assert lets_in(person.trial, key)
    page.get_by_role("link", name="To the keys").click()
    row = page.locator("tr", has_text="reports")
    expect(row).to_contain_text("in use")
    assert key not in page.content()
    page.go_back()
    expect(page.get_by_role("button", name="Create")).to_be_visible()
    assert key not in page.content()
    person.go("/keys")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(row.locator(".badge")).to_have_text("revoked")
    eventually(lambda: not lets_in(person.trial, key), "the key's end")
    assert person.problems == []


def test_a_webhook_is_written_tried_out_and_removed(person: Person) -> None:
    """What is wrong stands beside its field; what came of the test appears by itself; the audit tells of all."""
    page = person.go("/webhooks/new")
    page.get_by_label("Name").fill("erp")
    page.get_by_label("Address").fill("http://10.0.0.1/hook")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#field-url-wrong")).to_contain_text("Webhooks lead to public addresses")
    page.get_by_label("Address").fill(NOBODY)
    page.get_by_label("job.cancelled").check()
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#told-secret")).to_contain_text("whsec_")
    (made,) = person.trial.api.get("/api/v1/webhooks").json()["items"]
    assert (made["events"], made["kinds"]) == (["job.completed", "job.failed", "job.cancelled"], None)
    page.get_by_role("link", name="To the webhooks").click()
    page.get_by_role("link", name="erp").click()
    page.get_by_role("button", name="Test").click()
    expect(page.locator("tr[id^=delivery]")).to_contain_text("not connected")
    page.get_by_role("button", name="Rotate secret").click()
    page.get_by_role("button", name="Make a new secret").click()
    expect(page.locator("#told-secret")).to_contain_text("whsec_")
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("button", name="Disable it").click()
    expect(page.locator("header .badge")).to_have_text("off")
    expect(page.locator("tr[id^=delivery] .badge")).to_have_text("failed")
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.locator(".empty")).to_contain_text("Nobody is told of anything yet.")
    person.go("/audit?what=webhook")
    expect(page.locator("tbody tr")).to_have_count(4)
    page.get_by_role("link", name="webhook.change").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator(".sides")).to_contain_text("enabled")
    page.locator("select[name=what]").select_option("webhook")
    expect(page.locator("tbody tr")).to_have_count(4)
    assert "what=webhook" in page.url
