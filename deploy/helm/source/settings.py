"""The settings of the services as the chart takes them: under their own names, with the code's types and bounds."""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo

from wharf.common.command import MigrationSettings
from wharf.common.secretfiles import is_secret, variables
from wharf.common.settings import Settings
from wharf.gateway.settings import GatewaySettings
from wharf.ingest_worker.settings import IngestSettings
from wharf.package_worker.settings import PackageSettings
from wharf.scheduler.settings import SchedulerSettings

SERVICES: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "ingest-worker": IngestSettings,
    "package-worker": PackageSettings,
    "scheduler": SchedulerSettings,
    "migrate": MigrationSettings,
}
AT_IMPORT = "WHARF_METRICS_DIR"
"""The one that no class has: see `wharf.common.metrics`."""
OWN_VALUES = {
    "WHARF_QUEUES": "workers.NAME.queue",
    "WHARF_CONCURRENCY": "workers.NAME.slots",
    "WHARF_STOP_SECONDS": "gateway.stopSeconds, workers.NAME.stopSeconds",
    "WHARF_PORT": "ports.http",
    "WHARF_METRICS_PORT": "ports.metrics",
    "WHARF_STORAGE_URL": "storage.url",
    "WHARF_LEGACY_KEY_FILE": "secrets.use: [legacy_key]",
}
"""What the rest of a manifest has to agree with is said once, in a value of its own."""
Schema = dict[str, Any]


def declared(service: str) -> dict[str, FieldInfo]:
    """All settings of a service by their variables, secrets too."""
    return {variables(name, field, "WHARF_")[0]: field for name, field in SERVICES[service].model_fields.items()}


def settable(service: str) -> dict[str, Schema]:
    """What `settings` takes for a service, by variable: the schema of each."""
    document = SERVICES[service].model_json_schema(by_alias=False)["properties"]
    fields = SERVICES[service].model_fields.items()
    found = {variables(name, field, "WHARF_")[0]: document[name] for name, field in fields if not is_secret(field)}
    plain = {variable: _plain(said) for variable, said in found.items() if variable not in OWN_VALUES}
    return plain if service == "migrate" else plain | {AT_IMPORT: {"type": "string"}}


def _plain(said: Schema) -> Schema:
    """Without titles and defaults: the code has them, and applies them. None is said by saying nothing."""
    choices = [choice for choice in said.get("anyOf", [said]) if choice.get("type") != "null"]
    (one,) = choices
    return {key: value for key, value in one.items() if key not in {"title", "default", "description", "format"}}


def all_settable() -> dict[str, Schema]:
    """What `settings` at the top takes: those of any service. Where two differ, either's values are taken."""
    found: dict[str, Schema] = {}
    for service in SERVICES:
        found |= settable(service)
    return found


def known() -> dict[str, list[str]]:
    """By service the settings that it knows, for the templates."""
    return {service: sorted(settable(service)) for service in SERVICES}
