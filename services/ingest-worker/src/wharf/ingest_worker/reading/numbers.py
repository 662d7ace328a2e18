r"""Numbers as people write them, to what PostgreSQL reads: integers, and decimals as text like -1234.56.

Both marks are read: `1.234,56`, `1,234.56`, `1 234,56`, `1'234.56`; currency symbols, a minus behind,
parentheses for a minus. A value that can be read one way only is read that way, whatever its column does
elsewhere. `1,234` and `1.234` (one mark, three digits behind it, no leading zero) can be read two ways:
the column's mark decides.

A column goes three ways, the fastest first: plain numbers as they are; one regular expression for the usual
form with the column's marks; all else by its distinct values.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wharf.ingest_worker.reading.cells import (
    Converted,
    as_mask,
    by_distinct,
    by_parts,
    byte_table,
    data_of,
    edges,
    longest,
    matching,
    trimmed,
)
from wharf.ingest_worker.reading.reasons import NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from wharf.ingest_worker.reading.cells import Mask


class Mark(StrEnum):
    """What a column's numbers use before their decimals. `BOTH`: the sample shows the two, so neither decides."""

    POINT = "."
    COMMA = ","
    BOTH = "both"


MAX_DIGITS: Final = 38
SAFE_INTEGER_DIGITS: Final = 18
BIGINT: Final = range(-(2**63), 2**63)
PLAIN_INTEGER: Final = byte_table(b"0123456789-")
PLAIN_DECIMAL: Final = byte_table(b"0123456789-.")
DOT: Final = ord(".")
MINUS: Final = ord("-")

SPACE: Final = r"[ \x{00A0}\x{2007}\x{2009}\x{202F}]"
APART: Final = r"[ \x{00A0}\x{2007}\x{2009}\x{202F}'\x{2019}]"
SIGN: Final = r"[-+\x{2212}]"
CURRENCY: Final = rf"(?:\p{{Sc}}{SPACE}?)?"
BODY: Final = rf"(?:[0-9](?:[0-9.,]|{APART})*[.,]?|[.,][0-9]+)"
FORM: Final = (
    rf"^(?:\({CURRENCY}{BODY}{SPACE}?{CURRENCY}\)"
    rf"|{SIGN}?{SPACE}?{CURRENCY}{SIGN}?{SPACE}?{BODY}{SPACE}?{CURRENCY}[-\x{{2212}}]?)$"
)
GROUPS_APART: Final = rf"[0-9]{{1,3}}(?:{APART}[0-9]{{3}})+"
WITH_POINT: Final = (
    rf"^(?:(?:[0-9]+|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}|{GROUPS_APART})"
    r"(?:\.[0-9]*)?|\.[0-9]+)$"
)
WITH_COMMA: Final = rf"^(?:(?:[0-9]+|[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}})+|{GROUPS_APART})(?:,[0-9]*)?|,[0-9]+)$"
SCIENTIFIC: Final = r"^[-+]?[0-9]+(?:[.,][0-9]+)?[eE][-+]?[0-9]{1,2}$"
USUAL: Final = {
    Mark.POINT: r"^-?(?:[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.[0-9]+)?$",
    Mark.COMMA: r"^-?(?:[0-9]+|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,[0-9]+)?$",
    Mark.BOTH: r"^-?(?:[0-9]+|0\.[0-9]+|[0-9]+\.[0-9]{1,2}|[0-9]{4,}\.[0-9]+)$",
}
"""The forms whose meaning the column's mark settles without a look at anything else."""


@dataclass(frozen=True, slots=True)
class _Readings:
    """Which numbers can be read with a decimal point and with a decimal comma, and as what."""

    point: Mask
    comma: Mask
    open: Mask
    """Either way, and the two differ."""
    point_text: pa.Array
    comma_text: pa.Array

    @classmethod
    def of(cls, body: pa.Array) -> _Readings:
        """The readings of numbers without their signs."""
        point_text = pc.replace_substring_regex(body, r"[^0-9.]", "")
        comma_text = pc.replace_substring(pc.replace_substring_regex(body, r"[^0-9,]", ""), ",", ".")
        point, comma = matching(body, WITH_POINT), matching(body, WITH_COMMA)
        differ = as_mask(pc.not_equal(point_text, comma_text))
        return cls(point, comma, point & comma & differ, point_text, comma_text)


def decimals(cells: pa.Array, mark: Mark) -> Converted:
    """Text cells to decimal text. Faults: `not_a_number`, `ambiguous_number`, `out_of_range`."""
    found = trimmed(cells)
    if mark is not Mark.COMMA and (mark is Mark.POINT or DOT not in data_of(found)) and _is_plain_decimal(found):
        return Converted(found)
    usual = matching(found, USUAL[mark]) & as_mask(pc.less_equal(pc.binary_length(found), MAX_DIGITS))
    usual |= ~as_mask(found.is_valid())
    return by_parts(
        found, usual, lambda part: Converted(_without_marks(part, mark)), lambda part: by_distinct(part, _reader(mark))
    )


def integers(cells: pa.Array, mark: Mark) -> Converted:
    """Text cells to int64. Faults: those of `decimals`, and `not_an_integer`."""
    found = trimmed(cells)
    if longest(found) <= SAFE_INTEGER_DIGITS and bool(PLAIN_INTEGER[data_of(found)].all()):
        try:
            return Converted(pc.cast(found, pa.int64()))
        except pa.ArrowInvalid:
            pass  # a minus where none belongs: the way below says in which cells
    usual = matching(found, rf"^-?[0-9]{{1,{SAFE_INTEGER_DIGITS}}}$") | ~as_mask(found.is_valid())
    return by_parts(
        found,
        usual,
        lambda part: Converted(pc.cast(part, pa.int64())),
        lambda part: by_distinct(part, lambda distinct: _whole(_read(distinct, mark))),
    )


