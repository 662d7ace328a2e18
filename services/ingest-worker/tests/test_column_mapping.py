"""Which source header brings which column."""

from __future__ import annotations

import pytest

from wharf.common.errors import Invalid
from wharf.common.profiles import Column, ColumnType, Profile
from wharf.ingest_worker.reading import ColumnMapping, map_columns

PROFILE = Profile(
    name="orders",
    title="Orders",
    columns=(
        Column(name="order_no", required=True, aliases=("invoice", "invoice no")),
        Column(name="unit_price", type=ColumnType.DECIMAL, required=True, aliases=("price", "prix unité")),
        Column(name="label", type=ColumnType.LIST, aliases=("labels",)),
    ),
)


def mapped(*header: str, given: dict[str, str | None] | None = None) -> list[tuple[str, str | None, str | None]]:
    """Each header with its column and the reason."""
    return [(m.source, m.target, m.reason) for m in map_columns(header, PROFILE, given).matches]


def refused(*header: str, given: dict[str, str | None] | None = None) -> Invalid:
    """The error of a mapping."""
    with pytest.raises(Invalid) as caught:
        map_columns(header, PROFILE, given)
    return caught.value


@pytest.mark.parametrize("header", ["order_no", "Order No", "ORDER-NO.", "OrderNo", " orderNo ", "Órder Nö"])
def test_a_name_is_known_in_every_spelling(header: str) -> None:
    """Case, spaces, marks and accents don't matter."""
    assert mapped(header, "price")[0] == (header.strip(), "order_no", "exact")


@pytest.mark.parametrize("header", ["Invoice", "InvoiceNo", "INVOICE_NO"])
def test_an_alias_is_second_to_a_name(header: str) -> None:
    """With a lower score."""
    [match, _] = map_columns((header, "PrixUnite"), PROFILE).matches
    assert (match.target, match.reason) == ("order_no", "alias")
    assert 0 < match.score < 1


def test_of_two_headers_for_a_column_the_better_wins() -> None:
    """The other is kept as an unknown one; the first wins where both are as good."""
    assert mapped("Invoice", "order no", "price") == [
        ("Invoice", None, None), ("order no", "order_no", "exact"), ("price", "unit_price", "alias"),
    ]  # fmt: skip
    assert [t for _, t, _ in mapped("price", "order_no", "price")] == ["unit_price", "order_no", None]


def test_a_header_can_be_said_to_bring_nothing() -> None:
    """However well it is known, and each time that it comes; then another one may bring the column."""
    header = ("order_no", "price", "labels", "unit price", "labels")
    assert mapped(*header, given={"unit price": None, "labels": None}) == [
        ("order_no", "order_no", "exact"), ("price", "unit_price", "alias"), ("labels", None, "given"),
        ("unit price", None, "given"), ("labels", None, "given"),
    ]  # fmt: skip
    assert refused("order_no", "price", given={"Price": None}).error_code == "missing_column"
    assert refused("order_no", "price", given={"cost": None}).error_code == "bad_mapping"


def test_what_is_given_wins_over_every_guess() -> None:
    """In any spelling of the header; what it frees is unknown then."""
    found = mapped("order_no", "Bill Ref", "price", given={"bill ref": "order_no"})
    assert found[:2] == [("order_no", None, None), ("Bill Ref", "order_no", "given")]


def test_repeated_headers_are_one_list() -> None:
    """Of a list column, and of a column that nobody knows."""
    mapping = map_columns(("order_no", "price", "Labels", "x", "Label", "x", "y"), PROFILE)
    assert mapping.sources_of("label") == (2, 4)
    assert mapping.unknown == (("x", (3, 5)), ("y", (6,)))


def test_a_blank_header_is_called_by_its_place() -> None:
    """So that its cells are kept."""
    assert mapped("order_no", "", "price")[1] == ("column_2", None, None)


def test_a_missing_column_is_named_with_what_was_found() -> None:
    """The user sees at once which header could be it."""
    error = refused("order_no", "cost", "city")
    assert error.error_code == "missing_column"
    assert "unit_price" in error.message
    assert "order_no, cost, city" in error.message
    assert [p.loc for p in error.problems] == ["unit_price"]


@pytest.mark.parametrize(("given", "says"), [
    ({"nope": "order_no"}, "'nope'"), ({"a": "nope"}, "'nope'"), ({"a": "order_no", "b": "order_no"}, "no list"),
])  # fmt: skip
def test_a_mapping_that_cannot_be_is_refused(given: dict[str, str], says: str) -> None:
    """With what the file and the profile have."""
    error = refused("a", "b", "price", given=given)
    assert error.error_code == "bad_mapping"
    assert says in error.message


def test_a_mapping_survives_its_checkpoint() -> None:
    """And is shown as the contract says."""
    mapping = map_columns(("order_no", "price", "x"), PROFILE)
    assert ColumnMapping.from_dict(mapping.to_dict()) == mapping
    unknown = {"source": "x", "target": None, "score": 0.0, "reason": None}
    assert mapping.as_dict(PROFILE)[2] == unknown | {"kept_as": "x"}
    assert mapping.as_dict(PROFILE.model_copy(update={"keep_unknown": False}))[2] == unknown | {"kept_as": None}
