"""Looking at a page as everybody may: wide, narrow, enlarged, in both themes, and with axe."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from playwright.sync_api import ViewportSize

from tests.console.person import Person

FILE = Path(__file__).parent / "axe.min.js"
AXE = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""axe-core 4.14.1, axe.min.js, as its npm package has it."""
ASK = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  const where = ({ nodes }) => nodes.map(({ target }) => target.join(" "));
  return found.violations.map((each) => ({ id: each.id, impact: each.impact, where: where(each) }));
}"""
STATUS = "() => performance.getEntriesByType('navigation')[0].responseStatus"
WIDER = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
# The last one is a window of 1280 by 900 at 200 %.
WINDOWS: tuple[tuple[ViewportSize, Literal["light", "dark"]], ...] = (
    ({"width": 1280, "height": 900}, "light"),
    ({"width": 360, "height": 740}, "dark"),
    ({"width": 640, "height": 450}, "light"),
)


@cache
def script() -> str:
    """Axe's own; pinned by its hash."""
    text = FILE.read_bytes()
    assert hashlib.sha256(text).hexdigest() == AXE
    return text.decode()


@dataclass
class Look:
    """All that somebody looked at."""

    person: Person
    found: list[object] = field(default_factory=list)

    def at(self, paths: Iterable[str]) -> None:
        """Open these pages, and let axe see each in every window."""
        for path in paths:
            status = self.person.go(path).evaluate(STATUS)
            assert status == HTTPStatus.OK, (path, status)
            self.at_this(path)

    def at_this(self, name: str) -> None:
        """The page that is open, in every window."""
        page = self.person.page
        page.evaluate(script())
        for size, theme in WINDOWS:
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=theme)
            place = (name, size["width"])
            self.found += [(place, violation) for violation in page.evaluate(ASK)]
            self.found += [(place, "wider than its window")] if page.evaluate(WIDER) else []
