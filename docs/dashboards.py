"""`make dashboard-pictures`: each dashboard as an SVG in docs/images, where no Grafana can be installed.

A stack of its own lives through docs/load.py; a real Prometheus (Debian's) scrapes it, with our rules, and answers each
panel's own query. Only the drawing is ours (docs/panels.py).
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.observability.source.boards import BOARDS
from deploy.observability.source.figures import Figure, Query
from docs.load import SECONDS, Load, receiver
from docs.panels import Answers, Line, drawn
from tests.observability.watching import Prometheus, watching
from wharf.local.ports import HOST
from wharf.local.stack import LocalStack

IMAGES = Path(__file__).parent / "images"
LARGEST = 150_000
STEP = 5
VARIABLES = {"$__rate_interval": "30s", "$__range": f"{SECONDS}s"} | dict.fromkeys(
    ("$queue", "$profile", "$package_type"), ".*"
)


def main() -> None:
    """Load, look, draw."""
    program = shutil.which("prometheus")
    if program is None:
        sys.exit("There is no prometheus here. On Debian or Ubuntu: apt-get install prometheus")
    os.environ["WHARF_WEBHOOK_ALLOWED_NETWORKS"] = f"{HOST}/32"
    with tempfile.TemporaryDirectory() as name, LocalStack(Path(name, "stack"), port=0, discard=True) as stack:
        folder = Path(name)
        with watching(program, folder, stack.connection.metrics) as prometheus, receiver() as url:
            begun = time.time()
            Load(stack, folder, url).run()
            for board in BOARDS:
                figures = [figure for row in board.rows for figure in row.figures]
                answers = {figure: list(answered(prometheus, figure, begun)) for figure in figures}
                keep(board.name, drawn(board, answers, SECONDS), answers)


def answered(prometheus: Prometheus, figure: Figure, begun: float) -> Iterator[Line]:
    """What a panel shows."""
    for query in figure.queries:
        yield from asked(prometheus, query, begun)


def asked(prometheus: Prometheus, query: Query, begun: float) -> Iterator[Line]:
    """The series of one query, over the whole time."""
    said: dict[str, str | float] = {"query": filled(query.expr), "start": begun, "end": begun + SECONDS, "step": STEP}
    answer = prometheus.api.get("/api/v1/query_range", params=said, timeout=60).raise_for_status().json()
    for one in answer["data"]["result"]:
        there = {round((at - begun) / STEP): float(value) for at, value in one["values"]}
        points = tuple((nth * STEP, there.get(nth, math.nan)) for nth in range(SECONDS // STEP + 1))
        yield Line(called(query, one["metric"]), points)


def filled(expr: str) -> str:
    """An expression with values for Grafana's variables."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def called(query: Query, labels: dict[str, str]) -> str:
    """A series' name: the legend with the labels' values."""
    name = query.legend
    for label, value in labels.items():
        name = name.replace("{{" + label + "}}", value)
    return name


def keep(name: str, picture: str, answers: Answers) -> None:
    """Write it, and say which panels are empty."""
    target = IMAGES / f"dashboard-{name}.svg"
    size = len(picture.encode())
    if size > LARGEST:
        sys.exit(f"{target.name} has {size:,} bytes: more than {LARGEST:,}.")
    target.write_text(picture, "utf-8")
    empty = ", ".join(figure.title for figure, lines in answers.items() if not lines)
    print(f"{target.relative_to(IMAGES.parent)}: {size:,} bytes; without data: {empty or 'none'}")


if __name__ == "__main__":
    main()
