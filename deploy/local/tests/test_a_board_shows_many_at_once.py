from __future__ import annotations

import io

import pytest
from rich.console import Console

from wharf.client.screen import Step
from wharf.local.board import LiveBoard, Place, board

NAMES = ("jira-export.csv", "assets.csv", "transactions.csv", "purchase-orders.csv")


def test_a_file_gets_a_line_for_each_stage_with_its_name() -> None:
    """Lines of several things can be told apart, and none repeats itself."""
    said = io.StringIO()
    with board(NAMES, said) as shown:
        for current in (0, 10, 20):
            Place(shown, "assets.csv").show(Step("load", current, 20, "rows"))
        shown.show("transactions.csv", Step("queued"))
        shown.show("assets.csv", Step("completed", 20, 20, "rows"))
    lines = [line.split() for line in said.getvalue().splitlines()]
    assert lines == [
        ["assets.csv", "load", "20", "rows"],
        ["transactions.csv", "queued"],
        ["assets.csv", "completed", "20", "/", "20", "rows"],
    ]


def test_a_terminal_shows_a_bar_for_each_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has not begun has its place too; all bars stand at the end."""
    monkeypatch.setenv("TERM", "xterm")
    said = io.StringIO()
    console = Console(file=said, force_terminal=True, width=100, force_interactive=True, color_system=None)
    with LiveBoard(console, NAMES) as shown:
        shown.show("assets.csv", Step("load", 10_000, 10_000, "rows"))
    last = said.getvalue().splitlines()[len(NAMES) : 2 * len(NAMES)]
    assert [name for line, name in zip(last, NAMES, strict=True) if name not in line] == []
    assert "10,000 / 10,000 rows" in last[1]
