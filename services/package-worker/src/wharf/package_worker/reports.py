"""The job: what a tenant's imports and jobs did in a week or a month, as a package over all its projects."""

from __future__ import annotations

from typing import Any

from wharf.common.jobs.kinds import ReportPayload
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
