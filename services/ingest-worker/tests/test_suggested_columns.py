"""Headers that nobody knows: what they may mean, how sure that is, and why."""

from __future__ import annotations

from wharf.common.profiles import Column, ColumnType, Profile
from wharf.ingest_worker.reading import match_columns, suggested

PROFILE = Profile(
    name="t",
    title="T",
    columns=(
        Column(name="quantity", type=ColumnType.INTEGER, required=True, aliases=("pieces",)),
        Column(name="delivered_at", type=ColumnType.TIMESTAMP, required=True),
        Column(name="price", type=ColumnType.DECIMAL),
        Column(name="note"),
    ),
)


def suggestions(header: list[str], types: list[str]) -> dict[str, tuple[str | None, str | None]]:
    """Header to target and reason."""
    found = suggested(match_columns(header, PROFILE), PROFILE, types)
    return {m.source: (m.target, m.reason) for m in found.matches}


def test_a_misspelt_header_is_recognised() -> None:
    """Of a name and of an alias; a score below that of an alias."""
    found = suggested(match_columns(["Quantty", "Prise"], PROFILE), PROFILE, ["integer", "decimal"])
    assert [(m.target, m.reason) for m in found.matches] == [("quantity", "fuzzy"), ("price", "fuzzy")]
    assert all(0.7 < m.score < 0.9 for m in found.matches)
    assert suggestions(["pices", "x"], ["integer", "text"])["pices"] == ("quantity", "fuzzy")


def test_what_is_known_is_not_guessed_anew() -> None:
    """An exact header keeps its column, though another one looks like it too."""
    found = suggestions(["quantity", "quantitty"], ["integer", "integer"])
    assert found == {"quantity": ("quantity", "exact"), "quantitty": (None, None)}


def test_the_only_column_of_dates_is_suggested_for_the_only_date() -> None:
    """Two of them would be a guess."""
    assert suggestions(["quantity", "am"], ["integer", "timestamp"])["am"] == ("delivered_at", "content")
    two = suggestions(["quantity", "am", "um"], ["integer", "timestamp", "timestamp"])
    assert (two["am"], two["um"]) == ((None, None), (None, None))


def test_words_that_only_share_some_letters_are_no_suggestion() -> None:
    """Nor are columns that hold something else."""
    assert suggestions(["state", "nothing"], ["text", "text"]) == {"state": (None, None), "nothing": (None, None)}


def test_nothing_is_suggested_for_what_is_said_to_bring_nothing() -> None:
    """However much it looks like a column."""
    mapping = match_columns(["Quantty", "Prise"], PROFILE, {"Prise": None})
    found = suggested(mapping, PROFILE, ["integer", "decimal"])
    assert [(m.source, m.target, m.reason) for m in found.matches] == [
        ("Quantty", "quantity", "fuzzy"),
        ("Prise", None, "given"),
    ]
