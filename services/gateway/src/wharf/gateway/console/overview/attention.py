"""What needs somebody, the worst first: failed and stuck jobs, queues without workers, schedules that were missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text

from wharf.gateway.authentication import Member
from wharf.gateway.checks import Level, Report
from wharf.gateway.checks.work import OLD, OVERDUE
from wharf.gateway.console.deadletters.places import place_of
from wharf.gateway.console.pages import address
from wharf.gateway.console.words import counted, duration, number, plain
from wharf.gateway.deadletters import MOST, groups_of

MOST_ERRORS: Final = 5
STUCK: Final = text("""
    SELECT count(*) FROM wharf.leases l JOIN wharf.jobs j ON j.id = l.job_id
    WHERE l.expires_at < now() - CAST(:late AS interval)
      AND (CAST(:project_id AS text) IS NULL OR j.project_id = :project_id)""")
OVERDUE_SCHEDULES: Final = text("""
    SELECT name, next_at FROM wharf.schedules WHERE enabled AND next_at < now() - CAST(:late AS interval)
      AND (CAST(:project_id AS text) IS NULL OR project_id = :project_id) ORDER BY next_at""")
MISSED: Final = text("""
    SELECT s.name, count(*) AS times FROM wharf.schedules s JOIN wharf.schedule_runs r ON r.schedule_id = s.id
    WHERE r.scheduled_for > now() - interval '1 day' AND r.outcome = 'missed'
      AND (CAST(:project_id AS text) IS NULL OR s.project_id = :project_id) GROUP BY s.name ORDER BY s.name""")
TONES: Final = {Level.FAIL: "failed", Level.WARN: "retrying"}
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that somebody should see to, and where."""

    level: Level
    title: str
    words: str
    place: str = ""
    place_words: str = ""

    @property
    def tone(self) -> str:
        """As a notice shows it."""
        return TONES[self.level]


def concerns_of(connection: Connection, member: Member, queues: Sequence[Item]) -> list[Concern]:
    """Those of a tenant, or of a key's project."""
    whose = {"project_id": member.project_id}
    found = [*_of_queues(queues), *_stuck(connection, whose), *_dead(connection, whose), *_schedules(connection, whose)]
    return sorted(found, key=lambda concern: concern.level is not Level.FAIL)


def concerns_in(report: Report) -> list[Concern]:
    """Those of the installation: what the health report does not find well."""
    bad = [(name, part) for name, part in report.parts.items() if part.level is not Level.OK]
    found = [Concern(part.level, plain(name).capitalize(), part.detail) for name, part in bad]
    return sorted(found, key=lambda concern: concern.level is not Level.FAIL)


def _of_queues(queues: Sequence[Item]) -> Iterator[Concern]:
    for queue in queues:
        name, wait = queue["name"], queue["oldest_wait_seconds"]
        waiting = counted(queue["waiting"], "job waits", "jobs wait")
        if queue["paused"]:
            whose = " by the platform" if queue["paused_by"] == "platform" else ""
            why = f" The reason: {queue['pause_reason']}" if queue["pause_reason"] else ""
            words = f"{waiting} in it.{why}"
            yield Concern(Level.WARN, f"The queue {name} is paused{whose}", words)
        elif queue["waiting"] and not queue["slots"]:
            words = f"{waiting}. Start a worker for it, or ask who runs this installation."
            yield Concern(Level.FAIL, f"No worker serves the queue {name}", words)
        elif wait is not None and wait > OLD.total_seconds():
            place = address("/jobs", state="queued", queue=name)
            yield Concern(
                Level.WARN, f"Jobs wait long in {name}", f"The oldest since {duration(wait)}.", place, "Show them"
            )


def _stuck(connection: Connection, whose: Item) -> Iterator[Concern]:
    count = connection.execute(STUCK, whose | {"late": OVERDUE}).scalar_one()
    if count:
        title = counted(count, "job is stuck", "jobs are stuck")
        words = "Nothing has been heard of the worker for minutes, and no other one took over: does a scheduler run?"
        yield Concern(Level.FAIL, title, words, "/jobs?state=running", "Show what runs")


def _dead(connection: Connection, whose: Item) -> Iterator[Concern]:
    groups = groups_of(connection, whose["project_id"])
    for group in groups[:MOST_ERRORS]:
        what = plain(group.code or "no error noted")
        title = f"{counted(group.jobs, 'job', 'jobs')} failed: {what}"
        words = group.example.error.message if group.example.error else ""
        yield Concern(Level.FAIL, title, words, place_of(group), "Show them" if group.jobs > 1 else "Show it")
    if rest := sum(group.jobs for group in groups[MOST_ERRORS:]):
        yield Concern(Level.FAIL, _of_rest(rest, whole=len(groups) < MOST), "", "/dead-letters", "Show all")


def _of_rest(jobs: int, *, whole: bool) -> str:
    return (
        f"{number(jobs)} more failed with other errors"
        if whole
        else f"At least {counted(jobs, 'other', 'others')} failed"
    )


def _schedules(connection: Connection, whose: Item) -> Iterator[Concern]:
    late = connection.execute(OVERDUE_SCHEDULES, whose | {"late": OVERDUE}).all()
    if late:
        words = f"{late[0].name} since {late[0].next_at:%Y-%m-%d %H:%M} UTC: no scheduler begins it."
        yield Concern(Level.FAIL, f"{len(late)} schedules are overdue", words)
    for row in connection.execute(MISSED, whose):
        yield Concern(Level.WARN, f"{row.name} missed {row.times} of its times", "Within the last day.")
