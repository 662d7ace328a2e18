"""The two sides of a change, field by field, as texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wharf.common.ledger.database import dumps
from wharf.gateway.routes.audit import ChangeView

LONG: Final = 80
"""Characters of a value that a list shows at once."""
PLACES: Final = {"job": "/jobs", "webhook": "/webhooks", "schedule": "/schedules"}
"""Whose pages lie below the id that a line names."""
GONE: Final = frozenset({"webhook.remove", "schedule.remove"})


@dataclass(frozen=True, slots=True)
class Side:
    """One field: what it said before, and after; None where it was not, or is not, there."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One change."""

    view: ChangeView

    @property
    def sides(self) -> list[Side]:
        """Field by field, in the order in which the change has them."""
        before, after = self.view.before or {}, self.view.after or {}
        return [Side(name, _text(before, name), _text(after, name)) for name in {**before, **after}]

    @property
    def place(self) -> str:
        """The page of what was changed, where it has one."""
        start = PLACES.get(self.view.what.partition(".")[0])
        return f"{start}/{self.view.target}" if start and self.view.what not in GONE else ""


def _text(side: Mapping[str, Any], name: str) -> str | None:
    if name not in side:
        return None
    value = side[name]
    return value if isinstance(value, str) else _words(value)


def _words(value: Any) -> str:  # noqa: ANN401 - whatever a side holds
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(each if isinstance(each, str) else dumps(each) for each in value)
    return dumps(value)
