"""A browser for the pages: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.console.person import Person
from wharf.local.trial import Trial

PATIENCE_MILLIS = 60_000
"""Ends a hung wait."""
HEADER = "transaction_id,date,quantity,unit_price\n"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One process for all tests, each of which has windows of its own.

    It ends with them: its loop would be in the way of the tests that need one of their own.
    """
    place = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if place is None:
        pytest.skip("needs: chromium")
    expect.set_options(timeout=PATIENCE_MILLIS)
    with sync_playwright() as playwright:
        # Containers have neither the rights that its sandbox wants nor much shared memory.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        running = playwright.chromium.launch(executable_path=place, args=arguments)
        yield running
        running.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Person]]:
    """Let somebody of a tenant log in, in windows of their own."""
    with ExitStack() as stack:

        def come(trial: Trial, **window: Any) -> Person:
            context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **window})
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE_MILLIS)
            page = context.new_page()
            person = Person(trial, context, page, problems=[])
            page.on("console", lambda said: person.complain(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: person.complain(str(error)))
            person.go("/login").get_by_label("API key").fill(trial.api.headers["Authorization"].removeprefix("Bearer "))
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
            return person

        yield come


@pytest.fixture
def person(tenant: Trial, visit: Callable[..., Person]) -> Person:
    """An admin of a tenant that is new."""
    return visit(tenant)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of so many rows; none of its columns are known where it is broken."""

    def file(rows: int, name: str = "sales.csv", *, broken: bool = False) -> Path:
        path = tmp_path / name
        lines = (f"t{nth},2025-01-02,{nth % 9 + 1},3.50\n" for nth in range(rows))
        path.write_text("a;b\n1;2\n" if broken else HEADER + "".join(lines), "utf-8")
        return path

    return file
