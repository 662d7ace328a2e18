"""Columns of values as cells of a sheet: whole columns at once, as the XML that a workbook holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 32_767
"""What a cell holds, in units of UTF-16."""
CUT = "\u2026 [cut: longer than a cell may be]"
NOT_IN_XML = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]"
VISIBLE = "\ufffd"
ESCAPED = r"_(x[0-9A-Fa-f]{4}_)"
"""What a spreadsheet would read as a control character."""
EXCEL_EPOCH, DAY = 25_569, 86_400_000_000
"""1970 in days of a workbook; microseconds of a day."""
FIRST_TIME = -2_203_891_200_000_000
"""1900-03-01: spreadsheets disagree about the days before it, which stay text."""
TEXT = ('" s="{}" t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>")
NUMBER, BOOLEAN = ('" s="{}"><v>', "</v></c>"), ('" s="{}" t="b"><v>', "</v></c>")


def rows_of(batch: pa.RecordBatch, styles: Sequence[str], first_row: int) -> memoryview:
    """The rows of a batch as XML; `first_row` counts from 1. Cells without a value are left out."""
    numbers = pa.array(np.arange(first_row, first_row + batch.num_rows)).cast(pa.string())
    parts: list[Any] = ['<row r="', numbers, '">']
    for index, (values, style) in enumerate(zip(batch.columns, styles, strict=True)):
        parts.extend(_cells(values, style, column_letters(index), numbers))
    joined = pc.binary_join_element_wise(*parts, "</row>", "")
    _, offsets, data = joined.buffers()
    bounds = np.frombuffer(offsets, np.int32)
    return memoryview(data)[bounds[joined.offset] : bounds[joined.offset + len(joined)]]


def column_letters(index: int) -> str:
    """The letters of a column, counted from 0."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _cells(values: pa.Array, style: str, letters: str, numbers: pa.StringArray) -> list[Any]:
    """`<c r="A2" s="3"><v>12</v></c>` of each value; of a null nothing."""
    texts, (head, tail) = _texts(values)
    parts = [f'<c r="{letters}', numbers, head.format(style), texts, tail]
    return [pc.binary_join_element_wise(*parts, "").fill_null("")] if texts.null_count else parts


def _texts(values: pa.Array) -> tuple[pa.StringArray, tuple[str, str]]:
    """The values as a workbook writes them, and what stands before and behind."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        return _times(values.cast(pa.timestamp("us", kind.tz)))
    if pa.types.is_boolean(kind):
        return pc.if_else(values, "1", "0"), BOOLEAN
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return values.cast(pa.string()), NUMBER
    return safe_text(values.cast(pa.string())), TEXT


def _times(values: pa.Array) -> tuple[pa.StringArray, tuple[str, str]]:
    ticks = values.cast(pa.int64())
    first = pc.min(ticks).as_py()
    if first is not None and first < FIRST_TIME:
        return pc.strftime(values.cast(pa.timestamp("s"), safe=False), format="%Y-%m-%d %H:%M:%S"), TEXT
    days = pc.add(pc.divide(ticks.cast(pa.float64()), DAY), EXCEL_EPOCH)
    return days.cast(pa.string()), NUMBER


def safe_text(texts: pa.StringArray) -> pa.StringArray:
    """Text that is well-formed in XML and fits a cell. In a text cell no `=` at the start makes it a formula."""
    if _longest(texts) > LONGEST:
        texts = pa.array([None if text is None else fitting(text) for text in texts.to_pylist()], pa.string())
    for mark, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        if _any(pc.match_substring(texts, mark)):
            texts = pc.replace_substring(texts, mark, written)
    if _any(pc.match_substring(texts, "_x")):
        texts = pc.replace_substring_regex(texts, ESCAPED, r"_x005F_\1")
    if _any(pc.match_substring_regex(texts, NOT_IN_XML)):
        texts = pc.replace_substring_regex(texts, NOT_IN_XML, VISIBLE)
    return texts


def fitting(text: str) -> str:
    """A text that fits a cell; one that was cut says so."""
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if units <= LONGEST:
        return text
    kept = text.encode("utf-16-le")[: 2 * (LONGEST - len(CUT))]
    return kept.decode("utf-16-le", "ignore") + CUT


def _longest(texts: pa.StringArray) -> int:
    """In bytes, which are never fewer than units."""
    return pc.max(pc.binary_length(texts)).as_py() or 0


def _any(mask: pa.BooleanArray) -> bool:
    return bool(pc.any(mask).as_py())
