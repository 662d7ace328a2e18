"""The job of the schedules `weekly_reports` and `monthly_reports`: a report for each tenant that has done something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from wharf.common.jobs.kinds import ALL_PROJECTS, REPORT, ReportPayload, ReportsPayload
from wharf.common.jobs.submission import Order, Written, write_job
from wharf.common.ledger.models import Job
from wharf.common.runtime.context import JobContext
from wharf.common.schedules import zone_named

AT_WORK = text("SELECT wharf.tenants_at_work(:since, :until)")
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('report of ' || cast(:tenant AS text), 0))")


def order_reports(context: JobContext[ReportsPayload]) -> dict[str, Any]:
    """Write the jobs; how many. A tenant without work has no report, and one that has it already gets no second one."""
    wanted, made = context.payload, 0
    payload = report_before(context.view.created_at, wanted.report, zone_named(wanted.time_zone))
    with context.database.anyone() as connection, context.pulse.guarding(connection):
        tenants = connection.execute(AT_WORK, {"since": payload.since, "until": payload.until}).scalars().all()
    for done, tenant_id in enumerate(tenants, 1):
        context.check()
        if written := _order(context, tenant_id, payload):
            context.announce(written, tenant_id)
            made += 1
        context.report(done, len(tenants), stage="order", message=f"{made:,} reports are ordered.")
    period = {"from": payload.since, "to": payload.until}
    return {"report": wanted.report, "period": period, "tenants": len(tenants), "reports": made}


def report_before(moment: datetime, report: Literal["weekly", "monthly"], zone: ZoneInfo) -> ReportPayload:
    """The report of the last whole week (from Monday) or month before a moment, on the zone's clock."""
    # On the clock, not by elapsed time: a week with a change of clocks begins at midnight, too.
    today = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if report == "weekly":
        until = today - timedelta(days=today.weekday())
        since = until - timedelta(days=7)
    else:
        until = today.replace(day=1)
        since = (until - timedelta(days=1)).replace(day=1)
    return ReportPayload(
        report=report,
        since=since.astimezone(UTC),
        until=until.astimezone(UTC),
        first_day=since.date(),
        last_day=(until - timedelta(days=1)).date(),
    )


def _order(context: JobContext[ReportsPayload], tenant_id: UUID, payload: ReportPayload) -> Written | None:
    """One transaction for each; None where that report is there already."""
    name = f"{payload.report}-report-{payload.first_day}"
    with context.database.tenant(tenant_id) as connection:
        connection.execute(LOCK, {"tenant": tenant_id})
        there = select(Job.id).where(Job.kind == REPORT.name, Job.request_id == name, Job.created_at >= payload.until)
        if connection.execute(there).first():
            return None
        label = f"{payload.report.capitalize()} report from {payload.first_day}"
        return write_job(connection, Order(tenant_id, ALL_PROJECTS, REPORT, payload, label=label, request_id=name))
