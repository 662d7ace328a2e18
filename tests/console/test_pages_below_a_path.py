"""The console as a browser has it where a proxy shows it below a path of its host: nothing is asked for elsewhere."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.console.person import OTHER_NETWORK
from wharf.local.ports import HOST, Ports
from wharf.local.services import answers
from wharf.local.trial import Trial, eventually

BASE = "/tools/wharf"


@pytest.fixture
def below(wharf: Trial, tmp_path: Path) -> Iterator[str]:
    """The address of one more gateway of the stack, which is told of its path."""
    port = Ports(tmp_path / "ports").pick("below")
    inherited = psutil.Process(wharf.connection.processes["gateway"]).environ()
    own = {
        "WHARF_BASE_PATH": BASE,
        "WHARF_PORT": str(port),
        "WHARF_METRICS_PORT": "0",
        "WHARF_METRICS_DIR": str(tmp_path / "metrics"),
        "WHARF_HEARTBEAT_FILE": str(tmp_path / "beat"),
    }
    with (tmp_path / "gateway.log").open("wb") as log:
        command = [sys.executable, "-m", "wharf.gateway"]
        gateway = psutil.Popen(command, env=os.environ | inherited | own, stdout=log, stderr=log)
    try:
        eventually(lambda: answers(f"http://{HOST}:{port}/livez"), "the gateway")
        yield f"http://{HOST}:{port}{BASE}"
    finally:
        gateway.terminate()
        gateway.wait(30)


def is_problem(said: ConsoleMessage) -> bool:
    """An error of the page, not of the machine's networks."""
    return said.type == "error" and OTHER_NETWORK not in said.text


@pytest.fixture
def page(browser: Browser, below: str, tenant: Trial) -> Iterator[Page]:
    """An admin who has logged in there; every address that their browser asks for is below the path."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    asked: list[str] = []
    problems: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.on("console", lambda said: problems.append(said.text) if is_problem(said) else None)
    page.goto(below)
    page.get_by_label("API key").fill(tenant.api.headers["Authorization"].removeprefix("Bearer "))
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    yield page
    context.close()
    assert {path for path in asked if not path.startswith(BASE)} == set()
    assert problems == []


def test_work_is_seen_live_and_found(page: Page, tenant: Trial, write: Callable[..., Path]) -> None:
    """The menu, the stream of events, the filter, a job and what leads back from it."""
    page.get_by_role("link", name="Jobs").click()
    expect(page.locator('[data-live-state="on"]')).to_have_count(1)
    tenant.load(write(5, "below.csv"), profile="transactions", project_id="below")
    expect(page.locator("tbody tr")).to_contain_text("completed")
    page.locator("#states, nav").get_by_role("link", name="Completed").first.click()
    expect(page).to_have_url(re.compile(rf"{BASE}/jobs\?state=completed$"))
    page.get_by_role("link", name="below.csv").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("below.csv")


def test_the_api_is_tried_out_with_the_session(page: Page, tenant: Trial) -> None:
    """`/docs` finds its files, the description and the routes below the path, and calls with the session's proof."""
    page.goto(f"{page.url.removesuffix('/')}/docs")
    route = page.locator(".opblock", has_text="/api/v1/queues/{name}/pause")
    route.locator(".opblock-summary").click()
    route.get_by_role("button", name="Try it out").click()
    route.get_by_placeholder("name").fill("ingest")
    route.get_by_role("button", name="Execute").click()
    expect(route.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    assert tenant.api.get("/api/v1/queues").json()["items"][0]["paused"]
    tenant.api.post("/api/v1/queues/ingest/resume").raise_for_status()


def test_things_are_made_and_removed(page: Page, tenant: Trial) -> None:
    """Forms that call the API, where they lead afterwards, the choice of a theme and the way out."""
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_role("link", name="New webhook").click()
    page.get_by_label("Name").fill("erp")
    page.get_by_label("Address").fill("http://127.0.0.1:1/hook")
    page.get_by_label("job.cancelled").check()
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#told-secret")).to_contain_text("whsec_")
    (made,) = tenant.api.get("/api/v1/webhooks").json()["items"]
    page.goto(f"{page.url.removesuffix('/new')}/{made['id']}")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Webhooks")
    page.get_by_role("button", name="Theme").click()
    (theme,) = [each for each in page.context.cookies() if each["name"] == "wharf_theme"]
    assert theme["path"] == BASE
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    assert urlsplit(page.url).path == f"{BASE}/login"
