"""The stages of each kind of job, and how far one is in them."""

from __future__ import annotations

from typing import Final

from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView

STAGES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "import": (("plan", "Look at the file"), ("load", "Read and check"), ("merge", "Merge")),
    "import_part": (("load", "Read and check"),),
    "inspect": (("inspect", "Look at the file"),),
    "package": (("read", "Read the datasets"), ("xlsx", "Write the workbook"), ("pdf", "Draw the PDF")),
    "report": (("read", "Read the datasets"), ("xlsx", "Write the workbook"), ("pdf", "Draw the PDF")),
    "undo": (("undo", "Give back"),),
}
"""In their order. A stage that only some jobs have stands where it is found, before the next one."""
FURTHER: Final = {
    "divide": ("plan", "Divide"),
    "parts": ("plan", "Parts side by side"),
    "check": ("load", "Check across"),
}
"""Such stages: after which one they come, and their words."""


def stages_of(job: JobView) -> list[tuple[str, str]]:
    """Each stage's words with `done`, `now` or `next`; nothing for a job that waits, or that ended on its way."""
    steps = list(STAGES.get(job.kind, ()))
    if job.status is Status.COMPLETED:
        return [(words, "done") for _, words in steps]
    stage = job.progress.stage
    if job.status not in {Status.RUNNING, Status.CANCELLING} or not steps:
        return []
    names = [name for name, _ in steps]
    if stage in FURTHER and FURTHER[stage][0] in names:
        after, words = FURTHER[stage]
        names.insert(names.index(after) + 1, stage)
        steps.insert(names.index(stage), (stage, words))
    at = names.index(stage) if stage in names else -1
    return [(words, "done" if nth < at else "now" if nth == at else "next") for nth, (_, words) in enumerate(steps)]
