"""Checks that a value alone can tell: columnar, exact, and only of what is there."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from wharf.common.profiles import Column, ColumnType, Profile
from wharf.common.profiles.checks import ColumnCheck, Severity
from wharf.ingest_worker.reading.checks import failing
from wharf.ingest_worker.reading.columns import ARROW_TYPES
from wharf.ingest_worker.reading.findings import MOST, Finding, added

CHECK: TypeAdapter[Any] = TypeAdapter(ColumnCheck)


@pytest.mark.parametrize(
    ("declared", "kind", "values", "wrong"),
    [
        ({"kind": "range", "min": 1, "max": 3}, "integer", [0, 1, 3, 4, None], [0, 3]),
        ({"kind": "range", "min": "0.5", "max": "1e30"}, "integer", [0, 1, 2**63 - 1], [0]),
        ({"kind": "range", "max": "99.90"}, "decimal", ["99.9", "99.90", "99.901", "-1e3", None], [2]),
        # Floats cannot tell these two apart.
        ({"kind": "range", "max": "0.3"}, "decimal", ["0.3", "0.30000000000000000001", "0.29999999999999999999"], [1]),
        ({"kind": "range", "min": "12345678901234567890.5"}, "decimal",
         ["12345678901234567890.4", "12345678901234567890.5"], [0]),
        ({"kind": "length", "min": 2, "max": 3}, "text", ["a", "äö", "abc", "abcd", None], [0, 3]),
        ({"kind": "length", "max": 1}, "list", [["a"], ["a", "b"], None], [1]),
        ({"kind": "pattern", "pattern": "a|b"}, "text", ["a", "ab", "b\n", "b", None], [1, 2]),
        ({"kind": "pattern", "pattern": "(?i)x+"}, "text", ["XxX", "y"], [1]),
        ({"kind": "values", "values": ["Ja", "Nein"]}, "text", ["Ja", "ja", None], [1]),
        ({"kind": "values", "values": ["Ja"], "ignore_case": True}, "text", ["JA", "ja", "jb"], [2]),
        ({"kind": "values", "values": ["a", "b"]}, "list", [["a", "b"], None, ["a", "c", "d"], []], [2]),
    ],
)  # fmt: skip
def test_values_that_fail(declared: dict[str, Any], kind: str, values: list[Any], wrong: list[int]) -> None:
    """By their place; a missing one never fails."""
    fails = failing(CHECK.validate_python(declared), ColumnType(kind), pa.array(values, ARROW_TYPES[ColumnType(kind)]))
    assert [i for i, bad in enumerate(fails) if bad] == wrong


def test_moments_are_compared_in_utc() -> None:
    """A bound without a zone is in UTC, as cells are."""
    values = pa.array([0, 1], pa.int64()).cast(ARROW_TYPES[ColumnType.TIMESTAMP])
    check = CHECK.validate_python({"kind": "range", "max": "1970-01-01T02:00:00+02:00"})
    assert list(failing(check, ColumnType.TIMESTAMP, values)) == [False, True]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(x|x)*y", "(a*)*b"])
def test_a_hostile_pattern_takes_no_longer_than_others(pattern: str) -> None:
    """RE2 has no backtracking: with it these would run longer than the universe has."""
    values = pa.array(["a" * 50_000 + "!", "x" * 50_000])
    assert all(failing(CHECK.validate_python({"kind": "pattern", "pattern": pattern}), ColumnType.TEXT, values))


@pytest.mark.parametrize(
    "declared",
    [
        {"kind": "range"},
        {"kind": "range", "min": 2, "max": 1},
        {"kind": "range", "min": "NaN"},
        {"kind": "range", "min": 1, "max": "2025-01-01"},
        {"kind": "length"},
        {"kind": "pattern", "pattern": "("},
        {"kind": "values", "values": []},
        {"kind": "nonsense"},
    ],
)
def test_a_check_that_makes_no_sense_is_refused(declared: dict[str, Any]) -> None:
    """When it is declared, not when a file comes."""
    with pytest.raises(ValidationError):
        Column.model_validate({"name": "a", "type": "decimal", "checks": [declared]})


def test_a_profile_without_checks_is_kept_as_workers_of_the_version_before_read_it() -> None:
    """They refuse fields that they do not know."""
    plain = Profile.model_validate({"name": "p", "title": "P", "columns": [{"name": "a"}]})
    assert "checks" not in plain.to_keep()
    assert "checks" not in plain.to_keep()["columns"][0]
    checked = Profile.model_validate(
        {"name": "p", "title": "P", "columns": [{"name": "a", "checks": [{"kind": "length", "max": 3}]}]}
    )
    assert Profile.model_validate(checked.to_keep()) == checked


def test_findings_are_summed_and_bounded() -> None:
    """The first lines stay; what is wrong in more ways than are told apart is counted together."""
    one = Finding("a", "required", Severity.ERROR, "m", 3, (1, 2, 3))
    more = Finding("a", "required", Severity.ERROR, "m", 4, (7, 8, 9, 10))
    assert added([one], [more]) == (Finding("a", "required", Severity.ERROR, "m", 7, (1, 2, 3, 7, 8)),)
    many = [Finding(f"c{i}", "required", Severity.ERROR, "m", 1, (i,)) for i in range(MOST + 5)]
    found = added((), many)
    assert (len(found), found[-1].code, found[-1].count) == (MOST + 1, "more", 5)
