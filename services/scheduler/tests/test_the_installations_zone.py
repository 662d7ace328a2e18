"""The zone of the built-in schedules is a setting."""

from __future__ import annotations

import pytest

from wharf.common.errors import Invalid
from wharf.common.settings import load
from wharf.scheduler.settings import SchedulerSettings


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """All that a scheduler needs, connected to nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "STORAGE_URL"):
        monkeypatch.setenv(f"WHARF_{name}", "redis://127.0.0.1:1/0")
    return monkeypatch


def test_it_is_utc_unless_said(environment):
    """The zone that every machine has."""
    assert load(SchedulerSettings).time_zone == "UTC"
    environment.setenv("WHARF_TIME_ZONE", "Europe/Berlin")
    assert load(SchedulerSettings).time_zone == "Europe/Berlin"


def test_an_unknown_one_ends_the_start_with_a_sentence(environment):
    """That names the variable, and what may have been meant."""
    environment.setenv("WHARF_TIME_ZONE", "Europe/Berlni")
    with pytest.raises(Invalid, match=r"(?i)WHARF_TIME_ZONE.*did you mean europe/berlin"):
        load(SchedulerSettings)
