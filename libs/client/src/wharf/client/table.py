"""Lists on standard output: aligned columns for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any


def print_json(value: object) -> None:
    """One JSON value, indented."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Columns as wide as their cells (nothing is cut: a pipe wants it whole), or the sentence `empty`."""
    lines = [[_cell(value) for value in row] for row in rows]
    if not lines:
        print(empty)
        return
    lines.insert(0, list(headers))
    widths = [max(len(line[at]) for line in lines) for at in range(len(headers))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return " ".join(text.split())
