"""When schedules run: in their zone, through the changes of its clocks, and never by an expression that cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.common.errors import Invalid
from wharf.common.schedules import Cron, Interval, in_words, next_runs, schedulable, timing_of, zone_named
from wharf.common.schedules.timing import between

BERLIN, LORD_HOWE = "Europe/Berlin", "Australia/Lord_Howe"


def runs(expression: str, zone: str, start: str, number: int) -> list[str]:
    """The next ones, as the zone's clock shows them."""
    clock = ZoneInfo(zone)
    moment = datetime.fromisoformat(start).replace(tzinfo=clock).astimezone(UTC)
    cron, found = Cron.parse(expression, clock), []
    for _ in range(number):
        moment = cron.after(moment)
        found.append(moment.astimezone(clock).isoformat())
    return found


def test_a_time_that_is_skipped_runs_at_the_first_moment_after_the_gap() -> None:
    """Once, however many of the expression's times are in the gap, and the day after at its own time again."""
    assert runs("30 2 * * *", BERLIN, "2026-03-28T12:00", 2) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]
    assert runs("*/15 2 * * *", BERLIN, "2026-03-29T00:00", 2) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:00:00+02:00",
    ]
    assert runs("0 */2 * * *", BERLIN, "2026-03-29T00:30", 2) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-29T04:00:00+02:00",
    ]


def test_a_time_that_comes_twice_runs_the_first_time() -> None:
    """Also where one asks in the middle of the repeated hour, and for several times within it."""
    once = ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    assert runs("30 2 * * *", BERLIN, "2026-10-24T12:00", 2) == once
    second = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=ZoneInfo(BERLIN))
    assert Cron.parse("30 2 * * *", ZoneInfo(BERLIN)).after(second.astimezone(UTC)) == datetime.fromisoformat(once[1])
    assert runs("*/30 2 * * *", BERLIN, "2026-10-25T00:00", 3) == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:00:00+01:00",
    ]


def test_changes_of_half_an_hour_are_changes_too() -> None:
    """Lord Howe Island goes from 02:00 to 02:30 in October, and from 02:00 to 01:30 in April."""
    assert runs("15 2 * * *", LORD_HOWE, "2026-10-03T12:00", 2) == [
        "2026-10-04T02:30:00+11:00",
        "2026-10-05T02:15:00+11:00",
    ]
    assert runs("45 1 * * *", LORD_HOWE, "2026-04-04T12:00", 2) == [
        "2026-04-05T01:45:00+11:00",
        "2026-04-06T01:45:00+10:30",
    ]


def test_every_hour_means_elapsed_hours() -> None:
    """Nothing is made up for after a gap, and the repeated hour, or half an hour, is an hour like others."""
    assert runs("30 * * * *", BERLIN, "2026-03-29T01:00", 2) == [
        "2026-03-29T01:30:00+01:00",
        "2026-03-29T03:30:00+02:00",
    ]
    assert runs("30 0-23 * * *", BERLIN, "2026-10-25T02:00", 3) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T03:30:00+01:00",
    ]
    assert runs("45 * * * *", LORD_HOWE, "2026-04-05T01:00", 3) == [
        "2026-04-05T01:45:00+11:00",
        "2026-04-05T01:45:00+10:30",
        "2026-04-05T02:45:00+10:30",
    ]


BEGIN, END = datetime(2026, 1, 1), datetime(2027, 12, 1)  # noqa: DTZ001 - Hypothesis wants them so


@given(
    moment=st.datetimes(BEGIN, END),
    zone=st.sampled_from([BERLIN, LORD_HOWE, "America/New_York", "Africa/Cairo", "Asia/Kathmandu", "UTC"]),
    minute=st.integers(0, 59),
    hour=st.one_of(st.just("*"), st.integers(0, 23), st.just("*/3"), st.just("1-3")),
)
def test_the_next_one_is_always_later_and_never_left_out(moment, zone, minute, hour) -> None:
    """From whatever moment one asks: later, at most a day and a change away, and the same from a second before it."""
    cron, asked = Cron.parse(f"{minute} {hour} * * *", ZoneInfo(zone)), moment.replace(tzinfo=UTC)
    found = cron.after(asked)
    assert asked < found <= asked + timedelta(hours=26)
    assert cron.after(max(asked, found - timedelta(seconds=1))) == found


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("0 0 1-100000000 * *", "day of month '1-100000000'"),
        ("* * * * * *", "this has 6. Seconds are not among them"),
        ("* * * *", "this has 4"),
        ("", "this has 0"),
        ("0 0 31 2 *", "never comes"),
        ("0 0 30 FEB *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("61 * * * *", "minute '61'"),
        ("* 24 * * *", "hour '24'"),
        ("* * * FOO *", "month 'FOO'"),
        ("* * * * 8", "day of week '8'"),
        ("*/0 * * * *", "minute '*/0'"),
        ("5-1 * * * *", "minute '5-1'"),
        ("@daily", "this has 1"),
        ("\0 * * * *", "minute"),
        ("\u0663 * * * *", "minute"),
        ("1," * 5_000 + "1 * * * *", "five fields"),
    ],
)
def test_what_is_no_expression_or_never_comes_is_told(expression: str, told: str) -> None:
    """With the field, before anything is worked out of it."""
    with pytest.raises(Invalid) as caught:
        Cron.parse(expression, ZoneInfo("UTC"))
    assert told in caught.value.message
    assert [problem.loc for problem in caught.value.problems] == ["cron"]


