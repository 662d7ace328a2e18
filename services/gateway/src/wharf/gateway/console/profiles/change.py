"""A profile as the form shows it that changes one: what it offers, and what it only carries along."""

from __future__ import annotations

import json
from typing import Any, Final

from wharf.common.profiles import ColumnType, Profile
from wharf.common.profiles.types import Policy

POLICIES: Final = (
    (Policy.INCOMING, "the file's"),
    (Policy.EXISTING, "the one there"),
    (Policy.NEWEST, "the newer row's"),
    (Policy.NON_NULL, "the file's, if any"),
    (Policy.ASK, "ask"),
)
CARRIED: Final = frozenset({"header_patterns", "surplus_cells", "entities"})
"""What the form has no field for: it is sent as it was."""


def change_of(profile: Profile, *, has_rows: bool) -> dict[str, Any]:
    """What the form is filled in with. With rows there the key, too, is only carried along: it cannot be changed."""
    said = profile.model_dump(mode="json", exclude_defaults=True)
    carried = CARRIED | {"key"} if has_rows else CARRIED
    return {
        "profile": profile,
        "bases": said["columns"],
        "kept": {name: value for name, value in said.items() if name in carried},
        "row_checks": _text(said.get("checks")),
        "column_checks": [_text(column.get("checks")) for column in said["columns"]],
        "moments": [(name, name) for name, kind in profile.column_types.items() if kind is ColumnType.TIMESTAMP],
        "types": list(ColumnType),
        "policies": POLICIES,
        "has_rows": has_rows,
    }


def _text(checks: list[Any] | None) -> str:
    return json.dumps(checks, ensure_ascii=False) if checks else ""