def evidence(cells: pa.Array) -> tuple[int, int, int]:
    """How many cells can be read with a decimal point only, with a decimal comma only, and both ways."""
    found = _Readings.of(_body(pc.drop_null(trimmed(cells))))
    return int((found.point & ~found.comma).sum()), int((found.comma & ~found.point).sum()), int(found.open.sum())


def _is_plain_decimal(cells: pa.Array) -> bool:
    """Nothing but `-12.34`, of few enough digits, so that it can stay as it is."""
    data = data_of(cells)
    if longest(cells) > MAX_DIGITS or not PLAIN_DECIMAL[data].all():
        return False
    first, last = edges(cells)
    if (first == DOT).any() or (last == DOT).any() or ((data[:-1] == MINUS) & (data[1:] == DOT)).any():
        return False
    try:
        pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _without_marks(cells: pa.Array, mark: Mark) -> pa.Array:
    if mark is Mark.COMMA:
        return pc.replace_substring(pc.replace_substring(cells, ".", ""), ",", ".")
    return pc.replace_substring(cells, ",", "")


def _reader(mark: Mark) -> Callable[[pa.Array], Converted]:
    return lambda distinct: _read(distinct, mark)


def _read(cells: pa.Array, mark: Mark) -> Converted:
    """Distinct cells in any form to decimal text."""
    found = _Readings.of(_body(cells))
    as_comma = found.comma & (~found.point | (found.open & (mark is Mark.COMMA)))
    values = _tidy(pc.if_else(pa.array(as_comma), found.comma_text, found.point_text))
    values = _signed(values, matching(cells, r"[-\x{2212}(]"))
    faults = np.zeros(len(cells), dtype=np.int8)
    faults[~found.point & ~found.comma] = NUMBER["not_a_number"]
    if longest(values) > MAX_DIGITS:
        faults[_digits(values) > MAX_DIGITS] = NUMBER["out_of_range"]
    if mark is Mark.BOTH:
        faults[found.open] = NUMBER["ambiguous_number"]
    return _scientific(cells, Converted(values, faults))


def _body(cells: pa.Array) -> pa.Array:
    """Digits and marks of each number; empty where the cell has not the form of one."""
    signs = pc.count_substring_regex(cells, SIGN)
    good = matching(cells, FORM) & as_mask(pc.less_equal(signs, 1))
    digits = pc.utf8_trim_whitespace(pc.replace_substring_regex(cells, r"[^0-9.,'\x{2019}]", " "))
    return pc.if_else(pa.array(good), digits, "")


def _tidy(values: pa.Array) -> pa.Array:
    """`.5` to `0.5`, `5.` to `5`."""
    return pc.replace_substring_regex(pc.replace_substring_regex(values, r"^\.", "0."), r"\.$", "")


def _signed(values: pa.Array, negative: Mask) -> pa.Array:
    return pc.binary_join_element_wise(pc.if_else(pa.array(negative), "-", ""), values, "")


def _digits(values: pa.Array) -> NDArray[np.int32]:
    return np.asarray(pc.count_substring_regex(values, "[0-9]").to_numpy(zero_copy_only=False))


def _scientific(cells: pa.Array, found: Converted) -> Converted:
    """What spreadsheets and floats write as `1.5E-05`; rare, so one by one."""
    places = np.flatnonzero(matching(cells, SCIENTIFIC))
    if not places.size or found.faults is None:
        return found
    values = found.values.to_pylist()
    for place in places:
        text, fault = _from_scientific(cells[int(place)].as_py())
        values[place], found.faults[place] = text, fault
    return Converted(pa.array(values, pa.string()), found.faults)


def _from_scientific(text: str) -> tuple[str, int]:
    try:
        written = format(Decimal(text.replace(",", ".")), "f")
    except InvalidOperation:
        return "", NUMBER["not_a_number"]
    return written, NUMBER["out_of_range"] if sum(c.isdigit() for c in written) > MAX_DIGITS else 0


def _whole(found: Converted) -> Converted:
    """Distinct decimal texts to int64."""
    faults = found.faults if found.faults is not None else np.zeros(len(found.values), dtype=np.int8)
    whole = matching(found.values, r"^-?[0-9]+(?:\.0*)?$")
    faults = np.where((faults == 0) & ~whole, NUMBER["not_an_integer"], faults).astype(np.int8)
    texts = pc.if_else(pa.array(faults == 0), pc.replace_substring_regex(found.values, r"\..*$", ""), None)
    short = pc.less_equal(pc.binary_length(texts), SAFE_INTEGER_DIGITS)
    values = pc.cast(pc.if_else(short, texts, None), pa.int64())
    return _long_integers(texts, Converted(values, faults))


def _long_integers(texts: pa.Array, found: Converted) -> Converted:
    """The few of nineteen digits and more, of which some are integers of 64 bits."""
    long = pc.greater(pc.binary_length(texts), SAFE_INTEGER_DIGITS)
    if found.faults is None or not pc.any(long).as_py():
        return found
    numbers = [int(text) for text in texts.filter(long).to_pylist()]
    places = np.flatnonzero(as_mask(long))
    fits = np.array([number in BIGINT for number in numbers], dtype=np.bool_)
    found.faults[places[~fits]] = NUMBER["out_of_range"]
    kept = pa.array([number if number in BIGINT else None for number in numbers], pa.int64())
    return Converted(pc.replace_with_mask(found.values, long, kept), found.faults)
