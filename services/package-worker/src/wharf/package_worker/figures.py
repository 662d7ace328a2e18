"""Columns of values as the texts that a reader sees, with the marks of the locale."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from wharf.common.packages import NUMERIC, Format, Locale, ReportColumn

THOUSAND = 1000
LARGEST = 10**18
WIDEST = 38
"""Digits of Arrow's decimals."""


def written(values: pa.Array, column: ReportColumn, locale: Locale) -> pa.StringArray:
    """The texts of a column's values; empty where there is none."""
    if column.format in NUMERIC and not pa.types.is_string(values.type):
        texts = _numbers(values, column.places, locale)
    elif pa.types.is_timestamp(values.type):
        texts = _times(values, column.format, locale)
    elif pa.types.is_boolean(values.type):
        texts = pc.if_else(values, "yes", "no")
    else:
        texts = values.cast(pa.string())
    return texts.fill_null("")


def written_one(value: Decimal | int, column: ReportColumn, locale: Locale) -> str:
    """The text of one number."""
    text = f"{value:,.{column.places}f}"
    return text.translate(_marks(locale))


def _marks(locale: Locale) -> dict[int, str]:
    return {ord(","): locale.group, ord("."): locale.decimal, ord("-"): "\u2212"}


def _times(values: pa.Array, format_: Format, locale: Locale) -> pa.StringArray:
    shape = {Format.DATE: locale.date, Format.MONTH: "%Y-%m"}.get(format_, f"{locale.date} {locale.time}")
    return pc.strftime(values.cast(pa.timestamp("s"), safe=False), format=shape)


def _numbers(values: pa.Array, places: int, locale: Locale) -> pa.StringArray:
    if pa.types.is_integer(values.type) and not places:
        return _grouped(values.cast(pa.int64()), locale.group)
    exact = pc.round(values.cast(pa.decimal128(WIDEST, 6), safe=False), places).cast(
        pa.decimal128(WIDEST, places), safe=False
    )
    texts = exact.cast(pa.string())
    whole = pc.utf8_slice_codeunits(texts, 0, -(places + 1)) if places else texts
    if not _small(whole):
        return _one_by_one(exact, places, locale)
    signs = pc.if_else(pc.starts_with(texts, "-"), "\u2212", "")
    grouped = _grouped(pc.abs(whole.cast(pa.int64())), locale.group)
    if not places:
        return pc.binary_join_element_wise(signs, grouped, "")
    return pc.binary_join_element_wise(signs, grouped, locale.decimal, pc.utf8_slice_codeunits(texts, -places), "")


def _small(whole: pa.StringArray) -> bool:
    longest = pc.max(pc.utf8_length(whole)).as_py()
    return longest is None or longest < len(str(LARGEST))


def _one_by_one(values: pa.Array, places: int, locale: Locale) -> pa.StringArray:
    marks = _marks(locale)
    return pa.array(
        [None if v is None else f"{v:,.{places}f}".translate(marks) for v in values.to_pylist()], pa.string()
    )


def _grouped(values: pa.Array, mark: str) -> pa.StringArray:
    """Integers with a mark between thousands; only as many groups are cut as the largest has."""
    signs = pc.if_else(pc.less(values, 0), "\u2212", "")
    size = pc.abs(values)
    return pc.binary_join_element_wise(signs, _cut(size, pc.max(size).as_py() or 0, mark), "")


def _cut(size: pa.Array, largest: int, mark: str) -> pa.StringArray:
    plain = size.cast(pa.string())
    if largest < THOUSAND:
        return plain
    above = pc.divide(size, THOUSAND)
    last = pc.subtract(size, pc.multiply(above, THOUSAND)).cast(pa.string())
    parts = (_cut(above, largest // THOUSAND, mark), mark, pc.utf8_lpad(last, 3, "0"))
    return pc.if_else(pc.less(size, THOUSAND), plain, pc.binary_join_element_wise(*parts, ""))
