"""What a package type names must be there and have the type that is wanted of it."""

from __future__ import annotations

from typing import Any

import pytest

from wharf.common.packages import KnownDatasets, PackageType, Shape, builtin_packages, misfits
from wharf.common.packages.datasets import LEDGER, declared_shapes
from wharf.common.profiles import ColumnType, builtin_profiles

KINDS = {kind.value: kind for kind in ColumnType}
THINGS = Shape("things", {**KINDS, "properties": ColumnType.TEXT}, ("text",))
DATASETS = KnownDatasets(
    {shape.name: shape for profile in builtin_profiles().values() for shape in declared_shapes(profile)}
    | {"things": THINGS}
    | LEDGER
)


def problems(**section: Any) -> list[tuple[str, str, str]]:
    """Of a type with that section."""
    said = {"name": "rows", "title": "Rows", "dataset": "things", "columns": [{"name": "text", "title": "T"}]} | section
    kind = PackageType.model_validate({"name": "t", "title": "T", "locale": "de", "sections": [said]})
    return [(problem.loc, problem.code, problem.message) for problem in misfits(kind, DATASETS)]


def test_every_built_in_type_fits() -> None:
    """Over the built-in profiles, as nothing is loaded yet."""
    assert {name: list(misfits(kind, DATASETS)) for name, kind in builtin_packages().items()} == {
        name: [] for name in builtin_packages()
    }


@pytest.mark.parametrize(
    ("dataset", "near"),
    [
        ("thing", "Did you mean things"),
        ("transaction", "Did you mean transactions"),
        ("procurement_supplier", "procurement_suppliers"),
        ("import", "Did you mean imports"),
        ("xyzzy", "There are: assets, "),
    ],
)
def test_an_unknown_dataset_is_told_with_what_is_near(dataset: str, near: str) -> None:
    """Profiles, entities and the ledger's own."""
    [(loc, code, message)] = problems(dataset=dataset)
    assert (loc, code) == ("sections.0.dataset", "unknown_dataset")
    assert near in message


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": [{"name": "txt", "title": "T"}]},
        {"columns": [{"name": "t", "title": "T", "of": "txt"}]},
        {"columns": [{"name": "integer", "title": "T", "times": "txt", "format": "decimal"}]},
        {"filters": [{"column": "txt", "is": "empty"}]},
    ],
)
def test_an_unknown_column_is_told_with_what_is_near(wrong: dict[str, Any]) -> None:
    """Wherever it is named."""
    [(loc, code, message)] = problems(**wrong)
    assert (loc, code) == (f"sections.0.{next(iter(wrong))}.0", "unknown_column")
    assert message == "The dataset things has no column 'txt'. Did you mean text?"


def test_the_ledgers_datasets_have_no_properties() -> None:
    """They are no files' rows."""
    [(_, code, message)] = problems(dataset="imports", columns=[{"name": "a", "title": "A", "from_property": "a"}])
    assert (code, "no column 'properties'" in message) == ("unknown_column", True)


@pytest.mark.parametrize(
    ("column", "what"),
    [
        ({"of": "text", "format": "money"}, "X has the format money, but it holds text values"),
        ({"of": "decimal", "format": "date"}, "X has the format date, but it holds decimal values"),
        ({"of": "text", "format": "boolean"}, "but it holds text values. It must be one of: boolean."),
        ({"of": "text", "bucket": "month", "format": "month"}, "Text is cut down to its month"),
        ({"of": "integer", "since": "now", "format": "integer"}, "Days are counted since integer"),
        ({"of": "text", "times": "integer", "format": "integer"}, "Text is multiplied by integer"),
        ({"of": "integer", "times": "list", "format": "integer"}, "List is what integer is multiplied by"),
        ({"of": "text", "measure": "sum", "format": "integer"}, "X has the measure sum, but it holds text values"),
        ({"of": "text", "measure": "count"}, "x: a count is a number. Give it the format integer, decimal or money."),
        ({"of": "boolean", "measure": "max", "format": "boolean"}, "X has the measure max"),
        ({"from_property": "at", "format": "date"}, "X has the format date, but it holds text values"),
        ({"from_property": "at", "bucket": "day"}, "X is cut down to its day, but it holds text values"),
    ],
)
def test_a_column_of_another_type_is_refused(column: dict[str, Any], what: str) -> None:
    """Before the database would say so, in the words of the declaration."""
    [(loc, code, message)] = problems(columns=[{"name": "x", "title": "X", **column}])
    assert (loc, code) == ("sections.0.columns.0", "wrong_type")
    assert what in message


@pytest.mark.parametrize(
    "column",
    [
        {"of": "list"},
        {"of": "list", "measure": "min"},
        {"of": "timestamp", "bucket": "year"},
        {"of": "integer", "times": "decimal", "measure": "avg", "format": "money"},
        {"of": "timestamp", "since": "now", "measure": "max", "format": "integer"},
        {"of": "boolean", "measure": "count", "format": "integer"},
        {"of": "timestamp", "measure": "max", "format": "date"},
        {"from_property": "kg", "measure": "sum", "format": "decimal"},
        {"from_property": "kg", "times": "integer", "format": "decimal"},
        {"from_property": "kg", "measure": "count_distinct", "format": "integer"},
    ],
)
def test_what_the_engine_can_do_is_allowed(column: dict[str, Any]) -> None:
    """The check is no stricter than the query."""
    assert problems(columns=[{"name": "x", "title": "X", **column}]) == []


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (
            {"column": "integer", "is": "equal", "value": "7"},
            "integer holds integer values: '7' is none. Give a number.",
        ),
        (
            {"column": "text", "is": "in", "value": ["a", 7]},
            "text holds text values: 7 is none. Give a text (in quotes",
        ),
        ({"column": "decimal", "is": "less", "value": True}, "decimal holds decimal values: True is none"),
        ({"column": "boolean", "is": "equal", "value": "yes"}, "'yes' is none. Give true or false."),
        ({"column": "timestamp", "is": "greater", "value": "31.1.26"}, "a date or time, such as '2026-01-31'"),
        ({"column": "boolean", "is": "less", "value": True}, "The filter asks whether boolean is less"),
        ({"column": "list", "is": "equal", "value": "a"}, "The filter asks whether list is equal"),
        ({"column": "properties", "is": "equal", "value": "a"}, "The filter asks whether properties is equal"),
        ({"column": "text", "is": "past"}, "The filter asks whether text is past, but it holds text values"),
    ],
)
def test_a_filters_value_must_be_one_of_its_column(said: dict[str, Any], what: str) -> None:
    """A condition that the database would refuse, or that nothing fulfils."""
    [(loc, code, message)] = problems(filters=[said])
    assert (loc, code) == ("sections.0.filters.0", "wrong_type")
    assert what in message


def test_an_unknown_locale_is_told_with_those_that_there_are() -> None:
    """When it is declared, not when somebody orders a package."""
    kind = builtin_packages()["asset_register"].model_copy(update={"locale": "xx"})
    [problem] = misfits(kind, DATASETS)
    assert (problem.loc, problem.code) == ("locale", "unknown_locale")
