"""Files polluted one way at a time, from any clean table, with what a reader should find in each.

The families are those of the Pollock benchmark (G. Vitagliano et al., "Pollock: A Data Loading Benchmark",
PVLDB 16(8), 2023), and those of real exports beside them: footers, comments, delimiters of several characters.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tests.pollution.tables import Table, Writing

Rows = Sequence[Sequence[str]]

WEIGHTS = {
    "as it is": 1, "empty": 15, "no last newline": 184, "two last newlines": 5, "no header": 470, "header rows": 47,
    "preamble": 282, "second table": 62, "header only": 3, "one row": 4, "newline": 850, "delimiter": 236, "quote": 11,
    "escape": 4, "missing delimiter": 0.37, "extra delimiter": 0.37, "extra quote": 0.37, "other delimiter": 0.37,
    "footer": 50, "comments": 10,
}  # fmt: skip
"""How often each is met, about: the counts of Pollock's survey of 3,712 public files, ours for the last two."""


@dataclass(frozen=True)
class Polluted:
    """A file, its family, and the table that was written into it (no header: None)."""

    family: str
    name: str
    data: bytes
    header: tuple[str, ...] | None
    rows: Rows

    @property
    def weight(self) -> float:
        """How often such a file is met."""
        return WEIGHTS[self.family]


def pollute(table: Table, seed: int, samples: int) -> Iterator[Polluted]:
    """One file of each kind of whole-file pollution, `samples` of each kind that spoils one row."""
    yield from _as_a_whole(table)
    yield from _structure(table)
    yield from _marks(table)
    rng = random.Random(seed)
    for spoil in (_missing_delimiter, _extra_delimiter, _extra_quote, _other_delimiter):
        for _ in range(samples):
            yield spoil(table, rng.randrange(len(table.rows) + 1), rng.randrange(len(table.header)))


def _as_a_whole(table: Table) -> Iterator[Polluted]:
    plain = Writing()
    whole = plain.text([table.header, *table.rows])
    yield _file("as it is", "plain", whole, table)
    yield Polluted("empty", "empty", b"", (), ())
    yield _file("no last newline", "none", whole.removesuffix("\r\n"), table)
    yield _file("two last newlines", "two", whole + "\r\n", table)
    yield replace(_file("no header", "none", plain.text(table.rows), table), header=None)
    yield replace(_file("header only", "one line", plain.text([table.header]), table), rows=())
    yield replace(_file("one row", "one", plain.text([table.header, table.rows[0]]), table), rows=table.rows[:1])


def _structure(table: Table) -> Iterator[Polluted]:
    plain = Writing()
    whole = plain.text([table.header, *table.rows])
    width = len(table.header)
    for times in (2, 3):
        names = tuple(" ".join([name] * times) for name in table.header)
        text = plain.text([*[table.header] * times, *table.rows])
        yield replace(_file("header rows", str(times), text, table), header=names)
    filled = plain.row(["PREAMBLE", *[""] * (width - 1)]) + "\r\n" + plain.row([""] * width) + "\r\n"
    yield _file("preamble", "cells", filled + whole, table)
    yield _file("preamble", "text", "Report of the harbour\r\nMade in May\r\n\r\n" + whole, table)
    yield _file("footer", "text", whole + "\r\nSource: the harbour's own books\r\n", table)
    yield _file(
        "footer",
        "cells",
        whole + plain.row([""] * width) + "\r\n" + plain.row(["FOOTNOTE", *[""] * (width - 1)]),
        table,
    )
    yield _file("comments", "above", "# made by a machine\r\n# on a Monday\r\n" + whole, table)
    for label, columns in (("fewer", width - 2), ("same", width), ("more", width + 3)):
        yield _file("second table", label, whole + "\r\n" + plain.text(_other_table(columns)), table)


def _other_table(columns: int) -> list[list[str]]:
    header = [f"Field{chr(65 + n)}" for n in range(columns)]
    return [header, *([f"{100 * r + n}" for n in range(columns)] for r in range(8))]


def _marks(table: Table) -> Iterator[Polluted]:
    rows = [table.header, *table.rows]
    for newline in ("\n", "\r"):
        yield _file("newline", repr(newline), Writing(newline=newline).text(rows), table)
    mixed = Writing(newline="\n").text(rows[: len(rows) // 2]) + Writing().text(rows[len(rows) // 2 :])
    yield _file("newline", "mixed", mixed, table)
    for delimiter in (";", "\t", "|", ", ", "||", "::", "\t\t", "~|~"):
        yield _file("delimiter", repr(delimiter), Writing(delimiter=delimiter).text(rows), table)
    yield _file("quote", "apostrophe", Writing(quote="'").text(rows), table)
    yield _file("quote", "every cell", Writing(always=True).text(rows), table)
    yield _file("escape", "backslash", Writing(escape="\\").text(rows), table)


def _missing_delimiter(table: Table, row: int, column: int) -> Polluted:
    """Two cells run into each other; which they were, nobody can tell for certain."""
    column = max(column, 1)
    lines = _lines(table)
    cells = [Writing().cell(cell) for cell in _row(table, row)]
    lines[row] = ",".join([*cells[: column - 1], cells[column - 1] + cells[column], *cells[column + 1 :]])
    return _file("missing delimiter", f"{row},{column}", "\r\n".join(lines) + "\r\n", table)


def _extra_delimiter(table: Table, row: int, column: int) -> Polluted:
    lines = _lines(table)
    cells = [Writing().cell(cell) for cell in _row(table, row)]
    lines[row] = ",".join([*cells[:column], "", *cells[column:]])
    return _file("extra delimiter", f"{row},{column}", "\r\n".join(lines) + "\r\n", table)


def _extra_quote(table: Table, row: int, column: int) -> Polluted:
    """An unescaped quote before a cell: it is a part of the cell."""
    lines = _lines(table)
    cells = [Writing().cell(cell) for cell in _row(table, row)]
    cells[column] = '"' + cells[column]
    lines[row] = ",".join(cells)
    return _with_cell(_file("extra quote", f"{row},{column}", "\r\n".join(lines) + "\r\n", table), row, column)


def _with_cell(file: Polluted, row: int, column: int) -> Polluted:
    every = [list(file.header or ()), *map(list, file.rows)]
    every[row][column] = '"' + every[row][column]
    return replace(file, header=tuple(every[0]), rows=tuple(map(tuple, every[1:])))


def _other_delimiter(table: Table, row: int, column: int) -> Polluted:
    """One row is written with spaces."""
    del column
    lines = _lines(table)
    lines[row] = Writing(delimiter=" ").row(_row(table, row))
    return _file("other delimiter", str(row), "\r\n".join(lines) + "\r\n", table)


def _lines(table: Table) -> list[str]:
    return [Writing().row(row) for row in (table.header, *table.rows)]


def _row(table: Table, row: int) -> Sequence[str]:
    return (table.header, *table.rows)[row]


def _file(family: str, name: str, text: str, table: Table) -> Polluted:
    return Polluted(family, f"{table.name}: {family}: {name}", text.encode(), table.header, table.rows)
