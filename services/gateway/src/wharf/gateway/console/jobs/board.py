"""The list of jobs: its tabs with their counts, its filter, as the page's address says them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Connection, String, Subquery, bindparam, func, literal, select, union_all

from wharf.common.clock import now
from wharf.common.jobs.kinds import Kind
from wharf.common.jobs.states import Status
from wharf.common.ledger.models import Job
from wharf.common.queues import Queue
from wharf.gateway.authentication import Member
from wharf.gateway.console.pages import address
from wharf.gateway.console.projects import projects_of
from wharf.gateway.cursors import LONGEST
from wharf.gateway.form import Optional
from wharf.gateway.jobs import JobFilter

MOST_COUNTED: Final = 10_000
"""A tab says `10,000+` beyond that: nobody reads on, and counting all would take longer than showing."""
PAGE: Final = 50


class Since(StrEnum):
    """How far back the list goes."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def length(self) -> timedelta:
        """As a time."""
        return {"h": timedelta(hours=1), "d": timedelta(days=1)}[self[-1]] * int(self[:-1])

    @property
    def words(self) -> str:
        """As the filter shows it."""
        return f"Last {self[:-1]} {'hours' if self[-1] == 'h' else 'days'}" if self != "1h" else "Last hour"


@dataclass(frozen=True, slots=True)
class Tab:
    """One of the list's tabs: the jobs in these states, all without any."""

    name: str
    words: str
    states: tuple[Status, ...] = ()


TABS: Final = (
    Tab("all", "All"),
    Tab("running", "Running", (Status.RUNNING, Status.CANCELLING)),
    Tab("queued", "Queued", (Status.QUEUED,)),
    Tab("retrying", "Retrying", (Status.RETRYING,)),
    Tab("completed", "Completed", (Status.COMPLETED,)),
    Tab("failed", "Failed", (Status.FAILED,)),
    Tab("cancelled", "Cancelled", (Status.CANCELLED,)),
)


class BoardQuery(BaseModel):
    """What the page's address says."""

    state: Literal["all", "running", "queued", "retrying", "completed", "failed", "cancelled"] = "all"
    kind: Optional[str] = Field(None, max_length=50)
    queue: Optional[Queue] = None
    project_id: Optional[str] = Field(None, max_length=63)
    since: Optional[Since] = None
    q: Optional[str] = Field(None, max_length=200)
    error: Optional[str] = Field(None, max_length=200)
    discarded: Optional[bool] = None
    cursor: Optional[str] = Field(None, max_length=LONGEST)

    @property
    def tab(self) -> Tab:
        """The one that is open."""
        return next(tab for tab in TABS if tab.name == self.state)

    @property
    def said(self) -> dict[str, Any]:
        """What the filter bar says."""
        return self.model_dump(mode="json", exclude={"state", "cursor"}, exclude_none=True)

    def wanted(self, member: Member) -> JobFilter:
        """As the ledger is asked, whatever the tab."""
        return JobFilter(
            kind=self.kind,
            queue=self.queue,
            project_id=member.project(self.project_id),
            since=now() - self.since.length if self.since else None,
            q=self.q,
            error=self.error,
            discarded=self.discarded,
        )

    def of(self, state: str, **more: object) -> str:
        """The address of a tab with the same filter, from its beginning."""
        return address("/jobs", state=None if state == "all" else state, **self.said, **more)


def of_tab(wanted: JobFilter, tab: Tab) -> JobFilter:
    """The filter within a tab."""
    return replace(wanted, status=tab.states)


def counts(connection: Connection, wanted: JobFilter) -> dict[str, int | None]:
    """Jobs of each tab, at most one more than `MOST_COUNTED` of a state; None where counting would take too long.

    Each state is a query of its own, with the state's name in its text: so it is led by that state's index.
    """
    states = [status for status in Status if not (wanted.q and status is Status.COMPLETED)]
    shown = func.count().label("n")
    each = [
        select(literal(str(status), String).label("status"), shown).select_from(_some(wanted, status))
        for status in states
    ]
    found = {row.status: row.n for row in connection.execute(union_all(*each))}
    tabs = {tab.name: tab.states or tuple(Status) for tab in TABS}
    return {name: _sum([found.get(state) for state in states]) for name, states in tabs.items()}


def _sum(numbers: list[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _some(wanted: JobFilter, status: Status) -> Subquery:
    named = Job.status == bindparam(None, str(status), String, literal_execute=True)
    query = select(literal(1)).select_from(Job).where(*wanted.conditions(), named)
    return query.order_by(Job.created_at.desc(), Job.id.desc()).limit(MOST_COUNTED + 1).subquery()


def counted(count: int | None) -> str | None:
    """A tab's number."""
    if count is None:
        return None
    return f"{count:,}" if count <= MOST_COUNTED else f"{MOST_COUNTED:,}+"


def choices(connection: Connection, member: Member, project_id: str | None) -> dict[str, Any]:
    """What the filter bar offers."""
    projects = projects_of(connection, member.project_id, project_id)
    kinds = sorted(name for name in Kind.registry if not name.endswith("_part"))
    return {"kinds": kinds, "queues": list(Queue), "times": list(Since), "projects": projects}
