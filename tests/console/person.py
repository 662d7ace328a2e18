from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Error, Page, expect

from wharf.local.trial import Trial

OTHER_NETWORK = "net::ERR_NETWORK_CHANGED"
"""Chromium gives up whatever it loads when the machine gets or loses a network, as tests with containers make them."""


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
        address = f"{self.trial.connection.url}{path}"
        try:
            self.page.goto(address)
        except Error as error:
            if OTHER_NETWORK not in error.message:
                raise
            self.page.goto(address)
        return self.page

    def complain(self, said: str) -> None:
        """Keep what the browser complains of, but for what the machine's networks do to it."""
        if OTHER_NETWORK not in said:
            self.problems.append(said)

    def live(self) -> None:
        """Wait until the page hears what happens."""
        expect(self.page.locator('[data-live-state="on"]')).to_have_count(1)
