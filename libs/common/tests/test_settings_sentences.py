from __future__ import annotations

from pathlib import Path

import pytest

from wharf.common.errors import Invalid
from wharf.common.settings import DatabaseSettings, StorageSettings, WorkerSettings, load


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


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As Docker and Kubernetes hand them out, under each name that the variable has; a value that is said wins."""
    (tmp_path / "url").write_text("postgresql://u:pw@h/d\n", "utf-8")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    assert load(DatabaseSettings).database_url.get_secret_value() == "postgresql://u:pw@h/d"
    monkeypatch.setenv("WHARF_DATABASE_URL", "postgresql://said/d")
    assert load(DatabaseSettings).database_url.get_secret_value() == "postgresql://said/d"


def test_the_name_of_the_file_may_stand_in_dotenv(tmp_path: Path) -> None:
    """Where the other settings are."""
    (tmp_path / "url").write_text("postgresql://u:pw@h/d", "utf-8")
    (tmp_path / ".env").write_text(f"WHARF_DATABASE_URL_FILE={tmp_path / 'url'}\n", "utf-8")
    assert load(DatabaseSettings).database_url.get_secret_value() == "postgresql://u:pw@h/d"


def test_an_optional_secret_may_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those without which a service starts."""
    (tmp_path / "key").write_text("k3y", "utf-8")
    monkeypatch.setenv("WHARF_S3_SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("WHARF_STORAGE_URL", "s3://bucket")
    settings = load(StorageSettings)
    assert settings.s3_secret_key is not None
    assert settings.s3_secret_key.get_secret_value() == "k3y"
    assert "k3y" not in repr(settings)


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret that was not mounted is one sentence."""
    monkeypatch.setenv("WHARF_DATABASE_URL_FILE", str(tmp_path / "none"))
    with pytest.raises(Invalid, match=r"WHARF_DATABASE_URL_FILE names .*none.*cannot be read") as refused:
        load(DatabaseSettings)
    assert "\n" not in refused.value.message


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files hand on what nobody chose as nothing."""
    monkeypatch.setenv("WHARF_DATABASE_URL", "postgresql://said/d")
    monkeypatch.setenv("WHARF_DATABASE_POOL", "")
    assert load(DatabaseSettings).database_pool == 5
