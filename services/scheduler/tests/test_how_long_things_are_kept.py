"""Retentions are settings, in whole days; none of them is 0."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from wharf.common.errors import Invalid
from wharf.common.settings import load
from wharf.scheduler.housekeeping.retention import Retention
from wharf.scheduler.settings import SchedulerSettings

NAMES = [name for name in SchedulerSettings.model_fields if name.startswith("keep_")]


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """All that a scheduler needs, connected to nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "STORAGE_URL"):
        monkeypatch.setenv(f"WHARF_{name}", "redis://127.0.0.1:1/0")
    return monkeypatch


def test_each_is_what_was_said(environment):
    """And what housekeeping is given."""
    days = {name.removeprefix("keep_").removesuffix("_days"): nth + 1 for nth, name in enumerate(NAMES)}
    for name, number in days.items():
        environment.setenv(f"WHARF_KEEP_{name.upper()}_DAYS", str(number))
    environment.setenv("WHARF_ORPHAN_SECONDS", "2592000")
    settings = load(SchedulerSettings)
    # Staged rows are the dispatcher's.
    assert settings.keep_staging_days == days.pop("staging")
    assert asdict(Retention.of(settings)) == days | {"orphan_seconds": 30 * 86_400}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("days", ["0", "-1", "36501", "1.5"])
def test_no_days_at_all_are_refused_with_a_sentence(environment, name, days):
    """The start ends: it would remove what somebody is working with."""
    variable = f"WHARF_{name.upper()}"
    environment.setenv(variable, days)
    with pytest.raises(Invalid, match=rf"{variable} \(.*(say 1 to 36500 days|valid integer)") as refused:
        load(SchedulerSettings)
    assert "\n" not in refused.value.message
