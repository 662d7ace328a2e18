"""Replicas by themselves, as docs/scaling.md has it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from deploy.helm.tests.rendering import CHART, Values, render

DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))


def scaled(values: Values, queue: str = "ingest") -> dict[str, Any]:
    made = render({"workers": {queue: {"autoscaling": {"mode": "keda", **values}}}})
    spec: dict[str, Any] = made.one("ScaledObject", f"wharf-worker-{queue}")["spec"]
    return spec


def test_whoever_is_scaled_has_no_number_of_replicas() -> None:
    """Each `helm upgrade` would set it back."""
    made = render(
        {
            "gateway": {"autoscaling": {"mode": "hpa"}},
            "workers": {"ingest": {"autoscaling": {"mode": "keda"}}, "package": {"autoscaling": {"mode": "hpa"}}},
        }
    )
    fixed = {name for name, one in made.of("Deployment").items() if "replicas" in one["spec"]}
    assert fixed == {"wharf-scheduler", "wharf-worker-ingest-bulk", "wharf-worker-maintenance"}
    assert set(made.of("HorizontalPodAutoscaler")) == {"wharf-gateway", "wharf-worker-package"}


@pytest.mark.parametrize("trigger", ["postgresql", "prometheus"])
def test_replicas_are_jobs_over_slots(trigger: str) -> None:
    """KEDA divides what the ledger holds by what one replica takes."""
    values = {"keda": {"trigger": trigger, "prometheusAddress": "http://prometheus:9090"}}
    spec = scaled(values)
    one, wait = spec["triggers"]
    assert (one["type"], one["metricType"]) == (wait["type"], wait["metricType"]) == (trigger, "AverageValue")
    assert one["metadata"]["targetQueryValue" if trigger == "postgresql" else "threshold"] == "2"


def test_whoever_waits_too_long_gets_a_replica() -> None:
    """However many jobs a slot should have; and beyond the tenth that Kubernetes overlooks."""
    jobs, wait = scaled({"keda": {"jobsPerSlot": 6, "waitSeconds": 45}})["triggers"]
    assert jobs["metadata"]["targetQueryValue"] == "12"
    assert wait["metadata"]["targetQueryValue"] == "1"
    assert "/ 45, 1.2) * " in wait["metadata"]["query"]


def test_a_ledger_that_does_not_answer_leaves_workers_standing() -> None:
    """Without a fallback KEDA would keep what it happens to have."""
    keda = DEFAULTS["workerDefaults"]["autoscaling"]["keda"]
    assert scaled({})["fallback"] == {"failureThreshold": keda["fallbackAfter"], "replicas": keda["fallbackReplicas"]}


def test_replicas_go_slowly() -> None:
    """Up at once, down a quarter a minute and only after a while."""
    behavior = scaled({"scaleDownSeconds": 444})["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 444
    assert {policy["periodSeconds"] for policy in behavior["scaleDown"]["policies"]} == {60}


def test_packages_may_go_to_zero() -> None:
    """Whoever asks for a package waits anyway; nobody else may, which test_bad_values_are_refused shows."""
    assert scaled({"minReplicas": 0}, "package")["minReplicaCount"] == 0


@pytest.mark.parametrize("name", ["ingest", "ingest-bulk", "package", "maintenance"])
def test_a_worker_that_goes_has_the_time_to_give_back(name: str) -> None:
    """Kubernetes waits longer than the worker needs at most: no attempt ends by SIGKILL."""
    made = render({"workers": {name: {"stopSeconds": 120}}})
    pod = dict(made.pods())[f"wharf-worker-{name}"]
    assert pod["terminationGracePeriodSeconds"] > 120
    assert made.environment(f"wharf-worker-{name}")["WHARF_STOP_SECONDS"] == "120"


def test_a_gateway_that_goes_ends_its_requests() -> None:
    """Proxies hear first, then requests may end."""
    gateway = dict(render({"gateway": {"stopSeconds": 20, "drainSeconds": 10}}).pods())["wharf-gateway"]
    assert gateway["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "10"]
    assert gateway["terminationGracePeriodSeconds"] > 30


def test_the_alert_on_scalers_at_their_end_knows_ours() -> None:
    """It knows them by the word wharf, whatever the release is called."""
    made = render({"fullnameOverride": "dock", "workers": {"ingest": {"autoscaling": {"mode": "keda"}}}})
    (scaler,) = made.of("ScaledObject").values()
    assert "wharf" in scaler["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["name"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == "dock-worker-ingest"


def test_no_budget_blocks_a_drain() -> None:
    """At most one away, never at least one there."""
    budgets = render({"gateway": {"replicas": 1}}).of("PodDisruptionBudget")
    assert "wharf-gateway" in budgets
    assert all("minAvailable" not in one["spec"] for one in budgets.values())
    assert {one["spec"]["maxUnavailable"] for one in budgets.values()} == {1}


def test_another_class_of_work_needs_values_only() -> None:
    """An entry of `workers` is a deployment with all that belongs to it."""
    made = render({"workers": {"ingest-night": {"queue": "ingest", "slots": 8, "nodeSelector": {"pool": "spot"}}}})
    name = "wharf-worker-ingest-night"
    for kind in ("Deployment", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy"):
        assert name in made.of(kind)
    assert made.environment(name)["WHARF_CONCURRENCY"] == "8"
    assert dict(made.pods())[name]["nodeSelector"] == {"pool": "spot"}
