from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from wharf.common.errors import Invalid
from wharf.common.profiles import Column, Profile, builtin_profile, builtin_profiles


def test_builtin_profiles_are_valid_and_named_after_their_files() -> None:
    """Loading them checks them."""
    assert {"assets", "jira_issues", "procurement", "transactions"} <= set(builtin_profiles())
    assert all(name == profile.name for name, profile in builtin_profiles().items())


@pytest.mark.parametrize(("name", "key", "required"), [
    ("transactions", "transaction_id line_number", "transaction_id date quantity unit_price"),
    ("jira_issues", "issue_key", "issue_key"), ("assets", "tag", "tag type"),
    ("procurement", "po_number line_number", "po_number material_code quantity unit_price"),
])  # fmt: skip
def test_profiles_require_what_their_documents_say(name: str, key: str, required: str) -> None:
    """A row without one of these is rejected, and rows with the same key are the same row."""
    profile = builtin_profile(name)
    assert list(profile.key) == key.split()
    assert [c.name for c in profile.required] == required.split()


def test_no_header_means_two_columns_of_one_profile() -> None:
    """Else the order of the declaration would decide silently."""
    for profile in builtin_profiles().values():
        meant = [{re.sub("[^a-z0-9]", "", n.lower()) for n in (c.name, *c.aliases)} for c in profile.columns]
        assert sum(map(len, meant)) == len(set().union(*meant)), profile.name


def test_unknown_columns_can_be_left_out_where_no_surplus_is_kept() -> None:
    """The two settings may be said apart."""
    profile = Profile(name="x", title="X", columns=(Column(name="a"),), keep_unknown=False)
    assert profile.surplus_cells == "reject"
    assert profile.header_patterns == ()


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
        {"header_patterns": ["(unclosed"]},
        {"header_patterns": ["no group"]},
        {"surplus_cells": "drop"},
        {"surplus_cells": "keep", "keep_unknown": False},
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    """Unknown columns, repeated or unusable names and misspelt fields never reach the database."""
    with pytest.raises(ValidationError):
        Profile.model_validate({"name": "x", "title": "X", "columns": [{"name": "a"}]} | change)


NUL = "a\0"


@pytest.mark.parametrize(
    "part",
    [
        {"title": NUL},
        {"nulls": [NUL]},
        {"columns": [{"name": "a", "aliases": [NUL]}]},
        {"columns": [{"name": "a", "checks": [{"kind": "values", "values": [NUL]}]}]},
        {"columns": [{"name": "a", "checks": [{"kind": "length", "max": 1, "message": NUL}]}]},
        {"checks": [{"name": "c", "expression": "a = 'x'", "message": NUL}]},
    ],
)
def test_no_text_of_a_profile_has_a_nul(part: dict[str, Any]) -> None:
    """The ledger could not keep it: it is refused where it stands, in every part of a declaration."""
    with pytest.raises(ValidationError, match="NUL characters are not allowed here"):
        Profile.model_validate({"name": "x", "title": "X", "columns": [{"name": "a"}]} | part)
