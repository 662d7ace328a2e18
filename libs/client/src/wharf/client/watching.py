"""Watches a job on a screen, and says what became of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from wharf.client.api import WharfClient
from wharf.client.calls import Document
from wharf.client.failure import ClientError
from wharf.client.figures import count, duration
from wharf.client.job import Job
from wharf.client.screen import Screen, Step, screen

SHOWN_REJECTS = 5
OUTCOMES = ("inserted", "updated", "unchanged", "superseded", "rejected")
LONGEST_VALUE = 40


def watch(client: WharfClient, job_id: str) -> Job:
    """Show the job until it has ended; gives it as it is then."""
    with screen() as shown:
        return show_job(client.follow(job_id), shown)


def holdup(client: WharfClient, job_id: str) -> str | None:
    """Why a job that waits does not begin, where that is not only its turn; None also where nobody answers that."""
    try:
        job = client.job(job_id)
        queues = client.queues() if job.status == "queued" else []
    except ClientError:
        return None
    found = next((queue for queue in queues if queue["name"] == job.document.get("queue")), None)
    if found is None or (found["slots"] and not found["paused"]):
        return None
    if not found["paused"]:
        return f"No worker serves the queue {found['name']}: the job begins when one is started."
    why = f" ({found['pause_reason']})" if found.get("pause_reason") else ""
    return f"The queue {found['name']} is paused{why}: the job begins when it goes on."


def show_job(moves: Iterable[Job], shown: Screen) -> Job:
    """Show each move; gives the last one, which has ended."""
    job: Job | None = None
    for job in moves:
        shown.show(Step.of(job))
    if job is None:
        message = "A job that is followed moves at least once."
        raise RuntimeError(message)
    return job


def send(client: WharfClient, path: Path, **choices: Any) -> Document:  # noqa: ANN401 - those of WharfClient.upload
    """Upload a file and show how much of it has gone."""
    started = time.monotonic()
    with screen() as shown:

        def on_sent(sent: int, total: int) -> None:
            seconds = time.monotonic() - started
            rate = sent / seconds if seconds > 0 else None
            shown.show(Step("sending", sent, total, "bytes", rate, (total - sent) / rate if rate else None))

        return client.upload(path, on_sent=on_sent, **choices)


def summary(client: WharfClient, job: Job) -> Iterator[str]:
    """Yield lines: how the job ended, its counts, the first rejects and where to see more."""
    yield from outcome(job)
    shown = list(first_rejects(client, job))
    yield from shown
    if shown:
        yield f"  More of them: wharf jobs rejects {job.job_id} --limit 1000"
    if not job.succeeded:
        yield f"  See its log:  wharf jobs logs {job.job_id}"
        yield f"  Try it again: wharf jobs retry {job.job_id}"


def outcome(job: Job) -> Iterator[str]:
    """Yield how the job ended, and of an import what became of its rows."""
    result = job.result or {}
    if job.status == "cancelled":
        yield f"Job {job.job_id} was cancelled."
    elif not job.succeeded:
        yield f"Job {job.job_id} failed: {(job.error or {}).get('message', 'no reason was given.')}"
    else:
        yield _completed(result)
    if "reversed" in result:
        yield f"  {count(result['reversed'])} reversed, {count(result['kept'])} kept (changed since by another import)"
    if "rows_read" in result:
        yield "  " + ", ".join(f"{count(result.get(name, 0))} {name}" for name in OUTCOMES)


def _completed(result: Document) -> str:
    took = f" in {duration(result['seconds'])}" if "seconds" in result else ""
    rows = f": {count(result['rows_read'])} rows read" if "rows_read" in result else ""
    dry = " (a dry run: the dataset is as it was)" if result.get("dry_run") else ""
    return f"Completed{took}{rows}{dry}"


def first_rejects(client: WharfClient, job: Job) -> Iterator[str]:
    """Yield the first rejects of an import with their lines and reasons; nothing where it has none."""
    total = (job.result or {}).get("rejected")
    if not total:
        return
    yield f"  The first {SHOWN_REJECTS} of {count(total)} rejects:" if total > SHOWN_REJECTS else "  The rejects:"
    for reject in islice(client.rejects(job.job_id, limit=SHOWN_REJECTS), SHOWN_REJECTS):
        yield from (f"    {line}" for line in reject_lines(reject))


def reject_lines(reject: Document) -> Iterator[str]:
    """Yield `line 17  quantity: This is not a number. … (got 'n/a')` for each of a reject's reasons."""
    for error in reject.get("errors") or []:
        value = error.get("value")
        got = f" (got {_shortened(str(value))!r})" if value not in {None, ""} else ""
        yield f"line {reject['line']}  {error.get('column') or '(whole row)'}: {error['message']}{got}"


def _shortened(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 3] + "..."
