"""What the overview tells: what needs somebody first, figures over time, drawn without script or style."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from wharf.common.jobs.states import Status
from wharf.common.jobs.view import ProgressView
from wharf.gateway.console import charts, words
from wharf.gateway.console.jobs.stages import stages_of
from wharf.gateway.console.overview.trend import Range, trend_of

BAD = '{"code": "no_header", "message": "Add a header row.", "detail": null, "retryable": false}'


def fail(tenant, count: int = 1) -> None:
    """Jobs that failed just now."""
    for _ in range(count):
        tenant.move(tenant.job(), status="failed", error=BAD, finished_at=datetime.now(UTC))


def test_all_is_well_where_nothing_is_wrong(tenant, api):
    """A tenant without jobs is not told of any concern."""
    assert "All is well" in api.get("/").text


def test_what_failed_comes_first_with_what_to_do(tenant, api):
    """Grouped by error, counted, with its sentence and the way there; discarded ones trouble nobody."""
    fail(tenant, 2)
    page = api.get("/").text
    assert "2 jobs failed: no header" in page
    assert "Add a header row." in page
    assert "/jobs?state=failed&amp;error=no_header&amp;discarded=false" in page
    api.post("/api/v1/jobs/bulk", json={"action": "discard", "filter": {"error": "no_header"}})
    assert "All is well" in api.get("/").text


def test_what_failed_without_an_error_is_told_and_found(tenant, api):
    """An older version may have noted none: its link names none, and leads to the job."""
    job = tenant.move(tenant.job(label="old.csv"), status="failed", finished_at=datetime.now(UTC))
    page = api.get("/").text
    assert "1 job failed: no error noted" in page
    (place,) = re.findall(r'href="(/jobs\?state=failed[^"]*)"', page)
    assert "error" not in place
    assert str(job.job_id) in api.get(html.unescape(place)).text


def test_jobs_that_nobody_takes_are_told_of(tenant, api):
    """No worker lives in these tests: what waits is not served."""
    tenant.job()
    assert "No worker serves the queue ingest" in api.get("/").text


def test_a_paused_queue_is_told_of(tenant, api):
    """Whoever looks for their job sees why it does not begin."""
    api.post("/api/v1/queues/package/pause", json={"reason": "The printer <b>moves</b>."})
    text = api.get("/").text
    assert "The queue package is paused" in text
    assert "The reason: The printer &lt;b&gt;moves&lt;/b&gt;." in text


def test_a_lease_that_nobody_renews_is_told_of(tenant, api):
    """Its job is stuck until a scheduler takes it back."""
    job = tenant.move(tenant.job(), status="running")
    tenant.execute(
        "INSERT INTO wharf.leases (job_id, tenant_id, attempt, worker, expires_at)"
        " VALUES (:id, :tenant, 1, 'w', now() - interval '10 minutes')",
        id=job.job_id, tenant=tenant.id,
    )  # fmt: skip
    assert "1 job is stuck" in api.get("/").text


def test_the_trend_counts_what_ended(tenant, api):
    """Per stretch and in sum; older ones do not count, nor do parts and other tenants' jobs."""
    fail(tenant)
    at = datetime.now(UTC)
    done = {"status": "completed", "started_at": at, "finished_at": at, "result": '{"rows_read": 10}'}
    for age in (timedelta(0), timedelta(hours=2), timedelta(days=2)):
        tenant.move(tenant.job(), **done | {"finished_at": at - age, "started_at": at - age})
    with tenant.database.tenant(tenant.id) as connection:
        day = trend_of(connection, None, Range.DAY)
        hour = trend_of(connection, None, Range.HOUR)
    assert (day.completed, day.failed, day.rows) == (2, 1, 20)
    assert (hour.completed, hour.failed) == (1, 1)
    assert round(day.success or 0, 1) == 66.7
    assert len(day.stretches) == 48
    page = api.get("/trend?range=7d").text
    assert "3 completed, 1 failed." in page


def test_the_platforms_overview_is_the_health_of_the_installation(gateway, backend):
    """Nothing of a tenant's: what the health report does not find well."""
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}, timeout=20) as platform:
        page = platform.get("/").text
    assert "No worker serves the queue" in page


@pytest.mark.parametrize(
    ("top", "rounded"), [(0, 1), (0.3, 0.5), (1, 1), (1.2, 2), (7, 10), (10, 10), (45, 50), (101, 200)]
)
def test_axes_end_at_round_numbers(top, rounded):
    """One, two, five, and their tenfolds."""
    assert charts.rounded(top) == pytest.approx(rounded)


def test_bars_stand_on_each_other_within_the_chart():
    """From the bottom up; what is nothing is not drawn."""
    chart = charts.stacked("t", ["a", "b"], [[("completed", 3), ("failed", 1)], [("completed", 0), ("failed", 0)]])
    good, wrong = chart.bars
    assert good.y + good.height == pytest.approx(chart.bottom)
    assert wrong.y + wrong.height == pytest.approx(good.y)
    assert good.height == pytest.approx(3 * wrong.height, abs=0.2)


def test_a_line_is_broken_where_nothing_is_known():
    """A stretch in which nothing began has no wait."""
    chart = charts.line("t", list("abcd"), [1.0, 2.0, None, 3.0], target=2.0)
    assert len(chart.lines) == 2
    assert chart.target is not None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "\N{EN DASH}"), (0.44, "0.4 s"), (59, "59 s"), (60, "1 min"), (7505, "2 h 5 min"), (90000, "1 d 1 h")],
)
def test_times_are_told_in_two_units(seconds, said):
    """Nobody reads seconds of a job of hours."""
    assert words.duration(seconds) == said


def test_a_percentage_is_not_rounded_up():
    """It is 100 only when it is."""
    assert words.percent(99.96) == "99 %"
    assert words.share(99.99) == "99.9 %"
    assert words.share(100) == "100 %"


def test_stages_say_how_far_a_job_is(tenant):
    """What is behind it, where it is, what is to come; a stage that only some have stands in its place."""
    job = tenant.job().model_copy(update={"status": Status.RUNNING})
    at = {stage: job.model_copy(update={"progress": ProgressView(stage=stage)}) for stage in ("load", "parts")}
    assert stages_of(at["load"]) == [("Look at the file", "done"), ("Read and check", "now"), ("Merge", "next")]
    assert [state for _, state in stages_of(at["parts"])] == ["done", "now", "next", "next"]
    assert stages_of(tenant.job()) == []
