from __future__ import annotations

from pathlib import Path

import pytest

from wharf.common.errors import Invalid
from wharf.common.settings import WorkerSettings, load


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "WHARF_DATABASE_URL", "WHARF_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WHARF_BROKER_URL", "WHARF_STORAGE_URL", "WHARF_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)


def test_missing_settings_are_named_in_one_sentence() -> None:
    """Who starts a service by hand is told which variables to set."""
    with pytest.raises(Invalid, match=r"WHARF_DATABASE_URL.*WHARF_STORAGE_URL") as refused:
        load(WorkerSettings)
    assert "\n" not in refused.value.message


def test_a_wrong_value_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value may be a secret: the message has the variable's name only."""
    monkeypatch.setenv("WHARF_CONCURRENCY", "s3cret")
    with pytest.raises(Invalid, match="WHARF_CONCURRENCY") as refused:
        load(WorkerSettings)
    assert "s3cret" not in refused.value.message


def test_the_usual_names_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """DATABASE_URL, REDIS_URL and CELERY_BROKER_URL are aliases."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:pw@h/d")
    monkeypatch.setenv("REDIS_URL", "redis://h/0")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://h/1")
    monkeypatch.setenv("WHARF_STORAGE_URL", "file:///tmp/x")
    settings = load(WorkerSettings)
    assert settings.broker_url.get_secret_value() == "redis://h/1"
    assert "pw" not in repr(settings)
