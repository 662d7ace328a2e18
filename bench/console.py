"""`python -m bench.console`: the console in a browser, with 100,000 jobs in the ledger and 1,000 who watch.

First paint is the browser's own figure (`first-contentful-paint`), from the request on. The way of a progress is from
before a worker's write until after the frame in which the page shows it; both clocks are this machine's.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from anyio import fail_after
from anyio.abc import TaskStatus
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Page, sync_playwright

from wharf.common.feed import Feed
from wharf.common.jobs.view import JobView, ProgressView, job_view
from wharf.local.connection import Connection
from wharf.local.stack import LocalStack

JOBS, WATCHERS, ROUNDS, WRITES = 100_000, 999, 15, 120
PATHS = ("/", "/jobs", "/jobs?state=running", "/jobs?state=failed", "/jobs?since=24h&kind=import", "/jobs?q=zzz")
PAUSE = 0.15
OPEN_WITHIN = 120.0
THREAD = "watchers"
FILL = """
    INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, label,
                            created_at, started_at, finished_at, result, error)
    SELECT gen_random_uuid(), t.id, 'default', 'import', 'ingest', 1,
           CASE WHEN bad THEN 'failed' ELSE 'completed' END, 'file-' || n || '.csv',
           at, at + interval '1 s', at + interval '3 s',
           CASE WHEN NOT bad THEN '{"rows_read": 1000, "inserted": 990, "rejected": 10}'::jsonb END,
           CASE WHEN bad THEN '{"code": "no_header", "message": "Add one.", "retryable": false}'::jsonb END
    FROM wharf.tenants t, generate_series(1, %s) n,
         LATERAL (SELECT mod(n, 200) = 0 AS bad, now() - n * interval '5 s' AS at)
    WHERE t.name = 'default'"""
ONE = """
    INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, label, started_at, available_at)
    SELECT gen_random_uuid(), t.id, 'default', 'import', 'ingest', 1, 'running', 'watched.csv', now(), now()
    FROM wharf.tenants t WHERE t.name = 'default' RETURNING *"""
SEE = """(id) => {
  window.seen = {};
  const place = document.querySelector(`[data-job="${id}"]`);
  new MutationObserver(() => {
    const said = place.querySelector('[data-field="message"]').textContent;
    if (!(said in window.seen)) requestAnimationFrame(() => setTimeout(() => { window.seen[said] ??= Date.now(); }));
  }).observe(place, { subtree: true, childList: true, characterData: true });
}"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@dataclass(frozen=True)
class Watched:
    """The job that a page shows, whose progress is written by hand."""

    view: JobView
    tenant_id: UUID


def main() -> None:
    """Measure and print."""
    place = shutil.which("chromium")
    if place is None:
        sys.exit("There is no chromium here. On Debian: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory(prefix="wharf-bench-") as folder,
        LocalStack(Path(folder) / "data", port=0, discard=True) as stack,
        sync_playwright() as playwright,
    ):
        fill(stack.connection)
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        log_in(page, stack.connection)
        paints(page, stack.connection.url)
        ways(page, stack.connection, "alone")
        with watching(stack.connection, WATCHERS):
            ways(page, stack.connection, f"beside {WATCHERS} who watch")
        browser.close()


def fill(connection: Connection) -> None:
    """Jobs that ended, of about six days."""
    with psycopg.connect(connection.database_url, autocommit=True) as ledger:
        ledger.execute(FILL, [JOBS])
        ledger.execute("VACUUM ANALYZE wharf.jobs")


def log_in(page: Page, connection: Connection) -> None:
    """As a person does."""
    page.goto(f"{connection.url}/login")
    page.get_by_label("API key").fill(connection.api_key)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{connection.url}/")


def paints(page: Page, url: str) -> None:
    """Each page some times; the first is not counted, as it loads what browsers keep."""
    print(f"First paint with {JOBS:,} jobs in the ledger, ms:")
    for path in PATHS:
        found = []
        for _ in range(ROUNDS + 1):
            page.goto(url + path)
            page.wait_for_timeout(PAUSE * 1000)
            found.append(float(page.evaluate(PAINT)))
        print(f"  {path:<32} {told(found[1:])}")


def ways(page: Page, connection: Connection, how: str) -> None:
    """From a worker's write of its progress to the page."""
    watched = begin(connection)
    page.goto(f"{connection.url}/jobs?state=running")
    page.locator('[data-live-state="on"]').wait_for(state="attached")
    page.wait_for_timeout(3000)
    page.evaluate(SEE, str(watched.view.job_id))
    feed, sent = Feed(connection.redis_url), {}
    for nth in range(WRITES):
        progress = ProgressView(
            current=nth, total=WRITES, percent=0.0, unit="rows", stage="load", message=f"mark {nth}"
        )
        sent[progress.message] = time.time() * 1000
        feed.tell(watched.view.model_copy(update={"progress": progress}), watched.tenant_id, "job.progress")
        time.sleep(PAUSE)
    page.wait_for_timeout(2000)
    seen: dict[str, float] = page.evaluate("() => window.seen")
    found = [seen[mark] - at for mark, at in sent.items() if mark in seen]
    print(f"From a write of progress to the page, {how}, ms ({len(found)} of {WRITES} seen):")
    print(f"  {told(found)}")
    with psycopg.connect(connection.database_url) as ledger:
        ledger.execute(
            "UPDATE wharf.jobs SET status = 'cancelled', finished_at = now() WHERE id = %s", [watched.view.job_id]
        )


def begin(connection: Connection) -> Watched:
    """A job that runs as far as the ledger knows."""
    with psycopg.connect(connection.database_url, row_factory=psycopg.rows.dict_row) as ledger:
        row = ledger.execute(ONE.encode()).fetchall()[0]
    return Watched(job_view(row), row["tenant_id"])


def told(values: list[float]) -> str:
    """Median, 95th percentile and largest."""
    ordered = sorted(values)
    return (
        f"median {statistics.median(ordered):.0f}, p95 {ordered[int(len(ordered) * 0.95)]:.0f}, max {ordered[-1]:.0f}"
    )


@contextmanager
def watching(connection: Connection, count: int) -> Iterator[Future[None]]:
    """So many open streams of the tenant's events, all read; fails where one is refused, or ends before the block.

    What is given is done as soon as one of them has ended.
    """
    with start_blocking_portal(name=THREAD) as portal:
        watch, _ = portal.start_task(_watch, connection, count)
        try:
            yield watch
        finally:
            watch.cancel()
        if not watch.cancelled():
            watch.result()


async def _watch(connection: Connection, count: int, *, task_status: TaskStatus[None]) -> None:
    async with AsyncExitStack() as stack:
        with fail_after(OPEN_WITHIN):
            streams = [await _opened(connection, stack) for _ in range(count)]
        task_status.started()
        await asyncio.gather(*map(_read, streams))


async def _opened(connection: Connection, stack: AsyncExitStack) -> asyncio.StreamReader:
    place = urlsplit(connection.url)
    asked = f"GET /api/v1/events HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {connection.api_key}\r\n\r\n"
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    stack.callback(writer.close)
    writer.write(asked.encode())
    status = (await reader.readline()).decode().strip()
    if status.split()[1:2] != ["200"]:
        message = f"Who wanted to watch was answered: {status or 'nothing'}."
        raise RuntimeError(message)
    return reader


async def _read(stream: asyncio.StreamReader) -> None:
    while await stream.read(2**16):
        pass
    message = "A stream of events ended before the measurement did."
    raise RuntimeError(message)


if __name__ == "__main__":
    main()
