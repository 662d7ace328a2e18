"""What is written twice is the same: the schema and the code, dashboards and rules, the queues and their services."""

from __future__ import annotations

import json

import pytest
import yaml

from deploy.helm.source.__main__ import outdated
from deploy.helm.source.schema import SERVICE_OF
from deploy.helm.tests.rendering import CHART, render
from wharf.common.queues import Queue

OBSERVABILITY = CHART.parents[1] / "observability"
WATCHED = {"monitoring": {"monitor": "pod", "rules": True, "dashboards": True}}


def test_what_is_written_is_current() -> None:
    """The schema of the values is what `make chart` would write."""
    assert outdated() == []


def test_rules_are_those_of_the_repository() -> None:
    """Every group of every file, rule by rule."""
    made = render(WATCHED).of("PrometheusRule")
    files = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in (OBSERVABILITY / "rules").glob("*.yaml")}
    assert {name.removeprefix("wharf-"): one["spec"] for name, one in made.items()} == files


def test_dashboards_are_those_of_the_repository() -> None:
    """Every one, under a label that Grafana's sidecar looks for; only where runbooks are read is the user's."""
    made = [one for name, one in render(WATCHED).of("ConfigMap").items() if "-dashboard-" in name]
    found = {name: json.loads(text) for one in made for name, text in one["data"].items()}
    paths = (OBSERVABILITY / "dashboards").glob("*.json")
    wanted = {f"wharf-{path.name}": path.read_text("utf-8") for path in paths}
    moved = {name: json.loads(text.replace('"/docs/runbooks"', '"docs/runbooks"')) for name, text in wanted.items()}
    assert found == moved
    assert all(one["metadata"]["labels"]["grafana_dashboard"] == "1" for one in made)


def test_runbooks_are_where_the_user_reads_them() -> None:
    """Alerts and dashboards lead there."""
    made = render({"monitoring": {**WATCHED["monitoring"], "runbooks": "https://git.example.org/runbooks/"}})
    groups = [group for one in made.of("PrometheusRule").values() for group in one["spec"]["groups"]]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert alerts
    assert {rule["annotations"]["runbook_url"].rpartition("/")[0] for rule in alerts} == {
        "https://git.example.org/runbooks"
    }
    assert (
        '"https://git.example.org/runbooks"'
        in made.one("ConfigMap", "wharf-dashboard-queues")["data"]["wharf-queues.json"]
    )


@pytest.mark.parametrize("monitor", ["pod", "service"])
def test_prometheus_finds_every_process_under_the_name_that_rules_know(monitor: str) -> None:
    """Everything that has metrics is watched, as the job `wharf`."""
    made = render({"monitoring": {"monitor": monitor}})
    (watch,) = made.of("PodMonitor" if monitor == "pod" else "ServiceMonitor").values()
    (endpoint,) = watch["spec"].get("podMetricsEndpoints") or watch["spec"]["endpoints"]
    assert {"targetLabel": "job", "replacement": "wharf"} in endpoint["relabelings"]
    if monitor == "pod":
        selected = watch["spec"]["selector"]["matchLabels"]
    else:
        service = made.one("Service", "wharf-metrics")
        assert watch["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        selected = service["spec"]["selector"]
    for deployment in made.of("Deployment").values():
        pod = deployment["spec"]["template"]
        assert selected.items() <= pod["metadata"]["labels"].items()
        assert "metrics" in [port["name"] for port in pod["spec"]["containers"][0]["ports"]]


@pytest.mark.parametrize("queue", Queue)
def test_each_queue_has_the_image_that_serves_it(queue: Queue) -> None:
    """A queue that is new in the code is one that the chart knows."""
    made = render({"workers": {"another": {"queue": queue}}})
    (container,) = dict(made.pods())["wharf-worker-another"]["containers"]
    assert container["image"] == f"wharf/{SERVICE_OF[queue]}:0.1.0"
    assert container["args"] == (["wharf-service", "worker"] if queue is Queue.MAINTENANCE else ["wharf-service"])