def test_names_and_the_last_day_are_understood() -> None:
    """Of months and days, in any case; and February's last day by L."""
    assert runs("0 8 * jan-mar mon", "UTC", "2026-03-23T09:00", 2)[0].startswith("2026-03-30T08:00")
    assert runs("0 0 L 2 *", "UTC", "2026-01-01T00:00", 3)[2].startswith("2028-02-29")


def test_an_unknown_zone_names_the_near_ones() -> None:
    """And neither a path nor a machine's own choice is a zone."""
    with pytest.raises(Invalid, match="Did you mean Europe/Berlin"):
        zone_named("Europe/Berlni")
    for name in ("", "localtime", "../UTC", "/etc/localtime", "a\0b", "x" * 10_000):
        with pytest.raises(Invalid, match="There is no time zone"):
            zone_named(name)


def test_intervals_are_elapsed_time() -> None:
    """Whole ones from their beginning, however late somebody asks, through a change of the clocks."""
    begin = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    assert Interval(3600).after(begin, begin) == begin + timedelta(hours=1)
    assert Interval(3600).after(begin + timedelta(hours=7, minutes=59), begin) == begin + timedelta(hours=8)


def test_either_an_expression_or_an_interval() -> None:
    """Both, or none, say nothing."""
    for cron, seconds in ((None, None), ("* * * * *", 5)):
        with pytest.raises(Invalid, match="either cron or interval_seconds"):
            timing_of(cron, seconds, "UTC")


def test_the_latest_of_many_are_found_without_walking_through_all() -> None:
    """After a year without a scheduler, of one for every minute."""
    since, until = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    found = between(Cron.parse("* * * * *", ZoneInfo("UTC")), since, until, 100)
    assert (len(found), found[-1]) == (100, until)
    assert between(Interval(86_400), since, until, 3) == [until - timedelta(days=n) for n in (2, 1, 0)]
    assert between(Cron.parse("0 0 1 1 *", ZoneInfo("UTC")), since, until, 9) == [since, until]


def test_the_next_ones_are_shown_with_the_zones_offset() -> None:
    """As the people of that zone will read them."""
    first = datetime(2026, 10, 24, 0, 30, tzinfo=UTC)
    shown = [run.isoformat() for run in next_runs(Cron.parse("30 2 * * *", ZoneInfo(BERLIN)), first, BERLIN, 3)]
    assert shown == ["2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]


@pytest.mark.parametrize(
    ("cron", "seconds", "words"),
    [
        ("0 8 * * 1", None, "every Monday at 08:00"),
        ("0 8 * * MON-FRI", None, "every Monday through Friday at 08:00"),
        ("30 2 * * *", None, "every day at 02:30"),
        ("0,30 8 * * *", None, "every day at 08:00 and 08:30"),
        ("30 2 1 * *", None, "on the first day of every month at 02:30"),
        ("0 12 1 1 MON", None, "on the first day of month and on Monday in January at 12:00"),
        ("*/5 * * * *", None, "every fifth minute of every hour"),
        (None, 900, "every 15 minutes"),
        (None, 90, "every 90 seconds"),
        (None, 86_400, "every day"),
    ],
)
def test_times_are_said_in_words(cron: str | None, seconds: int | None, words: str) -> None:
    """For those who do not read cron."""
    assert in_words(cron, seconds) == words


@pytest.mark.parametrize("zone", ["Mars/Olympus", "localtime", "", "Europe/" + "x" * 60])
def test_reports_are_those_of_a_zone_that_there_is(zone):
    """It is said where the payload is written, not when the job runs."""
    with pytest.raises(Invalid) as refused:
        schedulable("reports", of_tenants=False).read({"report": "weekly", "time_zone": zone})
    assert [problem.loc for problem in refused.value.problems] == ["payload.time_zone"]
