"""A section as one SQL query, whose columns come as a CSV that Arrow reads without a thought."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from wharf.common.packages import NUMERIC, PROPERTIES, TIMES, WIDEST, Filter, Format, Measure, ReportColumn, Section
from wharf.common.profiles import ColumnType
from wharf.package_worker.reading.sources import Source

LONGEST = 1_000_000
"""Letters of a text; what a file of people holds beyond that is cut, and says so."""
MEASURES = {
    Measure.COUNT: "count({})",
    Measure.DISTINCT: "count(DISTINCT {})",
    Measure.SUM: "sum({})",
    Measure.AVERAGE: "avg({})",
    Measure.LEAST: "min({})",
    Measure.GREATEST: "max({})",
}
COMPARED = {"equal": "=", "not_equal": "IS DISTINCT FROM", "less": "<", "greater": ">"}
# What Arrow's decimals hold; NaN is greater than every number.
EXACT = "CASE WHEN abs({0}::numeric) < 1e31 THEN round({0}::numeric, 6) END"
WHOLE = "CASE WHEN abs({0}::numeric) < 9e18 THEN round({0}::numeric)::bigint END"
TICKS = "CASE WHEN isfinite({0}) THEN (extract(epoch FROM {0}) * 1000000)::bigint END"
SHORT = "CASE WHEN length({0}) > {1} THEN left({0}, {1}) || ' \u2026 [cut]' ELSE {0} END"
# A property is a text; what is no number, or a longer one than Arrow's decimals hold, is empty.
NUMBER = r"CASE WHEN {0} ~ '^\s*[-+]?(\d{{1,31}}(\.\d{{0,100}})?|\.\d{{1,100}})\s*$' THEN ({0})::numeric END"
PAIRS = "(SELECT string_agg(key || ': ' || value, E'\\n' ORDER BY key) FROM jsonb_each_text(properties))"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows a package is about."""

    project_id: str | None
    """None: those of all projects."""
    since: datetime | None = None
    until: datetime | None = None
    """Where both are said: only rows that came to be in between, of sources that know when."""

    @property
    def name(self) -> str:
        """The project's, as files and their titles call it."""
        return self.project_id or "all-projects"


