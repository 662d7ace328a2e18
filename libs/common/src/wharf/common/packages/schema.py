"""What a package type may declare: sections over datasets, read by one engine for both formats.

A type is data. The engine knows no type's name; what a package needs that no other needs is a new field here.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from wharf.common.nearnames import hint
from wharf.common.profiles.types import Declared, Name

WIDEST = 1500
"""Columns of one query: PostgreSQL has at most 1,664, and what a query sorts by counts too."""
CONTROLS = frozenset(map(chr, [*range(32), 127])) - {"\n", "\t"}


def _plain(text: str) -> str:
    """PostgreSQL keeps no NUL, and no reader wants another control character."""
    if CONTROLS.intersection(text):
        raise ValueError("control characters are not allowed here")
    return text


Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_plain)]
Prose = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_plain)]
Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_plain)]
Scalar = Text | int | float | bool


class Format(StrEnum):
    """How a column's values are written in the PDF, and which number format they have in the workbook."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    DATE = "date"
    TIMESTAMP = "timestamp"
    MONTH = "month"
    BOOLEAN = "boolean"


NUMERIC = frozenset({Format.INTEGER, Format.DECIMAL, Format.MONEY})
"""The formats that are right-aligned and that can be added up."""


TIMES = frozenset({Format.DATE, Format.TIMESTAMP, Format.MONTH})
"""The formats of moments."""


class Measure(StrEnum):
    """What a grouped section says about the rows of a group."""

    COUNT = "count"
    DISTINCT = "count_distinct"
    SUM = "sum"
    AVERAGE = "avg"
    LEAST = "min"
    GREATEST = "max"


class ReportColumn(Declared):
    """One column of a section: a column of the dataset as it is, its bucket of time, or a measure of its groups."""

    name: Name
    title: Title
    format: Format = Format.TEXT
    of: Name | None = None
    """The dataset's column, where it is not called as this one."""
    from_property: Annotated[Text, StringConstraints(min_length=1)] | None = None
    """A key of the row's `properties` instead: what files brought beside the profile's columns.

    Where a number is wanted of it, what is none is empty.
    """
    times: Name | None = None
    """Another column of the dataset by which each value is multiplied."""
    bucket: Literal["year", "quarter", "month", "week", "day"] | None = None
    """A timestamp cut down to the beginning of its month, and so on (in UTC)."""
    measure: Measure | None = None
    since: Literal["now"] | None = None
    """Whole days from this timestamp until the package's time."""
    total: bool = False
    """Whether a sum stands below the column."""
    decimals: int | None = Field(default=None, ge=0, le=6)
    """Places after the decimal mark; None: 2 of money and decimals, none of integers."""

    @property
    def source(self) -> str:
        """The dataset's column that it reads."""
        return self.of or self.name

    @property
    def places(self) -> int:
        """Places after the decimal mark."""
        if self.decimals is not None:
            return self.decimals
        return 0 if self.format is Format.INTEGER else 2

    @property
    def is_number_of_property(self) -> bool:
        """Whether a number is wanted of a property, which is a text."""
        counted = self.measure in {Measure.COUNT, Measure.DISTINCT}
        return self.from_property is not None and self.format in NUMERIC and not counted

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if self.of and self.from_property:
            message = f"{self.name}: say either of or from_property, not both"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _can_be_added(self) -> Self:
        if self.total and self.format not in NUMERIC:
            message = f"{self.name}: only numbers have a total; its format is {self.format}"
            raise ValueError(message)
        return self


ALONE = frozenset({"empty", "not_empty", "future", "past"})
"""Conditions that compare with nothing."""


class Filter(Declared):
    """A condition that every row of a section fulfils; several hold together."""

    column: Name
    is_: Literal["equal", "not_equal", "in", "not_in", "less", "greater", "empty", "not_empty", "future", "past"] = (
        Field(alias="is")
    )
    value: Scalar | tuple[Scalar, ...] | None = None

    @property
    def values(self) -> tuple[Scalar, ...]:
        """What the column is compared with."""
        if self.value is None:
            return ()
        return self.value if isinstance(self.value, tuple) else (self.value,)

    @model_validator(mode="after")
    def _has_its_value(self) -> Self:
        alone, several = self.is_ in ALONE, self.is_ in {"in", "not_in"}
        if alone and self.value is not None:
            message = f"{self.column}: a filter of the kind {self.is_} has no value"
            raise ValueError(message)
        if not alone and (not self.values or (isinstance(self.value, tuple) and not several)):
            message = f"{self.column}: a filter of the kind {self.is_} needs {'values' if several else 'one value'}"
            raise ValueError(message)
        return self


