"""Rejected rows on their way to a person and back: the columns that we add, and the guard against formulas.

Spreadsheets run what looks like a formula, whoever wrote it. A cell that begins like one is given an apostrophe in
`rejects.csv`, and loses it again when that file is uploaded.
Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import re
from typing import Final

OURS: Final = "_wharf_"
"""How the names of the columns begin that we add: they are no data."""
LINE: Final = "_wharf_line"
ERRORS: Final = "_wharf_errors"
IMPORT: Final = "_wharf_import"
GUARD: Final = "'"
BEGINS: Final = "'*[=+\\-@\\t\\r\uff1d\uff0b\uff0d\uff20]"
"""What a formula begins with, in the wide letters of East Asia too. Our own mark before it counts, or a cell that had
one already would lose it on the way back."""
FORMULA: Final = re.compile(BEGINS)
NUMBER: Final = re.compile(r"[+\-]?[\d.,' ]*\d[\d.,' ]*%?")
GUARDED: Final = f"^'({BEGINS})"
"""For an engine that undoes it; its group is what the cell began with."""
NEWLINE_MARK: Final = "\x1e"
"""Stands for a line end inside a cell, in rows of workbooks and JSON lines: there a line is a row."""


def guarded(cell: str) -> str:
    """A cell as a spreadsheet may see it: a number stays one, what begins like a formula becomes text."""
    return GUARD + cell if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell


def unguarded(cell: str) -> str:
    """The cell that `guarded` was given."""
    return re.sub(GUARDED, r"\1", cell)


def is_ours(header: str) -> bool:
    """Whether a column is one of those that we added."""
    return header.startswith(OURS)
