"""A Prometheus of a test's own: Debian's, scraping every three seconds, with our rules as they are, or impatient."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from tests.observability.conftest import RULES, groups
from wharf.local.ports import HOST, Ports
from wharf.local.trial import eventually

Series = list[dict[str, Any]]


@dataclass(frozen=True)
class Prometheus:
    """A running one, by its address."""

    api: httpx.Client

    def query(self, expr: str) -> Series:
        """What an expression gives now; an AssertionError with Prometheus' own words where it is none."""
        answer = self.api.get("/api/v1/query", params={"query": expr})
        assert answer.is_success, f"{expr}: {answer.text}"
        found: Series = answer.json()["data"]["result"]
        return found

    def names(self) -> set[str]:
        """The names of all series."""
        return set(self.api.get("/api/v1/label/__name__/values").raise_for_status().json()["data"])

    def firing(self) -> set[str]:
        """The names of alerts that fire."""
        found = self.api.get("/api/v1/alerts").raise_for_status().json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in found if alert["state"] == "firing"}

    def unhealthy(self) -> dict[str, str]:
        """Rules that could not be evaluated, and why."""
        found = self.api.get("/api/v1/rules").raise_for_status().json()["data"]["groups"]
        return {rule["name"]: rule["lastError"] for group in found for rule in group["rules"] if rule.get("lastError")}


@contextmanager
def watching(program: str, folder: Path, targets: Mapping[str, str], *, patient: bool = False) -> Iterator[Prometheus]:
    """Run it on `folder`, scraping `targets` (a service's name → the address of its metrics).

    Alerts fire as soon as they are true; `patient` ones wait as they do in earnest.
    """
    port = Ports(folder / "ports").pick("prometheus")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration(folder, targets, patient=patient)), "utf-8")
    command = [program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen([*command, f"--web.listen-address={HOST}:{port}"], stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://{HOST}:{port}") as api:
            eventually(lambda: _is_ready(api), f"Prometheus: {folder / 'log'}")
            yield Prometheus(api)
    finally:
        running.terminate()
        running.wait()


def configuration(folder: Path, targets: Mapping[str, str], *, patient: bool) -> dict[str, Any]:
    """Its configuration, and the rules beside it."""
    for path in RULES.glob("*.yaml"):
        found = groups(path) if patient else [*map(_impatient, groups(path))]
        (folder / path.name).write_text(yaml.safe_dump({"groups": found}), "utf-8")
    scraped = [{"targets": [urlsplit(url).netloc], "labels": {"service": name}} for name, url in targets.items()]
    return {
        "global": {"scrape_interval": "3s", "scrape_timeout": "3s", "evaluation_interval": "2s"},
        "rule_files": [str(folder / path.name) for path in RULES.glob("*.yaml")],
        "scrape_configs": [{"job_name": "wharf", "static_configs": scraped}],
    }


def _impatient(group: dict[str, Any]) -> dict[str, Any]:
    """Alerts that fire as soon as they are true: nothing hides what is true for less than minutes."""
    rules = [{name: value for name, value in rule.items() if name != "for"} for rule in group["rules"]]
    return group | {"rules": rules}


def _is_ready(api: httpx.Client) -> bool:
    try:
        return api.get("/-/ready").is_success
    except httpx.TransportError:
        return False
