"""An export of a made-up Jira project: a header for each sprint, label and comment, and comments of several lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from wharf.local.samples.expected import Expected
from wharf.local.samples.sheet import Sheet, Spoiling, spoilt_rows

SINGLE: Final = (
    "Summary", "Issue key", "Issue id", "Issue Type", "Status", "Project key", "Project name", "Priority", "Resolution",
    "Assignee", "Reporter", "Creator", "Created", "Updated", "Resolved", "Due Date", "Votes", "Description",
    "Environment", "Watchers", "Custom field (Story Points)", "Custom field (Epic Link)",
    "Custom field (Customer Impact)",
)  # fmt: skip
REPEATED: Final = {
    "Labels": 4, "Sprint": 3, "Component": 2, "Fix versions": 2, "Inward issue link (Blocks)": 2, "Attachment": 3,
    "Comment": 6,
}  # fmt: skip
"""Jira gives a list as many columns as its longest row needs."""
HEADER: Final = (*SINGLE, *(name for name, times in REPEATED.items() for _ in range(times)))
WAYS: Final = (
    Spoiling(HEADER.index("Issue key"), "", "issue_key", "required"),
    Spoiling(HEADER.index("Custom field (Story Points)"), "many", "story_points", "not_a_number"),
    Spoiling(HEADER.index("Created"), "31/Feb/25 9:00 AM", "created", "not_a_date"),
)

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NOON: Final = 12
START: Final = datetime(2025, 1, 6, 8, 0, tzinfo=UTC)
PEOPLE: Final = ("ana.ferreira", "bjørn.hansen", "chloé.dubois", "dieter.müller", "ewa.łukasz", "fergus.obrien")
KINDS: Final = ("Bug", "Story", "Task", "Epic", "Sub-task")
STATES: Final = ("To Do", "In Progress", "In Review", "Done")
PRIORITIES: Final = ("Lowest", "Low", "Medium", "High", "Highest")
POINTS: Final = ("", "1", "2", "3", "5", "8", "0.5")
WORDS: Final = ("upload", "hangs", "export", "login", "slow", "wrong total", "chart", "after update", "for guests")
LISTS: Final = {
    "Labels": ("backend", "regression", "ux", "customer", "Größe"),
    "Sprint": ("Sprint 41", "Sprint 42", "Sprint 43"),
    "Component": ("API", "Importer", "Page, public"),
    "Fix versions": ("2.4.0", "2.4.1", "3.0"),
    "Inward issue link (Blocks)": ("WH-1", "WH-2", "WH-3"),
}
REMARKS: Final = (
    "Seen again.",
    'Steps:\n1. open the page\n2. press "Save", twice\n\nExpected: one row',
    "Log:\n{code}\nValueError: a,b;c\n{code}",
    "Größe stimmt nicht; siehe Anhang",
    "+1",
)  # fmt: skip


def write_jira_issues(
    path: Path, rows: int, *, seed: int = 1, bad: int = 0, project_key: str = "WH", most_comments: int = 8
) -> Expected:
    """Write `rows` issues, `bad` of them spoilt; the expected `total` is the number of comments of the good ones.

    Dates are as `12/Nov/25 3:14 PM`. A row with more than six comments has more cells than its header.
    """
    tracker = Tracker(Random(seed), project_key, most_comments)  # noqa: S311 - a sample needs no secrecy
    comments = 0
    with path.open("wb") as file:
        sheet = Sheet(file, HEADER, spoilt_rows(rows, bad), WAYS)
        for number in range(1, rows + 1):
            lists = tracker.lists()
            if sheet.add([*tracker.single(number), *_spread(lists)]):
                comments += len(lists["Comment"])
    return Expected(rows, Decimal(comments), tuple(sheet.rejects))


@dataclass
class Tracker:
    """Makes up issues."""

    chance: Random
    project_key: str
    most_comments: int

    def single(self, number: int) -> list[str]:
        """The cells of `SINGLE`."""
        pick = self.chance.choice
        created = START + timedelta(minutes=self.chance.randrange(400_000))
        done = pick((True, False))
        return [
            f"{pick(WORDS)} {pick(WORDS)}".capitalize(),
            f"{self.project_key}-{number}",
            str(10_000 + number),
            pick(KINDS),
            "Done" if done else pick(STATES[:-1]),
            self.project_key,
            "Warehouse, new",
            pick(PRIORITIES),
            "Fixed" if done else "",
            pick((*PEOPLE, "")),
            pick(PEOPLE),
            pick(PEOPLE),
            jira_time(created),
            jira_time(created + timedelta(days=9, minutes=number)),
            jira_time(created + timedelta(days=8)) if done else "",
            jira_time(created + timedelta(days=30)),
            str(self.chance.randrange(5)),
            pick(("", *REMARKS)),
            pick(("", "Firefox 144,\nLinux")),
            pick(PEOPLE),
            pick(POINTS),
            pick(("", f"{self.project_key}-1")),
            pick(("", "One customer", "All, at night")),
        ]

    def lists(self) -> dict[str, list[str]]:
        """The values of each repeated header, as many as there are."""
        found = {
            name: self.chance.sample(values, self.chance.randrange(min(REPEATED[name], len(values)) + 1))
            for name, values in LISTS.items()
        }
        found["Attachment"] = [self._said(f"shot {n}.png;https://jira.example/{n}") for n in range(self._some(3))]
        found["Comment"] = [self._said(self.chance.choice(REMARKS)) for _ in range(self._some(self.most_comments))]
        return found

    def _some(self, most: int) -> int:
        return self.chance.randrange(most + 1)

    def _said(self, what: str) -> str:
        return f"{jira_time(START + timedelta(minutes=self._some(400_000)))};{self.chance.choice(PEOPLE)};{what}"


def jira_time(moment: datetime) -> str:
    """`12/Nov/25 3:14 PM`: always English, whatever the machine's language."""
    hour = (moment.hour - 1) % NOON + 1
    half = "AM" if moment.hour < NOON else "PM"
    return f"{moment.day:02d}/{MONTHS[moment.month - 1]}/{moment:%y} {hour}:{moment:%M} {half}"


def _spread(lists: dict[str, list[str]]) -> list[str]:
    """The cells of `REPEATED`: empty ones after the values there are."""
    return [cell for name, times in REPEATED.items() for cell in _filled(lists[name], times)]


def _filled(values: list[str], times: int) -> list[str]:
    return [*values, *[""] * (times - len(values))]
