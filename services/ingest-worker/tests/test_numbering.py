"""Numbers within a group, and whether they can be trusted before the whole file is read."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.ingest_worker.reading.numbering import Carry, numbered

NO_PLACES = pa.table({"id": pa.array([], pa.string()), "_line": pa.array([], pa.int64())})


def batches_of(text: str) -> list[list[str | None]]:
    """`aab|bc` are two batches; a dot is a row without a group."""
    return [[None if letter == "." else letter for letter in batch] for batch in text.split("|")]


def run(text: str) -> tuple[list[int], Carry | None]:
    """The numbers of all rows, and what is known at the end."""
    carry: Carry | None = None
    numbers: list[int] = []
    for batch in batches_of(text):
        rows = pa.table({"id": pa.array(batch, pa.string()), "_line": range(len(numbers), len(numbers) + len(batch))})
        found = numbered(rows, NO_PLACES, ["id"], carry)
        numbers += found.rows.tolist()
        carry = found.carry
    return numbers, carry


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("aab|bbc|d", [1, 2, 1, 2, 3, 1, 1]), ("dd|dc|b|aa", [1, 2, 3, 1, 1, 1, 2]), ("ba|cd", [1, 1, 1, 1])],
)
def test_groups_that_stand_together_are_numbered_on_the_way(text: str, numbers: list[int]) -> None:
    """Each batch's groups come after all before them, or before all of them."""
    found, carry = run(text)
    assert found == numbers
    assert carry is not None
    assert carry.together


@pytest.mark.parametrize("text", ["aba", "ab|a", "ab|cd|bx", "ac|b", "a.|b", "dc|e|d"])
def test_groups_that_may_come_again_are_not_trusted(text: str) -> None:
    """In the same batch, in a later one, or where it cannot be seen that they do not."""
    _, carry = run(text)
    assert carry is not None
    assert not carry.together


@given(st.text("abc.", min_size=1, max_size=12), st.booleans())
def test_each_row_has_its_place_among_its_equals(letters: str, in_order: bool) -> None:
    """Whether the groups only go up, which is counted faster, or come in any order; an empty one is a group too."""
    text = "".join(sorted(letters)) if in_order else letters
    found, _ = run(text)
    assert found == [text[: at + 1].count(letter) for at, letter in enumerate(text)]


def test_what_was_once_apart_stays_so() -> None:
    """Later batches in good order do not mend it."""
    _, carry = run("aba|c|d")
    assert carry is not None
    assert not carry.together


def test_groups_of_two_columns_are_not_trusted() -> None:
    """Nothing is kept of them by which it could be seen."""
    rows = pa.table({"id": ["a", "b"], "of": ["x", "x"], "_line": [1, 2]})
    places = pa.table({name: pa.array([], rows.schema.field(name).type) for name in rows.column_names})
    found = numbered(rows, places, ["id", "of"], None)
    assert found.carry is not None
    assert not found.carry.together
