"""Migrations before services, probes before traffic, new pods for new secrets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deploy.helm.tests.rendering import CHART, Values, merged, render

BUNDLED: Values = {"postgres": {"enabled": True}, "redis": {"enabled": True}}


def test_migrations_run_before_anything_of_a_version() -> None:
    """As a hook, with an account that is there before it; what was before goes on with the new schema."""
    made = render({})
    hook = "helm.sh/hook"
    job, account = made.one("Job", "wharf-migrate"), made.one("ServiceAccount", "wharf-migrate")
    assert job["metadata"]["annotations"][hook] == account["metadata"]["annotations"][hook] == "pre-install,pre-upgrade"
    assert account["metadata"]["annotations"]["helm.sh/hook-weight"] == "-5"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["wharf-migrate"]


def test_migrations_wait_for_a_database_of_the_release() -> None:
    """It is there after the hooks: the job is one among the others, and each revision has its own."""
    made = render(BUNDLED)
    (job,) = made.of("Job").values()
    assert job["metadata"]["name"] == "wharf-migrate-1"
    assert "annotations" not in job["metadata"]
    assert job["spec"]["backoffLimit"] > 0


def test_every_service_is_watched() -> None:
    """By its own port, which asks neither broker nor database whether it lives."""
    for name, pod in render({}).pods():
        if name in {"wharf-migrate", "wharf-test"}:
            continue
        (container,) = pod["containers"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez", name
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz", name
        assert container["startupProbe"]["httpGet"]["path"] == "/livez", name


def test_pods_are_replaced_when_what_they_read_changes() -> None:
    """A setting, or a secret whose version was raised; nothing else."""

    def annotations(values: Values) -> dict[str, str]:
        template = render(values).one("Deployment", "wharf-worker-package")["spec"]["template"]
        found: dict[str, str] = template["metadata"]["annotations"]
        return found

    before = annotations({})
    assert annotations({"ingress": {"enabled": True, "hosts": ["w"]}}) == before
    assert annotations({"settings": {"WHARF_LOG_LEVEL": "DEBUG"}})["checksum/settings"] != before["checksum/settings"]
    assert annotations({"secrets": {"version": "2"}})["checksum/secrets"] != before["checksum/secrets"]


def test_the_test_imports_a_file_with_the_first_key() -> None:
    """`helm test` needs a key; without one there is no test."""
    made = render({"ports": {"http": 8080}, "gateway": {"service": {"port": 81}}})
    test = made.one("Pod", "wharf-test")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert made.environment("wharf-test")["WHARF_URL"] == "http://wharf:81"
    assert "def main()" in made.one("ConfigMap", "wharf-test")["data"]["import_a_file.py"]
    assert render({"secrets": {"use": []}}).of("Pod") == {}


def test_files_of_users_outlive_the_release() -> None:
    """`helm uninstall` takes no volume along."""
    made = render({"storage": {"url": "file:///data/objects", "volume": {"enabled": True}}})
    (claim,) = made.of("PersistentVolumeClaim").values()
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    for name in ("wharf-gateway", "wharf-scheduler", "wharf-worker-ingest", "wharf-worker-package"):
        (container,) = dict(made.pods())[name]["containers"]
        assert {"name": "objects", "mountPath": "/data/objects"} in container["volumeMounts"]


def test_bundled_servers_are_found_under_the_names_of_the_secrets_that_are_made() -> None:
    """`make_secrets.py FOLDER wharf-` writes addresses of wharf-postgres and wharf-redis."""
    made = render(BUNDLED)
    assert {"wharf-postgres", "wharf-redis"} <= set(made.of("Service"))
    assert made.one("Service", "wharf-postgres")["spec"]["ports"][0]["port"] == 5432
    assert made.one("Service", "wharf-redis")["spec"]["ports"][0]["port"] == 6379


def test_make_secrets_makes_all_that_the_chart_reads(tmp_path: Path) -> None:
    """Its files are a Secret's keys, and lead to the bundled servers."""
    script = CHART.parents[1] / "compose/make_secrets.py"
    subprocess.run([sys.executable, str(script), str(tmp_path), "wharf-"], check=True, capture_output=True)
    made = render(merged(BUNDLED, {"flower": {"enabled": True}}))
    wanted = {
        item["key"]
        for _, pod in made.pods()
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for item in source["secret"]["items"]
    }
    assert wanted <= {path.name for path in tmp_path.iterdir()}
    hosts = {name: made.one("Service", f"wharf-{name}")["metadata"]["name"] for name in ("postgres", "redis")}
    assert f"@{hosts['postgres']}:5432/" in (tmp_path / "app_database_url").read_text("utf-8")
    assert f"@{hosts['redis']}:6379/" in (tmp_path / "broker_url").read_text("utf-8")


def test_a_restore_waits_for_somebody_to_begin_it() -> None:
    """It has the owner's login, room for a dump, and a command; and it is there only where it was asked for."""
    made = render({"restore": {"enabled": True, "args": ["list"]}})
    job = made.one("CronJob", "wharf-restore")["spec"]
    assert job["suspend"] is True
    (container,) = dict(made.pods())["wharf-restore"]["containers"]
    assert container["args"] == ["wharf-restore", "list"]
    assert made.environment("wharf-restore")["WHARF_DATABASE_URL_FILE"] == "/run/secrets/owner_database_url"
    assert render({}).of("CronJob") == {}
