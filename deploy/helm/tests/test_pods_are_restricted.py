"""Every pod fits Kubernetes' Pod Security Standard "restricted", and a little more."""

from __future__ import annotations

from itertools import chain
from typing import Any

import yaml

from deploy.helm.tests.rendering import CHART, Manifests, pod_template, render

VOLUMES = {"configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
ALL_OPTIONAL = {
    "postgres": {"enabled": True, "maxConnections": 5000},
    **{name: {"enabled": True} for name in ("redis", "flower", "restore")},
}
USED = ["backup_database_url", "backup_password", "first_api_key", "first_platform_key"]
Pod = dict[str, Any]


def containers(pod: Pod) -> list[dict[str, Any]]:
    return list(chain(pod["containers"], pod.get("initContainers", [])))


def test_pods_have_no_rights_that_they_do_not_need(example: dict[str, Any]) -> None:
    """No root, no capability, no escalation, the default seccomp profile, nothing of the node."""
    for name, pod in render(example | ALL_OPTIONAL).pods():
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
        assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} <= VOLUMES, name
        for container in containers(pod):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert own["readOnlyRootFilesystem"] is True, name


def test_no_pod_can_talk_to_kubernetes(example: dict[str, Any]) -> None:
    """Neither an account nor a pod brings a token, and no account is another component's."""
    made = render(example | ALL_OPTIONAL)
    assert all(account["automountServiceAccountToken"] is False for account in made.of("ServiceAccount").values())
    accounts = set(made.of("ServiceAccount"))
    for name, pod in made.pods():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod.get("serviceAccountName", name) in accounts | {"wharf-test"}, name


def test_every_container_says_what_it_needs(example: dict[str, Any]) -> None:
    """Without requests a scheduler guesses, without a limit one pod's memory is everybody's."""
    for name, pod in render(example | ALL_OPTIONAL).pods():
        for container in containers(pod):
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name


def test_secrets_are_files(example: dict[str, Any]) -> None:
    """None is in the environment or an argument, where whoever may look at a pod reads it."""
    for name, pod in render(example | ALL_OPTIONAL).pods():
        for container in containers(pod):
            assert not any("valueFrom" in said for said in container.get("env", [])), name
            assert "envFrom" not in container, name


def test_a_pod_has_the_secrets_that_it_reads_and_no_others() -> None:
    """The owner's login is with migration and restore alone, the dispatcher's with the scheduler."""
    made = dict(render({"restore": {"enabled": True}, "secrets": {"use": [*USED, "sentry_dsn"]}}).pods())

    def held(name: str) -> set[str]:
        (volume,) = (one for one in made[name]["volumes"] if one["name"] == "secrets")
        return {item["path"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]}

    assert {name for name in made if "owner_database_url" in held(name)} == {"wharf-migrate", "wharf-restore"}
    assert {name for name in made if "dispatch_database_url" in held(name)} == {"wharf-scheduler"}
    assert {name for name in made if "backup_database_url" in held(name)} == {"wharf-worker-maintenance"}
    assert held("wharf-gateway") == {"app_database_url", "redis_url", "broker_url", "sentry_dsn"}
    assert held("wharf-restore") == {"owner_database_url"}
    assert held("wharf-test") == {"first_api_key"}


def test_what_is_said_of_a_secret_s_file_is_true(example: dict[str, Any]) -> None:
    """Each `_FILE` is a file that is mounted, and each that is mounted is named."""
    made = render(example)
    for name, pod in made.pods():
        ours = [one for one in containers(pod) if "wharf/" in one["image"]]
        for container in ours:
            said = {one["value"] for one in container["env"] if one["name"].endswith("_FILE")}
            (volume,) = (one for one in pod["volumes"] if one["name"] == "secrets")
            items = [item for source in volume["projected"]["sources"] for item in source["secret"]["items"]]
            files = {f"/run/secrets/{item['path']}" for item in items}
            assert files == {path for path in said if path.startswith("/run/secrets/")}, name


def test_nothing_is_reached_but_what_is_allowed(example: dict[str, Any]) -> None:
    """All pods are denied everything, and each has a policy of its own that allows some."""
    made = render(example)
    (deny,) = (one["spec"] for name, one in made.of("NetworkPolicy").items() if name == "wharf-deny")
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & set(deny)
    everybody = deny["podSelector"]["matchLabels"].items()
    for one in labels_of_pods(made):
        assert everybody <= one.items()
        policies = [p["spec"]["podSelector"]["matchLabels"] for p in made.of("NetworkPolicy").values()]
        assert any("app.kubernetes.io/component" in p and p.items() <= one.items() for p in policies), one


