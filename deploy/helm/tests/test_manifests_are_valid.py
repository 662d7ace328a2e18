"""What the chart makes is what Kubernetes, KEDA and the Prometheus operator take."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, validators
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

from deploy.helm.tests.rendering import CHART, EXAMPLES, LEAST, Manifests, helm, render

VERSIONS = ("1.27", "1.32", "1.37")
"""The oldest that Chart.yaml allows, the newest that there are schemas of, and one between."""
SCHEMAS = Path(__file__).parent / "schemas"
OF_OTHERS = {"keda.sh", "monitoring.coreos.com"}
UNSEEN = {"HTTPRoute"}
"""No registry that we reach has its schema: its shape is in the test below."""


@cache
def of_kubernetes(version: str, kind: str, api: str) -> Draft202012Validator:
    """Strict: a property that there is none of is refused."""
    group, _, of_api = api.rpartition("/")
    name = "-".join(filter(None, (kind.lower(), group.partition(".")[0], of_api)))
    schema = schema_contents(f"{_folder(version)}/{name}.json", version)
    return validators.validator_for(schema, Draft202012Validator)(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> Registry[Any]:
    found = schema_contents(f"{_folder(version)}/_definitions.json", version)
    return Resource.from_contents(found) @ Registry()


def _folder(version: str) -> str:
    return f"kubernetes-json-schema/v{version}.0-local-strict"


@cache
def of_another(kind: str) -> Draft202012Validator:
    """Of KEDA and the Prometheus operator, as the folder `schemas` has them."""
    return Draft202012Validator(json.loads((SCHEMAS / f"{kind.lower()}.json").read_text("utf-8")))


def wrong(manifests: Manifests, version: str) -> list[str]:
    """What a cluster of that version would refuse."""
    found = []
    for one in manifests.objects:
        if one["kind"] in UNSEEN:
            continue
        others = one["apiVersion"].partition("/")[0] in OF_OTHERS
        judge = of_another(one["kind"]) if others else of_kubernetes(version, one["kind"], one["apiVersion"])
        found += [f"{one['kind']}: {error.json_path} {error.message[:200]}" for error in judge.iter_errors(one)]
    return found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_lint_finds_nothing(path: Path) -> None:
    """Helm's own judgement, strictly, of each example."""
    done = helm("lint", "--strict", str(CHART), "--values", str(path))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cluster_takes_every_object(example: dict[str, Any], version: str) -> None:
    """Of the examples and of the least that can be said, in three versions of Kubernetes."""
    assert wrong(render(example), version) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cluster_takes_everything_that_can_be_switched_on(version: str) -> None:
    """What no example has."""
    everything = {
        "postgres": {"enabled": True, "storageClass": "fast", "maxConnections": 500},
        "redis": {"enabled": True, "storageClass": "fast"},
        "storage": {"url": "file:///data/objects", "volume": {"enabled": True, "storageClass": "nfs"}},
        "flower": {"enabled": True},
        "restore": {"enabled": True},
        "monitoring": {"monitor": "service", "rules": True, "dashboards": True, "labels": {"a": "b"}},
        "image": {"pullSecrets": ["regcred"]},
        "scheduler": {"nodeSelector": {"a": "b"}, "affinity": {"nodeAffinity": {}}, "priorityClassName": "high"},
        "serviceAccounts": {"annotations": {"a": "b"}},
        "workers": {
            "package": {"autoscaling": {"mode": "keda", "keda": {"jobsPerSlot": 2}}},
            "ingest": {
                "autoscaling": {
                    "mode": "keda",
                    "keda": {"trigger": "prometheus", "prometheusAddress": "http://p:9090", "jobsPerSlot": 2},
                }
            },
            "ingest-bulk": {"autoscaling": {"mode": "hpa"}},
        },
    }
    assert wrong(render(everything), version) == []


def test_the_judges_are_strict() -> None:
    """A property that there is none of is found, wherever it is."""
    taken = render({"workers": {"ingest": {"autoscaling": {"mode": "keda"}}}, "monitoring": {"monitor": "pod"}})
    for kind in ("ScaledObject", "TriggerAuthentication", "PodMonitor", "Deployment"):
        spoilt = json.loads(json.dumps(next(iter(taken.of(kind).values()))))
        spoilt["spec"]["surprise"] = True
        assert any("surprise" in found for found in wrong(Manifests((spoilt,)), VERSIONS[-1])), kind


def test_an_http_route_leads_to_the_gateway() -> None:
    """Gateway API's own schema is not at hand: name, port and parent are what matters."""
    said = {"httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}], "hostnames": ["w.example.org"]}}
    made = render(said)
    (route,) = made.of("HTTPRoute").values()
    assert route["spec"]["parentRefs"] == [{"name": "public"}]
    assert route["spec"]["rules"][0]["backendRefs"] == [{"name": "wharf", "port": 80}]
    assert made.one("Service", "wharf")["spec"]["ports"][0]["port"] == 80


def test_names_do_not_depend_on_being_called_wharf() -> None:
    """Every object is named after the release, and all names differ within a kind."""
    made = render({"postgres": {"enabled": True}, "redis": {"enabled": True}}, name="dock")
    names = [(one["kind"], one["metadata"]["name"]) for one in made.objects]
    assert len(names) == len(set(names))
    assert all(name.startswith("dock-wharf") for _, name in names)


def test_the_least_is_the_least() -> None:
    """Two values, and everything runs."""
    assert set(LEAST) == {"secrets", "storage"}
    made = render({})
    deployments = {f"wharf-{name}" for name in ("gateway", "scheduler")}
    workers = {f"wharf-worker-{name}" for name in ("ingest", "ingest-bulk", "package", "maintenance")}
    assert set(made.of("Deployment")) == deployments | workers
    assert set(made.of("Job")) == {"wharf-migrate"}