class Order(Declared):
    """A column of the section by which its rows are sorted."""

    column: Name
    descending: bool = False


class Chart(Declared):
    """A chart of a section's rows, as vectors in the PDF and native in the workbook."""

    kind: Literal["bar", "line"] = "bar"
    title: Title
    label: Name
    value: Name
    most: int = Field(default=12, ge=2, le=60)
    """The first so many rows."""


class Section(Declared):
    """One chapter of the PDF and one sheet of the workbook."""

    name: Name
    title: Title
    text: Prose = ""
    dataset: Name
    columns: tuple[ReportColumn, ...] = Field(min_length=1, max_length=2000)
    filters: tuple[Filter, ...] = Field(default=(), max_length=50)
    order: tuple[Order, ...] = Field(default=(), max_length=10)
    limit: int | None = Field(default=None, ge=1)
    chart: Chart | None = None
    layout: Literal["table", "datasheets"] = "table"
    """`datasheets` sets one page for each row, and one table in the workbook."""
    heading: Name | None = None
    """The column that is a datasheet's headline."""
    formats: tuple[Literal["xlsx", "pdf"], ...] = Field(default=("xlsx", "pdf"), min_length=1)
    """The files that it is in: datasheets repeat a register, which a workbook has already."""

    @cached_property
    def is_grouped(self) -> bool:
        """Whether its rows are groups of the dataset's."""
        return any(column.measure for column in self.columns)

    @property
    def groups(self) -> tuple[ReportColumn, ...]:
        """The columns by which its rows are grouped: all without a measure, where any has one."""
        grouped = self.is_grouped
        return tuple(column for column in self.columns if grouped and not column.measure)

    def column(self, name: str) -> ReportColumn:
        """The column of that name; KeyError where there is none."""
        return next(column for column in self.columns if column.name == name)

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for problem in _misnamed(self):
            raise ValueError(problem)
        return self


class Page(Declared):
    """The paper of the PDF."""

    size: Literal["A4", "Letter"] = "A4"
    orientation: Literal["portrait", "landscape"] = "portrait"


class PackageType(Declared):
    """One kind of package."""

    name: Name
    title: Title
    description: Prose = ""
    page: Page = Page()
    locale: str = "en"
    sections: tuple[Section, ...] = Field(min_length=1, max_length=100)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that it reads, each once."""
        return tuple(dict.fromkeys(section.dataset for section in self.sections))

    def to_keep(self) -> dict[str, Any]:
        """As JSON for any worker: what is not said is not written, since one of a version before may not know it."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @model_validator(mode="after")
    def _sections_differ(self) -> Self:
        for what in ("name", "title"):
            said = [getattr(section, what).lower() for section in self.sections]
            if twice := next((one for one in said if said.count(one) > 1), None):
                message = f"two sections have the {what} {twice!r}"
                raise ValueError(message)
        return self


def _misnamed(section: Section) -> Iterator[str]:
    names = [column.name for column in section.columns]
    if section.is_grouped and len(names) > WIDEST:
        yield f"{section.name}: a section with measures may have {WIDEST} columns; it has {len(names)}"
    if twice := next((name for name in names if names.count(name) > 1), None):
        yield f"{section.name}: two columns have the name {twice!r}"
    used = [order.column for order in section.order]
    used += [section.heading] if section.heading else []
    used += [section.chart.label, section.chart.value] if section.chart else []
    if unknown := sorted(set(used) - set(names)):
        yield f"{section.name}: not a column of this section: {unknown[0]!r}. {hint(unknown[0], names)}"
    elif section.chart and section.column(section.chart.value).format not in NUMERIC:
        yield f"{section.name}: the chart's value must be a number"
