"""Settings are written four times: in the code, in docs/settings.md, in .env.example, and in Compose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from wharf.common.command import MigrationSettings
from wharf.common.secretfiles import is_secret, variables
from wharf.common.settings import Settings
from wharf.gateway.settings import GatewaySettings
from wharf.ingest_worker.settings import IngestSettings
from wharf.package_worker.settings import PackageSettings
from wharf.scheduler.backups.command import RestoreSettings
from wharf.scheduler.settings import SchedulerSettings

SETTINGS: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "ingest-worker": IngestSettings,
    "package-worker": PackageSettings,
    "scheduler": SchedulerSettings,
    "migrate": MigrationSettings,
}
AT_IMPORT = "WHARF_METRICS_DIR"
"""The one that no class has: see `wharf.common.metrics`."""
COMPOSE = Path("deploy/compose/compose.yaml")
ROW = re.compile(r"^\| (`WHARF_[^|]*)\| ([^|]*) \| ([^|]*) \|", re.MULTILINE)
WORKERS = {"ingest-worker": "ingest-worker", "ingest-bulk-worker": "ingest-worker", "package-worker": "package-worker"}
OF_COMPOSE_SERVICES = {"gateway": "gateway", "migrate": "migrate", **WORKERS}


def fields(service: str) -> Iterator[tuple[str, FieldInfo]]:
    """Each variable of a service, with its declaration."""
    for name, field in SETTINGS[service].model_fields.items():
        yield variables(name, field, "WHARF_")[0], field


@pytest.fixture(scope="module")
def declared() -> dict[str, FieldInfo]:
    """All settings of all services."""
    return {variable: field for service in SETTINGS for variable, field in fields(service)}


@pytest.fixture(scope="module")
def documented(texts: dict[Path, str]) -> list[tuple[str, str, str]]:
    """Variable, what it is of, default: as docs/settings.md has them."""
    return [
        (variable, row[2].strip() + (" secret" if "secret" in row[1] else ""), row[3].strip())
        for row in ROW.finditer(texts[Path("docs/settings.md")])
        for variable in re.findall(r"`(WHARF_\w+)`", row[1])
    ]


def test_every_setting_is_documented(declared: dict[str, FieldInfo], documented: list[tuple[str, str, str]]) -> None:
    """And no other one is; secrets are called so."""
    assert {variable for variable, _, _ in documented} == {*declared, AT_IMPORT}
    secret = {variable for variable, of, _ in documented if of.endswith(" secret")}
    assert secret == {variable for variable, field in declared.items() if is_secret(field)}


def test_the_documented_defaults_are_the_real_ones(documented: list[tuple[str, str, str]]) -> None:
    """A default in code marks is the value that holds; others are told in words."""
    for variable, of, default in documented:
        if (said := re.fullmatch(r"`(.*)`", default)) is None:
            continue
        service = "gateway" if of.startswith(("gateway", "all")) else "ingest-worker"
        service = "scheduler" if of == "scheduler" else service
        real = dict(fields(service))[variable].default
        assert real is not PydanticUndefined
        assert str(real).removesuffix(".0") == said[1], variable


def test_every_setting_is_in_the_example(texts: dict[Path, str], declared: dict[str, FieldInfo]) -> None:
    """Whoever copies it sees all that can be said; what is Compose's own stands apart."""
    ours, _, compose = texts[Path(".env.example")].partition("# --- Compose only")
    assert set(re.findall(r"^# (WHARF_\w+)=", ours, re.MULTILINE)) == {*declared, AT_IMPORT}
    substituted = set(re.findall(r"\$\{(\w+):-", texts[COMPOSE]))
    named = set(re.findall(r"^# (\w+)=", compose, re.MULTILINE))
    assert named == {name.removesuffix("_FILE") for name in substituted} - set(declared) - {"WHARF_LEGACY_KEY"}


@pytest.mark.parametrize(("container", "service"), OF_COMPOSE_SERVICES.items(), ids=OF_COMPOSE_SERVICES)
def test_compose_hands_on_every_setting(texts: dict[Path, str], container: str, service: str) -> None:
    """Each can be said in the environment or in `.env`, and each secret as a file."""
    given = environment(texts, container)
    for variable, field in fields(service):
        if service == "migrate" and variable == "WHARF_DATABASE_POOL":
            continue
        assert variable in given, variable
        assert not is_secret(field) or f"{variable}_FILE" in given, variable


def test_compose_hands_on_every_setting_of_the_scheduler(texts: dict[Path, str]) -> None:
    """Its two containers share an image: beat's settings and a worker's are all of it."""
    given = environment(texts, "scheduler") | environment(texts, "maintenance-worker")
    assert {variable for variable, _ in fields("scheduler")} <= set(given)


def test_a_restore_is_handed_what_it_reads(texts: dict[Path, str]) -> None:
    """And no secret that it has no use for."""
    read = {f"WHARF_{name.upper()}" for name in RestoreSettings.model_fields}
    assert {variable.removesuffix("_FILE") for variable in environment(texts, "restore")} <= read
    assert composed(texts, "restore")["secrets"] == ["owner_database_url", "s3_access_key", "s3_secret_key"]


def test_backups_have_the_programs_of_composes_server(texts: dict[Path, str]) -> None:
    """Whichever version is chosen: those of another one are refused."""
    version = composed(texts, "migrate")["build"]["args"]["POSTGRES"]
    assert composed(texts, "postgres")["image"] == f"postgres:{version}-bookworm"
    assert "$(if $(POSTGRES_VERSION),--build-arg POSTGRES=$(POSTGRES_VERSION))" in texts[Path("Makefile")]


@pytest.mark.parametrize("container", ["scheduler", "maintenance-worker"])
def test_compose_tells_both_how_long_things_are_kept(texts: dict[Path, str], container: str) -> None:
    """What one of the scheduler's containers is told to keep the other one would delete."""
    kept = {variable for variable, _ in fields("scheduler") if variable.startswith(("WHARF_KEEP_", "WHARF_ORPHAN_"))}
    assert kept <= set(environment(texts, container))


def environment(texts: dict[Path, str], container: str) -> dict[str, Any]:
    """A container's environment in the Compose file."""
    found: dict[str, Any] = composed(texts, container)["environment"]
    return found


def composed(texts: dict[Path, str], container: str) -> dict[str, Any]:
    """A container of the Compose file."""
    found: dict[str, Any] = yaml.safe_load(texts[COMPOSE])["services"][container]
    return found
