from __future__ import annotations

import pytest

from wharf.common.access import Role, digest_of, new_key, prefix_of


def test_a_key_has_a_prefix_and_enough_randomness() -> None:
    """The prefix finds the row; the rest holds 192 random bits and is never kept."""
    key = new_key()
    prefix = prefix_of(key)
    assert prefix is not None
    assert key.startswith(f"wk_{prefix}_")
    assert len(key) - len(f"wk_{prefix}_") >= 32
    assert key.encode() not in digest_of(key)


@pytest.mark.parametrize("text", ["", "wk", "wk_", "wk__x", "xx_abc_def", "wk_" + "a" * 300 + "_b"])
def test_what_cannot_be_a_key_has_no_prefix(text: str) -> None:
    """Then the database is not even asked."""
    assert prefix_of(text) is None


def test_roles_of_a_tenant_are_ordered_and_the_platform_stands_apart() -> None:
    """An admin may what a viewer may; the platform and the tenants have no rights over each other."""
    assert Role.ADMIN.covers(Role.VIEWER)
    assert not Role.VIEWER.covers(Role.OPERATOR)
    assert not Role.PLATFORM.covers(Role.VIEWER)
    assert not Role.ADMIN.covers(Role.PLATFORM)
    assert Role.PLATFORM.covers(Role.PLATFORM)
