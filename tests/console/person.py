from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Page, expect

from wharf.local.trial import Trial


@dataclass(frozen=True)
class Person:
    """Somebody in front of a page, and their tenant as the API has it."""

    trial: Trial
    context: BrowserContext
    page: Page
    problems: list[str]
    """What the browser complained of: refused by the policy, or an error in a script."""

    def go(self, path: str) -> Page:
        """Open a page."""
        self.page.goto(f"{self.trial.connection.url}{path}")
        return self.page

    def live(self) -> None:
        """Wait until the page hears what happens."""
        expect(self.page.locator('[data-live-state="on"]')).to_have_count(1)