@dataclass(frozen=True, slots=True)
class SectionQuery:
    """A section's query over its source, in a scope, at a time. Raises `Invalid` for columns that there are not."""

    section: Section
    source: Source
    scope: Scope
    as_of: datetime

    def compose(self) -> list[sql.Composed]:
        """Queries that stand side by side: each gives some columns of all rows, and all give the rows in one order.

        There are none where nothing was loaded yet, so that there is nothing to ask.
        """
        columns = self.section.columns
        parts = [columns[at : at + WIDEST] for at in range(0, len(columns), WIDEST)]
        shown = [[self._shown(column) for column in part] for part in parts]
        return [self._query(part) for part in shown] if self.source.relation is not None else []

    def _query(self, shown: list[sql.Composed]) -> sql.Composed:
        parts = [
            sql.SQL("SELECT "),
            sql.SQL(", ").join(shown),
            sql.SQL(" FROM {} AS rows WHERE ").format(self.source.relation or sql.SQL("")),
            sql.SQL(" AND ").join(self._conditions()),
            self._grouping(),
            sql.SQL(" ORDER BY "),
            sql.SQL(", ").join(self._order()),
        ]
        if self.section.limit:
            parts.append(sql.SQL(" LIMIT {}").format(sql.Literal(self.section.limit)))
        return sql.Composed(parts)

    def _shown(self, column: ReportColumn) -> sql.Composed:
        return sql.SQL("{} AS {}").format(self._expression(column), sql.Identifier(column.name))

    def _expression(self, column: ReportColumn) -> sql.Composable:
        value = self._measured(column)
        if column.format in NUMERIC:
            value = sql.SQL(WHOLE if column.format is Format.INTEGER else EXACT).format(value)
        elif column.format in TIMES:
            value = sql.SQL(TICKS).format(value)
        elif column.format is Format.TEXT:
            value = sql.SQL(SHORT).format(value, sql.Literal(LONGEST))
        if column.format is Format.TEXT and self.section.is_grouped and not column.measure:
            value = sql.SQL("coalesce({}, '(none)')").format(value)
        return value

    def _measured(self, column: ReportColumn) -> sql.Composable:
        value = self._value(column)
        if column.measure is None:
            return value
        return sql.SQL(MEASURES[column.measure]).format(value)

    def _value(self, column: ReportColumn) -> sql.Composable:
        kind, value = self._read(column)
        if column.times:
            self.source.type_of(column.times)
            value = sql.SQL("({} * {})").format(value, self._named(column.times))
        if column.bucket:
            value = sql.SQL("date_trunc({}, {}, 'UTC')").format(sql.Literal(column.bucket), value)
        if column.since:
            value = sql.SQL("floor(extract(epoch FROM {} - {}) / 86400)").format(self._now, value)
        return self._as_text(value, kind) if column.format is Format.TEXT else value

    def _read(self, column: ReportColumn) -> tuple[ColumnType, sql.Composable]:
        if column.from_property is None:
            return self.source.type_of(column.source), self._named(column.source)
        value = sql.SQL("(properties ->> {})").format(sql.Literal(column.from_property))
        if column.is_number_of_property:
            return ColumnType.DECIMAL, sql.SQL(NUMBER).format(value)
        return ColumnType.TEXT, value

    def _as_text(self, value: sql.Composable, kind: ColumnType) -> sql.Composable:
        if kind is ColumnType.LIST:
            return sql.SQL("array_to_string({}, '; ')").format(value)
        return value if kind is ColumnType.TEXT else sql.SQL("{}::text").format(value)

    def _named(self, column: str) -> sql.Composable:
        return sql.SQL(PAIRS) if column == PROPERTIES else sql.Identifier(column)

    @property
    def _now(self) -> sql.Composable:
        return sql.SQL("{}::timestamptz").format(sql.Literal(self.as_of.isoformat()))

    def _conditions(self) -> Iterator[sql.Composable]:
        scope, moment = self.scope, self.source.shape.moment
        yield sql.SQL("true") if scope.project_id is None else sql.SQL("project_id = {}").format(scope.project_id)
        if moment and scope.since and scope.until:
            between = sql.SQL("{0} >= {1}::timestamptz AND {0} < {2}::timestamptz")
            yield between.format(sql.Identifier(moment), scope.since.isoformat(), scope.until.isoformat())
        for condition in self.section.filters:
            yield self._condition(condition)

    def _condition(self, said: Filter) -> sql.Composable:
        self.source.type_of(said.column)
        column = sql.Identifier(said.column)
        match said.is_:
            case "empty" | "not_empty":
                return sql.SQL("{} IS NULL" if said.is_ == "empty" else "{} IS NOT NULL").format(column)
            case "future":
                return sql.SQL("({0} > {1} OR {0} IS NULL)").format(column, self._now)
            case "past":
                return sql.SQL("{} <= {}").format(column, self._now)
            case "in" | "not_in":
                template = "{} IN ({})" if said.is_ == "in" else "{} NOT IN ({})"
                return sql.SQL(template).format(column, sql.SQL(", ").join(map(sql.Literal, said.values)))
            case _:
                return sql.SQL(f"{{}} {COMPARED[said.is_]} {{}}").format(column, sql.Literal(said.value))

    def _grouping(self) -> sql.Composable:
        places = [sql.Literal(place) for place in self._group_places]
        return sql.SQL(" GROUP BY ") + sql.SQL(", ").join(places) if places else sql.SQL("")

    @property
    def _group_places(self) -> list[int]:
        groups = {column.name for column in self.section.groups}
        return [place for place, column in enumerate(self.section.columns, 1) if column.name in groups]

    def _order(self) -> Iterator[sql.Composable]:
        """As declared, then by what tells all rows apart: the same data always come in the same order."""
        for order in self.section.order:
            direction = sql.SQL("DESC NULLS LAST" if order.descending else "ASC NULLS LAST")
            yield sql.SQL("{} {}").format(self._sorted_by(order.column), direction)
        if self.section.is_grouped:
            yield from (sql.Literal(place) for place in self._group_places or [1])
        else:
            # Qualified: a bare name would mean the section's column of that name
            yield from (sql.Identifier("rows", name) for name in self.source.key)

    def _sorted_by(self, name: str) -> sql.Composable:
        """Of groups the place in the query; a row's value may stand in the query beside."""
        if self.section.is_grouped:
            return sql.Literal([column.name for column in self.section.columns].index(name) + 1)
        return self._expression(self.section.column(name))
