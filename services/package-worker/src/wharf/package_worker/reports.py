"""The job: what a tenant's imports and jobs did in a week or a month, as a package over all its projects."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from wharf.common.jobs.kinds import ALL_PROJECTS, MAIL, MailPayload, ReportPayload
from wharf.common.jobs.submission import Order
from wharf.common.ledger.models import ReportRecipient
from wharf.common.packages import chosen, package_named
from wharf.common.runtime.context import JobContext
from wharf.package_worker.packages import make_package
from wharf.package_worker.reading.query import Scope

TYPE = "activity_report"


def run_report(context: JobContext[ReportPayload]) -> dict[str, Any]:
    """Make the report's files; gives the `result` of a package, with which report it is and its period."""
    payload = context.payload
    title = f"{payload.report.capitalize()} report, {payload.first_day} to {payload.last_day}"
    kind = chosen(package_named(TYPE), payload.options).model_copy(update={"title": title})
    period = {"from": payload.since, "to": payload.until}
    scope = Scope(None, payload.since, payload.until)
    return make_package(context, kind, scope) | {"report": payload.report, "period": period}


def order_mail(connection: Connection, context: JobContext[ReportPayload]) -> list[Order]:
    """A job of its own, where the tenant wants mail: a mail server that is away keeps no report from its end."""
    if connection.execute(select(ReportRecipient.address).limit(1)).first() is None:
        return []
    payload, label = MailPayload(report_id=context.job_id), f"Mail: {context.view.label}"
    return [Order(context.tenant_id, ALL_PROJECTS, MAIL, payload, label=label, parent_id=context.job_id)]
