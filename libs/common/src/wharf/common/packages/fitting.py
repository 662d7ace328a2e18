"""Whether a declaration fits the datasets: what it names is there, and has the type that is wanted of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from wharf.common.errors import Invalid, Problem
from wharf.common.packages.datasets import PROPERTIES, KnownDatasets, Shape
from wharf.common.packages.locales import locale_named
from wharf.common.packages.schema import NUMERIC, TIMES, Filter, Format, Measure, PackageType, ReportColumn, Section
from wharf.common.profiles import ColumnType

ANY = frozenset(ColumnType)
NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL})
TIMESTAMPS = frozenset({ColumnType.TIMESTAMP})
SHOWN = (
    {Format.TEXT: ANY, Format.BOOLEAN: frozenset({ColumnType.BOOLEAN})}
    | dict.fromkeys(NUMERIC, NUMBERS)
    | dict.fromkeys(TIMES, TIMESTAMPS)
)
"""The types that a format can show."""
COUNTS = frozenset({Measure.COUNT, Measure.DISTINCT})
SUMS = frozenset({Measure.SUM, Measure.AVERAGE})
COMPARED = frozenset({ColumnType.TEXT, ColumnType.BOOLEAN}) | NUMBERS | TIMESTAMPS
FILTERED = (
    dict.fromkeys(("empty", "not_empty"), ANY)
    | dict.fromkeys(("future", "past"), TIMESTAMPS)
    | dict.fromkeys(("less", "greater"), COMPARED - {ColumnType.BOOLEAN})
)
"""The types for which a condition is; those that are not here are for all that can be compared."""
VALUES: dict[ColumnType, tuple[type, ...]] = {
    ColumnType.TEXT: (str,),
    ColumnType.TIMESTAMP: (str,),
    ColumnType.INTEGER: (int, float),
    ColumnType.DECIMAL: (int, float),
    ColumnType.BOOLEAN: (bool,),
}
MEANT = {
    ColumnType.TEXT: "a text (in quotes, where it looks like a number)",
    ColumnType.TIMESTAMP: "a date or time, such as '2026-01-31'",
    ColumnType.INTEGER: "a number",
    ColumnType.DECIMAL: "a number",
    ColumnType.BOOLEAN: "true or false",
}


def misfits(kind: PackageType, datasets: KnownDatasets) -> Iterator[Problem]:
    """All that does not fit, with its place in the declaration, such as `sections.0.columns.2.of`."""
    try:
        locale_named(kind.locale)
    except Invalid as error:
        yield Problem("locale", error.error_code, error.message)
    for at, section in enumerate(kind.sections):
        place = f"sections.{at}"
        try:
            shape = datasets.named(section.dataset)
        except Invalid as error:
            yield Problem(f"{place}.dataset", error.error_code, error.message)
        else:
            yield from _of_section(section, shape, place)


def _of_section(section: Section, shape: Shape, place: str) -> Iterator[Problem]:
    for at, column in enumerate(section.columns):
        yield from _of_column(column, shape, f"{place}.columns.{at}")
    for at, condition in enumerate(section.filters):
        yield from _of_filter(condition, shape, f"{place}.filters.{at}")


def _of_column(column: ReportColumn, shape: Shape, place: str) -> Iterator[Problem]:
    """In the order in which the value is computed; the first that does not fit makes the others meaningless."""
    try:
        kind = _read(column, shape)
        if column.times:
            _want(kind, NUMBERS, f"{column.source} is multiplied by {column.times}")
            kind = _want(
                shape.type_of(column.times), NUMBERS, f"{column.times} is what {column.source} is multiplied by"
            )
        if column.bucket:
            _want(kind, TIMESTAMPS, f"{column.source} is cut down to its {column.bucket}")
        if column.since:
            _want(kind, TIMESTAMPS, f"days are counted since {column.source}")
            kind = ColumnType.INTEGER
        _want(_measured(column, kind), SHOWN[column.format], f"{column.name} has the format {column.format}")
    except Invalid as error:
        yield Problem(place, error.error_code, error.message)


def _read(column: ReportColumn, shape: Shape) -> ColumnType:
    if column.from_property is None:
        return shape.type_of(column.source)
    shape.type_of(PROPERTIES)
    return ColumnType.DECIMAL if column.is_number_of_property else ColumnType.TEXT


def _measured(column: ReportColumn, kind: ColumnType) -> ColumnType:
    if column.measure in COUNTS | SUMS:
        wanted = NUMBERS if column.measure in SUMS else ANY
        _want(kind, wanted, f"{column.name} has the measure {column.measure}")
        if column.format not in NUMERIC:
            message = f"{column.name}: a {column.measure} is a number. Give it the format integer, decimal or money."
            raise Invalid(message, code="wrong_type")
        return ColumnType.INTEGER
    if column.measure and column.format is not Format.TEXT:
        _want(kind, ANY - {ColumnType.BOOLEAN}, f"{column.name} has the measure {column.measure}")
    return kind


def _of_filter(said: Filter, shape: Shape, place: str) -> Iterator[Problem]:
    try:
        kind = shape.type_of(said.column)
        # Many values in one
        kind = ColumnType.LIST if said.column == PROPERTIES else kind
        _want(kind, FILTERED.get(said.is_, COMPARED), f"the filter asks whether {said.column} is {said.is_}")
        _check_value(said, kind)
    except Invalid as error:
        yield Problem(place, error.error_code, error.message)


def _check_value(said: Filter, kind: ColumnType) -> None:
    for value in said.values:
        wrong = not isinstance(value, VALUES[kind]) or (isinstance(value, bool) and kind is not ColumnType.BOOLEAN)
        if wrong or (kind is ColumnType.TIMESTAMP and not _is_time(str(value))):
            message = f"{said.column} holds {kind} values: {value!r} is none. Give {MEANT[kind]}."
            raise Invalid(message, code="wrong_type")


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _want(kind: ColumnType, wanted: frozenset[ColumnType], what: str) -> ColumnType:
    if kind not in wanted:
        message = f"{what}, but it holds {kind} values. It must be one of: {', '.join(sorted(wanted))}."
        raise Invalid(message[0].upper() + message[1:], code="wrong_type")
    return kind
