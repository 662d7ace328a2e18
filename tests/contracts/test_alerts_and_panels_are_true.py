"""Metrics, rules, dashboards and runbooks name each other: what one of them names, the other has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.observability.source.__main__ import outdated
from deploy.observability.source.boards import BOARDS
from deploy.observability.source.figures import Figure
from wharf.common.metrics import declared, series

RULES, PANELS = Path("deploy/observability/rules"), Path("deploy/observability/dashboards")
RUNBOOKS, PAGE = Path("docs/runbooks"), Path("docs/observability.md")
NAME = re.compile(r"(?<![\w:])((?:wharf|kube)_\w+|wharf:[\w:]+|up|ALERTS)(?![\w(])")
QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
ROW = re.compile(r"^\| `(wharf_\w+)(?:\{([\w,]+)\})?` \|", re.MULTILINE)
HEADINGS = ["What it means", "Who notices", "Look", "Do"]
EXPORTERS = {
    "prometheus": {"up", "ALERTS"},
    "kube-state-metrics": {
        "kube_horizontalpodautoscaler_spec_max_replicas",
        "kube_horizontalpodautoscaler_status_current_replicas",
    },
}
"""What others tell, by who does."""
CONTRACT = """
wharf_http_requests_total{method,route,status} wharf_http_request_seconds_bucket{method,route,le}
wharf_jobs_submitted_total{kind,queue,priority} wharf_jobs_finished_total{kind,queue,status}
wharf_job_wait_seconds_bucket{queue,le} wharf_job_run_seconds_bucket{kind,le} wharf_queue_depth{queue,priority}
wharf_queue_oldest_wait_seconds{queue} wharf_jobs_running{queue} wharf_worker_slots{queue} wharf_job_retries_total{kind}
wharf_jobs_dead{queue} wharf_jobs_fenced_total wharf_jobs_redispatched_total{reason}
wharf_job_recovery_seconds_bucket{le} wharf_job_cancel_seconds_bucket{le} wharf_import_rows_total{profile,outcome}
wharf_import_bytes_total{profile} wharf_package_pages_total{package_type} wharf_package_rows_total{package_type}
wharf_schedule_last_success_timestamp_seconds{schedule} wharf_schedule_missed_total{schedule}
wharf_ledger_broker_drift{queue}
"""
Rule = dict[str, Any]


@pytest.fixture(scope="module")
def rules(texts: dict[Path, str]) -> list[Rule]:
    """Every rule of every file."""
    files = [yaml.safe_load(text) for path, text in texts.items() if path.parent == RULES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def alerts(rules: list[Rule]) -> list[Rule]:
    """Those that wake somebody."""
    return [rule for rule in rules if "alert" in rule]


@pytest.fixture(scope="module")
def panels(texts: dict[Path, str]) -> list[Rule]:
    """Every panel of every dashboard, as Grafana reads it."""
    boards = [json.loads(text) for path, text in texts.items() if path.parent == PANELS]
    return [panel for board in boards for panel in board["panels"] if panel["type"] != "row"]


def figures() -> Iterator[Figure]:
    """Every panel as it was declared."""
    for board in BOARDS:
        for row in board.rows:
            yield from row.figures


def test_the_contracts_metrics_are_declared_with_its_labels() -> None:
    """Dashboards of others depend on them."""
    found = re.findall(r"(\w+)(?:\{(.*?)\})?\s", CONTRACT)
    wanted = {name: tuple(filter(None, labels.split(","))) for name, labels in found}
    assert wanted
    assert {name: series().get(name) for name in wanted} == wanted


def test_every_metric_that_is_asked_for_is_told(rules: list[Rule], panels: list[Rule]) -> None:
    """By Wharf, by an exporter that is named here, or by a rule."""
    asked = [rule["expr"] for rule in rules] + [query["expr"] for panel in panels for query in panel["targets"]]
    named = {name for expr in asked for name in NAME.findall(QUOTED.sub("", expr))}
    recorded = {rule["record"] for rule in rules if "record" in rule}
    assert "wharf_queue_depth" in named
    assert named - set(series()) - recorded - set().union(*EXPORTERS.values()) == set()


def test_every_alert_has_its_runbook(texts: dict[Path, str], alerts: list[Rule]) -> None:
    """And no page is about an alert that there is none of."""
    assert {str(RUNBOOKS / f"{rule['alert']}.md") for rule in alerts} == {
        str(path) for path in texts if path.parent == RUNBOOKS
    }
    assert [rule["alert"] for rule in alerts if Path(rule["annotations"]["runbook_url"]).stem != rule["alert"]] == []
    assert {rule["labels"]["severity"] for rule in alerts} == {"critical", "warning", "none"}
    assert all(rule["annotations"]["summary"].endswith(".") for rule in alerts)


def test_every_runbook_says_what_to_do(texts: dict[Path, str]) -> None:
    """Each has the same parts, so that whoever is woken finds them."""
    pages = {path: text for path, text in texts.items() if path.parent == RUNBOOKS}
    parts = {path.name: re.findall(r"^## (.+)$", text, re.MULTILINE) for path, text in pages.items()}
    assert {name for name, headings in parts.items() if headings != HEADINGS} == set()
    assert {path.name for path, text in pages.items() if not text.startswith(f"# {path.stem}\n")} == set()


def test_every_panel_asks_something_and_says_how_to_read_it(panels: list[Rule]) -> None:
    """A unit, a question, a sentence, and a colour for what is bad where there is a bound."""
    assert len(panels) == len(list(figures()))
    for figure in figures():
        assert figure.question.endswith("?"), figure.title
        assert figure.how.endswith("."), figure.title
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert "?\n\n" in panel["description"], panel["title"]
        assert all(query["expr"] for query in panel["targets"]), panel["title"]


def test_panels_lead_to_runbooks_that_there_are(texts: dict[Path, str]) -> None:
    """Who sees that an answer is bad is one click from what to do."""
    named = {figure.runbook for figure in figures() if figure.runbook}
    assert named
    assert {name for name in named if RUNBOOKS / f"{name}.md" not in texts} == set()


def test_what_is_written_is_current() -> None:
    """Dashboards and the rules of the objectives are what `make dashboards` would write."""
    assert outdated() == []


def test_the_page_lists_every_metric(texts: dict[Path, str]) -> None:
    """With its labels, and none that there is not."""
    there = {metric.name: metric.labels for metric in declared()}
    listed = {name: tuple(filter(None, labels.split(","))) for name, labels in ROW.findall(texts[PAGE])}
    assert listed == there


def test_compose_watches_everything_that_runs(texts: dict[Path, str]) -> None:
    """Each service of Wharf's is a target, on the port that Compose gives it."""
    services = yaml.safe_load(texts[Path("deploy/compose/compose.yaml")])["services"]
    images = {name: str(service["image"]) for name, service in services.items()}
    ours = {name for name, image in images.items() if image.startswith("wharf/")} - {"migrate", "restore"}
    (job,) = yaml.safe_load(texts[Path("deploy/observability/prometheus/prometheus.yml")])["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert (job["job_name"], set(found["names"])) == ("wharf", ours)
    assert services["gateway"]["environment"]["WHARF_METRICS_PORT"] == f"${{WHARF_METRICS_PORT:-{found['port']}}}"


@pytest.mark.parametrize(
    ("service", "secret"), [("flower", "flower_password"), ("grafana", "grafana_password")], ids=["flower", "grafana"]
)
def test_what_shows_more_than_figures_asks_for_a_password(texts: dict[Path, str], service: str, secret: str) -> None:
    """One that was made for this installation, from a file; and nothing is published beyond this machine unasked."""
    declared_so: dict[str, Any] = yaml.safe_load(texts[Path("deploy/compose/compose.yaml")])["services"][service]
    assert secret in declared_so["secrets"]
    assert f"/run/secrets/{secret}" in str(declared_so.get("entrypoint")) + str(declared_so["environment"])
    assert all(":-127.0.0.1:" in port for port in declared_so["ports"])
    assert f'"{secret}"' in texts[Path("deploy/compose/make_secrets.py")]
