"""What was delivered to webhooks, or given up; all of those that were removed, and then they themselves."""

from __future__ import annotations

from sqlalchemy import Connection, text

from wharf.scheduler.housekeeping.course import BATCH, Batched, Course, Cut

FORGET = text("SELECT wharf.forget_messages(make_interval(days => :days), :most, :trial)")


def _forget(course: Course, connection: Connection) -> Cut:
    values = {"days": course.keep.deliveries, "most": BATCH, "trial": course.is_trial}
    found = int(connection.execute(FORGET, values).scalar_one())
    return Cut(found, more=found >= BATCH)


CHORES = (Batched("deliveries", _forget, in_tenants=False),)
