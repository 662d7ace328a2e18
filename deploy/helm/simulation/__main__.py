"""`make simulate-scaling`: simulate, and write the figures and drawings of docs/scaling.md."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.helm.simulation.drawing import drawn
from deploy.helm.simulation.load import CLASSES, DAYS
from deploy.helm.simulation.results import everything, table

DOCS = Path(__file__).parents[3] / "docs"
PAGE, PICTURES = DOCS / "scaling.md", DOCS / "images"
BEGIN, END = "<!-- simulated -->\n", "<!-- /simulated -->\n"
TITLES = {
    "office": "Office hours",
    "month end": "The end of a month: three times as much",
    "flood": "Office hours, and at eleven one tenant's flood",
    "stuck": "Office hours, and at half past nine six jobs that hang",
}


def picture(name: str) -> Path:
    """Where a day is drawn."""
    return PICTURES / f"scaling-{name.replace(' ', '-')}.svg"


def main() -> None:
    """About a minute."""
    results, seen = everything()
    for name in DAYS:
        days = {queue: seen[queue, name] for queue in CLASSES}
        picture(name).write_text(drawn(TITLES[name], days), "utf-8")
    text = PAGE.read_text("utf-8")
    if BEGIN not in text or END not in text:
        sys.exit(f"{PAGE} has no place for the figures: {BEGIN.strip()} … {END.strip()}")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    PAGE.write_text(before + BEGIN + table(results) + END + after, "utf-8")


if __name__ == "__main__":
    main()
