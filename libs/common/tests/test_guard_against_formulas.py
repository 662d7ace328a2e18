"""Cells that a spreadsheet would run: guarded on the way out, and as they were on the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.common.corrections import guarded, unguarded


@pytest.mark.parametrize(
    "cell", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1", "-1+cmd|' /C calc'!A0"]
)
def test_what_begins_like_a_formula_is_text(cell: str) -> None:
    """An apostrophe stands before it."""
    assert guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-5", "+1.5", "-1,234.56", "plain", "", "a=b", "12 %"])
def test_numbers_and_words_stay_as_they_are(cell: str) -> None:
    """A number runs nothing."""
    assert guarded(cell) == cell


@given(st.text(alphabet="'=+-@\t\r\uff1d1a ,", max_size=8))
def test_the_guard_is_taken_off_exactly(cell: str) -> None:
    """Whatever the cell began with, an apostrophe of its own too."""
    assert unguarded(guarded(cell)) == cell
