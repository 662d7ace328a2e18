"""What can be done to many jobs of a list: to those chosen, or to all that its filter finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from wharf.common.clock import now
from wharf.common.jobs.bulk import Action, steps
from wharf.common.jobs.states import Status
from wharf.gateway.console.jobs.board import BoardQuery


@dataclass(frozen=True, slots=True)
class Act:
    """One action with its words; `{n}` is how many it would be done to, `{done}` to how many it was."""

    action: Action
    name: str
    ask: str
    yes: str
    done: str


ACTS: Final = (
    Act(
        Action.RETRY, "Retry", "Found: {n}. They are tried again.", "Retry them", "{done} of {matched} are tried again."
    ),
    Act(
        Action.CANCEL,
        "Cancel",
        "Found: {n}. They are asked to end.",
        "Cancel them",
        "{done} of {matched} asked to end.",
    ),
    Act(Action.DISCARD, "Discard", "Found: {n}. They stay failed.", "Discard them", "{done} of {matched} discarded."),
)


@dataclass(frozen=True, slots=True)
class WideAct:
    """The same to all that a filter finds: the body that does it, and the one that counts."""

    words: str
    ask: str
    yes: str
    done: str
    body: dict[str, Any]

    @property
    def count(self) -> dict[str, Any]:
        """Asks how many are meant."""
        return self.body | {"dry_run": True}


def acts_on(query: BoardQuery) -> list[WideAct]:
    """Those that the states of the open tab allow; on the tab of all none, since it says too little."""
    return [
        WideAct(
            f"{act.name} all that match", act.ask, act.yes, act.done, {"action": act.action, "filter": _meant(query)}
        )
        for act in ACTS
        if query.tab.states and _allowed(act.action) & set(query.tab.states)
    ]


def _allowed(action: Action) -> set[Status]:
    return {state for step in steps(action) for state in step.states}


def _meant(query: BoardQuery) -> dict[str, Any]:
    said: dict[str, Any] = query.said | {"status": list(query.tab.states)}
    return said | {"since": (now() - query.since.length).isoformat()} if query.since else said