def labels_of_pods(made: Manifests) -> list[dict[str, str]]:
    found = []
    for one in made.objects:
        if one["kind"] == "Pod":
            found.append(one["metadata"]["labels"])
        elif template := pod_template(one):
            found.append(template["metadata"]["labels"])
    return found


def ports_to(made: Manifests, component: str) -> set[int | str]:
    policy = made.one("NetworkPolicy", f"wharf-{component}")["spec"]
    return {port["port"] for rule in policy["egress"] for port in rule["ports"]}


def test_each_may_go_where_its_work_is() -> None:
    """Mail leaves from the maintenance workers, webhooks from the schedulers, traces where there are any."""
    made = render({"secrets": {"use": ["smtp_url"]}, "settings": {"WHARF_OTLP_ENDPOINT": "http://c:4318"}})
    assert ports_to(made, "migrate") == {53, 5432}
    assert ports_to(made, "worker-maintenance") >= {465, 587, 4318}
    assert ports_to(made, "scheduler") >= {80, 443}
    assert 587 not in ports_to(made, "worker-ingest")
    assert 4318 not in ports_to(render({}), "gateway")
    assert ports_to(made, "test") == {53, "http"}


def ports_into(made: Manifests, component: str) -> set[int | str]:
    policy = made.one("NetworkPolicy", f"wharf-{component}")["spec"]
    return {port["port"] for rule in policy.get("ingress", []) for port in rule["ports"]}


def test_metrics_are_read_by_scrapers_only() -> None:
    """Where there are none nobody reads them: an empty list of sources would be everybody."""
    processes = ("gateway", "scheduler", "worker-ingest", "worker-maintenance")
    some, none = render({}), render({"networkPolicy": {"scrapers": []}})
    assert all("metrics" in ports_into(some, name) for name in processes)
    assert {name: ports_into(none, name) for name in processes} == {
        name: {"http"} if name == "gateway" else set() for name in processes
    }


def test_flower_is_called_by_those_who_are_named() -> None:
    """By nobody else: a password is all that it asks for, and it can end jobs past the ledger."""
    said: dict[str, Any] = {"flower": {"enabled": True}}
    some = [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]
    assert ports_into(render(said), "flower") == set()
    made = render(said | {"networkPolicy": {"flowerCallers": some}})
    (rule,) = made.one("NetworkPolicy", "wharf-flower")["spec"]["ingress"]
    assert rule == {"ports": [{"port": "http", "protocol": "TCP"}], "from": some}


def test_a_pooler_in_between_shuts_nobody_out() -> None:
    """The large example's: gateways and workers go through it, schedulers, migrations and backups past it."""
    made = render(yaml.safe_load((CHART / "examples/large.yaml").read_text("utf-8")))
    for component in ("gateway", "worker-ingest", "scheduler", "migrate", "worker-maintenance"):
        assert ports_to(made, component) >= {5432, 6432}, component


def callers(made: Manifests, server: str) -> int:
    (rule,) = made.one("NetworkPolicy", f"wharf-{server}")["spec"]["ingress"]
    return len(rule["from"])


def test_a_bundled_server_is_reached_by_this_release_only() -> None:
    """And by KEDA, whose trigger asks the ledger."""
    bundled: dict[str, Any] = {"postgres": {"enabled": True}, "redis": {"enabled": True}}
    made = render(bundled)
    for server in ("postgres", "redis"):
        policy = made.one("NetworkPolicy", f"wharf-{server}")["spec"]
        assert "egress" not in policy
        (rule,) = policy["ingress"]
        assert rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "wharf"
    assert callers(made, "redis") == 1
    assert callers(made, "postgres") == 2
    assert callers(render(bundled | {"networkPolicy": {"scalers": []}}), "postgres") == 1


def test_defaults_bring_no_server_and_no_secret() -> None:
    """PostgreSQL and Redis are yours unless you say so, and no password is ever a value."""
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert (values["postgres"]["enabled"], values["redis"]["enabled"]) == (False, False)
    assert render(ALL_OPTIONAL).of("Secret") == {}
