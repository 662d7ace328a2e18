"""What came of days under policies, in figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from deploy.helm.simulation.cluster import Cluster, Seen
from deploy.helm.simulation.load import CLASSES, DAYS, HIGH, NORMAL, URGENT, Job, day
from deploy.helm.simulation.policy import Policy

HOUR = 3600.0
SLOTS = {"ingest": 2, "ingest-bulk": 1, "package": 2}
CHOSEN = Policy()
"""What values.yaml says: deploy/helm/tests compares."""
OTHERS: dict[str, Policy] = {
    "the chart's": CHOSEN,
    "2 jobs a slot": replace(CHOSEN, jobs_per_slot=2),
    "down after 60 s": replace(CHOSEN, down_seconds=60),
    "down after 300 s": replace(CHOSEN, down_seconds=300),
    "at least 2": replace(CHOSEN, least=2),
    "4 replicas, fixed": replace(CHOSEN, fixed=4),
}
OF_PACKAGES = {"to zero": replace(CHOSEN, least=0)}
SLOW_START = 120.0
"""A new node is needed, or the image has to be fetched."""


@dataclass(frozen=True, slots=True)
class Result:
    """A queue's day under a policy: waits in seconds, cost in hours of pods."""

    queue: str
    day: str
    policy: str
    urgent: float
    high: float
    normal: float
    longest: float
    pod_hours: float
    most: int
    given_back: int
    done_again: float


def percentile(values: Iterable[float], share: float) -> float:
    """0 where there are none."""
    found = sorted(values)
    return found[min(len(found) - 1, int(share * len(found)))] if found else 0.0


def policies_of(queue: str) -> dict[str, Policy]:
    """What is compared for a queue."""
    return OTHERS | (OF_PACKAGES if queue == "package" else {})


def simulate(queue: str, jobs: Sequence[Job], policy: Policy, start: float | None = None) -> Seen:
    """That day, with the slots that the queue's workers have."""
    cluster = Cluster(queue, replace(policy, slots=SLOTS[queue]))
    if start is not None:
        cluster.start_seconds = start
    return cluster.run(list(jobs))


def result(queue: str, name: str, policy: str, seen: Seen) -> Result:
    """The figures of what was seen."""

    def waits(priority: int) -> list[float]:
        return [wait for _, of, wait in seen.waits if of == priority]

    return Result(
        queue,
        name,
        policy,
        percentile(waits(URGENT), 0.99),
        percentile(waits(HIGH), 0.95),
        percentile(waits(NORMAL), 0.95),
        max((wait for *_, wait in seen.waits), default=0.0),
        seen.pod_seconds / HOUR,
        max(pods for _, pods, _ in seen.replicas),
        seen.given_back,
        seen.done_again,
    )


def everything() -> tuple[list[Result], dict[tuple[str, str], Seen]]:
    """All queues, days and policies; and what was seen of the chosen one, to be drawn."""
    found: list[Result] = []
    drawn: dict[tuple[str, str], Seen] = {}
    for queue in CLASSES:
        results, seen = of_queue(queue)
        found += results
        drawn |= {(queue, name): one for name, one in seen.items()}
    return found, drawn


def of_queue(queue: str) -> tuple[list[Result], dict[str, Seen]]:
    """A queue's days under all policies; and by day what was seen of the chosen one."""
    found, drawn = [], {}
    for name in DAYS:
        jobs = day(name, CLASSES[queue])
        for policy, values in policies_of(queue).items():
            seen = simulate(queue, jobs, values)
            found.append(result(queue, name, policy, seen))
            if values is CHOSEN:
                drawn[name] = seen
        found.append(result(queue, name, "pods begin after 120 s", simulate(queue, jobs, CHOSEN, SLOW_START)))
    return found, drawn


def table(results: Sequence[Result]) -> str:
    """By queue and policy, the worst of all days for waits, the sum of an office day and a month's end for cost."""
    columns = ("urgent, p99", "high, p95", "normal, p95", "normal, p95, flood", "pod-hours", "most pods", "given back")
    lines = [f"| queue | policy | {' | '.join(columns)} |", "|---|---|" + "---:|" * len(columns)]
    for queue in CLASSES:
        names = dict.fromkeys(one.policy for one in results if one.queue == queue)
        lines += [_line([one for one in results if (one.queue, one.policy) == (queue, name)]) for name in names]
    return "\n".join(lines) + "\n"


def _line(of: Sequence[Result]) -> str:
    calm = [one for one in of if one.day != "flood"]
    days = {one.day: one for one in of}
    cells = [
        of[0].queue,
        of[0].policy,
        *(f"{max(getattr(one, name) for one in calm):.1f} s" for name in ("urgent", "high", "normal")),
        f"{days['flood'].normal:.0f} s",
        f"{days['office'].pod_hours:.0f}, {days['month end'].pod_hours:.0f}",
        str(max(one.most for one in of)),
        str(sum(one.given_back for one in of)),
    ]
    return f"| {' | '.join(cells)} |"
