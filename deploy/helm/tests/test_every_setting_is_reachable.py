"""docs/settings.md tells of no setting that values could not say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.helm.source.settings import OWN_VALUES, SERVICES, all_settable, declared, settable
from deploy.helm.tests.rendering import Values, render
from wharf.common.secretfiles import is_secret

EVERY_OPTIONAL = [
    *("backup_database_url", "backup_password", "first_api_key", "first_platform_key"),
    *("s3_access_key", "s3_secret_key", "smtp_url", "legacy_key", "sentry_dsn"),
]
PODS = {
    "gateway": ["wharf-gateway"],
    "ingest-worker": ["wharf-worker-ingest", "wharf-worker-ingest-bulk"],
    "package-worker": ["wharf-worker-package"],
    "scheduler": ["wharf-scheduler", "wharf-worker-maintenance"],
    "migrate": ["wharf-migrate"],
}
WORDS = {
    "WHARF_TIME_ZONE": "Europe/Berlin",
    "WHARF_METRICS_HOST": "::",
    "WHARF_HOST": "::",
    "WHARF_BASE_PATH": "/tools/wharf",
    "WHARF_WEBHOOK_ALLOWED_NETWORKS": "10.0.0.0/8",
}
COMPONENTS = {"gateway": ["gateway"], "scheduler": ["scheduler"], "migrate": ["migration"]}


def sample(variable: str, schema: dict[str, Any]) -> str | int | float:
    """A value that it takes, and that is no default."""
    if choices := schema.get("enum"):
        return str(choices[0])
    if schema["type"] == "string":
        return WORDS.get(variable, f"said-of-{variable.lower()}")
    least = max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0))
    return int(least) + 1


def samples(service: str) -> dict[str, str | int | float]:
    return {variable: sample(variable, schema) for variable, schema in settable(service).items()}


def told(values: Values, service: str) -> Iterator[dict[str, str]]:
    made = render(values)
    for name in PODS[service]:
        yield made.environment(name)


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_is_told_what_is_said_for_all(service: str) -> None:
    """What stands under `settings` reaches every service that knows it, and no other."""
    everything = {variable: sample(variable, schema) for variable, schema in all_settable().items()}
    for environment in told({"settings": everything}, service):
        assert {variable for variable in everything if variable in environment} == set(settable(service))
        assert {v: environment[v] for v in settable(service)} == {v: str(everything[v]) for v in settable(service)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_component_s_own_settings_win(service: str) -> None:
    """What one says for itself is not what all are told."""
    own = {"settings": samples(service)}
    components = dict.fromkeys(COMPONENTS.get(service, []), own)
    queues = {"ingest-worker": ["ingest", "ingest-bulk"], "package-worker": ["package"], "scheduler": ["maintenance"]}
    workers = dict.fromkeys(queues.get(service, []), own)
    values: Values = {**components, "workers": workers, "settings": {"WHARF_LOG_LEVEL": "ERROR"}}
    for environment in told(values, service):
        assert {v: environment[v] for v in settable(service)} == {v: str(s) for v, s in samples(service).items()}


def test_what_is_a_value_of_its_own_arrives() -> None:
    """Ports, slots, queues and places agree with the rest of the manifest, so they are said there."""
    made = render(
        {
            "ports": {"http": 8080, "metrics": 9200},
            "gateway": {"stopSeconds": 21},
            "workers": {"ingest": {"slots": 7, "stopSeconds": 77}},
            "secrets": {"use": EVERY_OPTIONAL},
        }
    )
    gateway, worker = made.environment("wharf-gateway"), made.environment("wharf-worker-ingest")
    assert (gateway["WHARF_PORT"], gateway["WHARF_METRICS_PORT"], gateway["WHARF_STOP_SECONDS"]) == (
        "8080",
        "9200",
        "21",
    )
    assert (worker["WHARF_QUEUES"], worker["WHARF_CONCURRENCY"], worker["WHARF_STOP_SECONDS"]) == ("ingest", "7", "77")
    assert gateway["WHARF_STORAGE_URL"] == worker["WHARF_STORAGE_URL"] == "s3://files"
    assert gateway["WHARF_LEGACY_KEY_FILE"] == "/run/secrets/legacy_key"
    assert set(OWN_VALUES) <= set(gateway) | set(worker)


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_the_code_is_one_of_these(service: str) -> None:
    """A setting that is new in the code is in the values, or is a secret that is mounted, or has a value of its own."""
    given = set[str]().union(*told({"secrets": {"use": EVERY_OPTIONAL}}, service))
    for variable, field in declared(service).items():
        if is_secret(field):
            assert f"{variable}_FILE" in given, variable
        else:
            assert variable in settable(service) or variable in OWN_VALUES, variable


def test_an_example_that_mails_says_from_whom_and_where_wharf_is(example: Values) -> None:
    """No mail leaves without a sender, and without an address nobody finds what it tells of."""
    if "smtp_url" in example.get("secrets", {}).get("use", []):
        environment = render(example).environment("wharf-worker-maintenance")
        assert {"WHARF_SMTP_URL_FILE", "WHARF_MAIL_FROM", "WHARF_PUBLIC_URL"} <= set(environment)


def test_large_numbers_are_said_in_full() -> None:
    """YAML knows one kind of number; 2147483648 must not become 2.147483648e+09."""
    environment = render({"settings": {"WHARF_UPLOAD_MAX_BYTES": 2147483648, "WHARF_DISPATCH_SECONDS": 0.25}})
    assert environment.environment("wharf-gateway")["WHARF_UPLOAD_MAX_BYTES"] == "2147483648"
    assert environment.environment("wharf-scheduler")["WHARF_DISPATCH_SECONDS"] == "0.25"
