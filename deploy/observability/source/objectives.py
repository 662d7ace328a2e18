"""The service level objectives, and the rules that follow from them.

An alert compares two windows: the long one shows that enough of the budget is gone to act, the short one that it is
still going. How much is enough is Google's table (The Site Reliability Workbook, "Alerting on SLOs", chapter 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SHORT_AND_LONG = {"critical": (("5m", "1h", 14.4), ("30m", "6h", 6.0)), "warning": (("6h", "3d", 1.0),)}
"""By severity: the two windows, and how many times too fast the budget is spent."""
WINDOWS = ("5m", "30m", "1h", "6h", "3d")
FEW = 5
"""So few bad events are no trend, whatever their share: at night one request may be all there is."""
RUNBOOKS = "docs/runbooks"
INTAKE = r'route!~".*(upload|files/|bundle|events|/ws).*"'
"""Answers that take as long as a file takes to be sent are no measure of us."""
NO_PROBE = 'route!~"/(livez|readyz|metrics)"'
WANTED = 'kind!~"canary|health"'
"""Jobs that somebody asked for: thousands of canaries a day would hide that an import fails."""
FAILED = f'wharf_jobs_failed_total{{cause!="input",{WANTED}}}'
COMPLETED = f'wharf_jobs_finished_total{{status="completed",{WANTED}}}'
WAITS = {"urgent": ("1.0", 0.99), "high": ("10.0", 0.95), "normal": ("60.0", 0.95)}
"""By priority: within how many seconds, as the bucket is called, and for how many of the jobs."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of good events; `bad` and `total` are expressions with `{w}` for the window."""

    name: str
    alert: str
    summary: str
    target: float
    bad: str
    total: str

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.target, 6)

    def kept(self, window: str) -> str:
        """An expression for the share that was good; where nothing bad was ever told, that is none."""
        return _in(window, f"1 - (({self.bad}) or vector(0)) / ({self.total})")


def _wait(priority: str, within: str, target: float) -> Objective:
    of = f'priority="{priority}"'
    total = f"sum(increase(wharf_priority_wait_seconds_count{{{of}}}[{{w}}]))"
    return Objective(
        name=f"wait-{priority}",
        alert="WharfJobsWaitTooLong",
        summary=f"Too many {priority} jobs wait longer than {float(within):g} s for a worker.",
        target=target,
        bad=f'{total} - sum(increase(wharf_priority_wait_seconds_bucket{{{of},le="{within}"}}[{{w}}]))',
        total=total,
    )


AVAILABILITY = Objective(
    name="api-availability",
    alert="WharfApiFails",
    summary="Too many requests are answered with a 5xx.",
    target=0.999,
    bad=f'sum(increase(wharf_http_requests_total{{{NO_PROBE},status=~"5.."}}[{{w}}]))',
    total=f"sum(increase(wharf_http_requests_total{{{NO_PROBE}}}[{{w}}]))",
)
SUCCESS = Objective(
    name="job-success",
    alert="WharfJobsFail",
    summary="Too many jobs fail for reasons that are not in their input.",
    target=0.99,
    bad=f"sum(increase({FAILED}[{{w}}]))",
    total=f"sum(increase({COMPLETED}[{{w}}])) + sum(increase({FAILED}[{{w}}]))",
)
OBJECTIVES = (
    AVAILABILITY,
    Objective(
        name="api-latency",
        alert="WharfApiSlow",
        summary="Too many requests are answered after more than half a second.",
        target=0.99,
        bad=(
            f"sum(increase(wharf_http_request_seconds_count{{{INTAKE}}}[{{w}}]))"
            f' - sum(increase(wharf_http_request_seconds_bucket{{{INTAKE},le="0.5"}}[{{w}}]))'
        ),
        total=f"sum(increase(wharf_http_request_seconds_count{{{INTAKE}}}[{{w}}]))",
    ),
    *(_wait(priority, *target) for priority, target in WAITS.items()),
    SUCCESS,
)


def rules() -> dict[str, Any]:
    """The rule file, as Prometheus reads it."""
    recorded = [record for one in OBJECTIVES for record in (_budget(one), *_records(one))]
    alerts = [_alert(one, severity) for one in OBJECTIVES for severity in SHORT_AND_LONG]
    return {
        "groups": [{"name": "wharf-objectives", "rules": recorded}, {"name": "wharf-budgets", "rules": alerts}],
    }


def _budget(one: Objective) -> dict[str, Any]:
    return {"record": "wharf:slo_budget", "expr": f"vector({one.budget})", "labels": {"slo": one.name}}


def _records(one: Objective) -> list[dict[str, Any]]:
    return [
        {"record": f"wharf:slo_{what}:increase{window}", "expr": _in(window, expr), "labels": {"slo": one.name}}
        for window in WINDOWS
        for what, expr in (("bad", one.bad), ("total", one.total))
    ]


def _in(window: str, expr: str) -> str:
    return expr.replace("{w}", window)


def _alert(one: Objective, severity: str) -> dict[str, Any]:
    burns = [_burns(one, *pair) for pair in SHORT_AND_LONG[severity]]
    return {
        "alert": one.alert,
        "expr": " or ".join(f"({burn})" for burn in burns) if len(burns) > 1 else burns[0],
        "for": "2m" if severity == "critical" else "15m",
        "labels": {"severity": severity, "slo": one.name},
        "annotations": {"summary": one.summary, "runbook_url": f"{RUNBOOKS}/{one.alert}.md"},
    }


def _burns(one: Objective, short: str, long: str, factor: float) -> str:
    of = f'{{slo="{one.name}"}}'
    most = f"{factor * one.budget:.6g}"
    shares = [f"wharf:slo_bad:increase{w}{of} / wharf:slo_total:increase{w}{of} > {most}" for w in (long, short)]
    return " and ".join((*shares, f"wharf:slo_bad:increase{long}{of} >= {FEW}"))
