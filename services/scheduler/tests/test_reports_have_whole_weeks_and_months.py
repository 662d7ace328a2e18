"""Which time a report is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wharf.scheduler.reports import report_before

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("moment", "report", "first", "last"),
    [
        ("2026-11-23T08:00+01:00", "weekly", "2026-11-16", "2026-11-22"),
        ("2026-11-25T03:00+01:00", "weekly", "2026-11-16", "2026-11-22"),
        ("2026-11-22T23:59+01:00", "weekly", "2026-11-09", "2026-11-15"),
        ("2026-11-22T23:30+00:00", "weekly", "2026-11-16", "2026-11-22"),
        ("2026-03-01T08:00+01:00", "monthly", "2026-02-01", "2026-02-28"),
        ("2026-01-01T00:00+01:00", "monthly", "2025-12-01", "2025-12-31"),
        ("2026-11-30T08:00+01:00", "monthly", "2026-10-01", "2026-10-31"),
    ],
)
def test_it_is_the_last_whole_one_on_the_zone_s_clock(moment, report, first, last):
    """However late its job begins; days are those of the installation."""
    payload = report_before(datetime.fromisoformat(moment), report, BERLIN)
    assert (str(payload.first_day), str(payload.last_day)) == (first, last)
    since, until = (one.astimezone(BERLIN) for one in (payload.since, payload.until))
    assert (since.hour, until.hour) == (0, 0)
    assert (since.date(), until.date() - timedelta(days=1)) == (payload.first_day, payload.last_day)


def test_a_week_in_which_the_clocks_change_is_no_hour_short_or_long():
    """From midnight to midnight: 169 hours in autumn."""
    payload = report_before(datetime(2026, 10, 27, tzinfo=UTC), "weekly", BERLIN)
    assert payload.until - payload.since == timedelta(hours=169)
