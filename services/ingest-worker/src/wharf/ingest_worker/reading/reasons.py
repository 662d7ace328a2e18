"""Why a row is rejected: one table of codes and sentences."""

from __future__ import annotations

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "required": "This column must have a value; the cell is empty.",
    "not_a_number": "This is not a number. Write it like 1234.56 or 1.234,56.",
    "not_an_integer": "This is not a whole number. Write it without decimals.",
    "out_of_range": "This value is too large for its column.",
    "ambiguous_number": "This can be read as a decimal or with thousands marks, and the file has both. "
    "Say options.decimal.",
    "not_a_date": "This is not a date in the order that the file uses. Write it like 2025-11-30 15:04:05, "
    "a zone like +01:00, or say options.date_order.",
    "ambiguous_date": "This can be read day first or month first, and the file has both. Say options.date_order.",
    "not_a_boolean": "This is neither yes nor no. Write true or false.",
    "nul_byte": "The cell holds a NUL byte, which text cannot hold. Remove it.",
    "invalid_encoding": "These bytes are no text in the file's encoding. Save the file as UTF-8, "
    "or say options.encoding.",
    "too_many_cells": "The row has more cells than the header. Quote cells that hold the delimiter.",
    "too_few_cells": "The row has fewer cells than the header. Add the missing cells, if only empty ones.",
    "record_too_long": "The record is longer than may be; most often a quote is opened and never closed. "
    "Only its first line is set aside.",
    "unclosed_quote": "A quote is opened and not closed before the end of the file; the file may be cut off there. "
    "Set aside is what is shown here, and nothing else.",
}
Reason = tuple[str, str]
"""A code and the sentence that goes with it."""
REASONS: Final[tuple[Reason, ...]] = (("", ""), *MESSAGES.items())
"""A cell's fault is a small number: its place here; 0 is none."""
CODES: Final = tuple(code for code, _ in REASONS)
NUMBER: Final = {code: number for number, code in enumerate(CODES)}
