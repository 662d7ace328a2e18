from __future__ import annotations

import pytest
from pydantic import ValidationError

from wharf.common.errors import Invalid
from wharf.common.profiles import Profile, builtin_profile, builtin_profiles


def test_builtin_profiles_are_valid_and_named_after_their_files() -> None:
    """Loading them checks them."""
    assert {"transactions"} <= set(builtin_profiles())


def test_transactions_requires_what_the_contract_says() -> None:
    """A row without one of these is rejected."""
    required = [c.name for c in builtin_profile("transactions").required]
    assert required == ["transaction_id", "date", "quantity", "unit_price"]


def test_an_unknown_profile_is_refused_with_the_names_that_there_are() -> None:
    """The user need not look them up."""
    with pytest.raises(Invalid, match="transactions") as refused:
        builtin_profile("nope")
    assert refused.value.error_code == "unknown_profile"


@pytest.mark.parametrize(
    "change",
    [
        {"key": ["nope"]},
        {"columns": [{"name": "a"}, {"name": "a"}]},
        {"columns": [{"name": 'a"; DROP TABLE x; --'}]},
        {"columns": [{"name": "a", "number_within": ["b"]}]},
        {"columns": [{"name": "a", "typo": 1}]},
        {"period_column": "nope"},
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    """Unknown columns, repeated or unusable names and misspelt fields never reach the database."""
    with pytest.raises(ValidationError):
        Profile.model_validate({"name": "x", "title": "X", "columns": [{"name": "a"}]} | change)
