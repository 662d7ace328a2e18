"""What `helm install` prints. Helm shows notes only with a cluster: a copy of the chart says them in an object."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from deploy.helm.tests.rendering import CHART, EXAMPLES, LEAST, Values, helm, merged

SAYS = 'kind: Notes\napiVersion: v1\nsaid: |\n  {{- tpl (.Files.Get "files/NOTES") . | nindent 2 }}\n'
Notes = Callable[[Values], str]


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Notes:
    """The notes of a release with these values."""
    chart = tmp_path_factory.mktemp("chart") / "wharf"
    shutil.copytree(CHART, chart)
    (chart / "templates/NOTES.txt").rename(chart / "files/NOTES")
    (chart / "templates/notes.yaml").write_text(SAYS, "utf-8")

    def said(values: Values) -> str:
        shown = ("--show-only", "templates/notes.yaml", "--namespace", "apps", "--values", "-")
        done = helm("template", "wharf", str(chart), *shown, said=json.dumps(merged(LEAST, values)))
        assert done.returncode == 0, done.stderr
        return str(yaml.safe_load(done.stdout)["said"])

    return said


def test_the_next_steps_are_commands(notes: Notes) -> None:
    """See that it is up, try an import, reach it, send a file: as the release is called, in its namespace."""
    said = notes({})
    assert "kubectl -n apps rollout status deployment/wharf-gateway" in said
    assert "helm -n apps test wharf --logs" in said
    assert "kubectl -n apps port-forward service/wharf 8000:80" in said
    assert "get secret wharf -o jsonpath='{.data.first_api_key}'" in said
    assert "Nothing outside the cluster reaches the gateway" in said


def test_an_address_is_told_where_there_is_one(notes: Notes) -> None:
    """Then nobody needs a tunnel."""
    said = notes({"ingress": {"enabled": True, "hosts": ["wharf.example.org"]}})
    assert "https://wharf.example.org/api/v1/uploads" in said
    assert "port-forward" not in said


def test_the_address_has_the_path_that_the_gateway_is_told(notes: Notes) -> None:
    """Below a host that is not Wharf's alone."""
    ways = {"ingress": {"enabled": True, "hosts": ["tools.example.org"]}, "settings": {"WHARF_BASE_PATH": "/wharf/"}}
    assert "https://tools.example.org/wharf/api/v1/uploads" in notes(ways)


def test_what_is_risky_is_told(notes: Notes) -> None:
    """No backups, servers for trials, and how many connections there may be."""
    said = notes({"secrets": {"use": []}, "postgres": {"enabled": True}})
    assert "There are NO BACKUPS" in said
    assert "one pod with one volume" in said
    assert "There is no first_api_key" in said
    # 2 gateways of 6, 2 schedulers of 7, a backup and a trial; children of 3, of packages 2, and 1 for each worker
    connections = 3 * 6 + 3 * 7 + 5 + 2 * (1 + 2 * 3) + 2 * (1 + 1 * 3) + 2 * (1 + 2 * 2) + 2 * (1 + 2 * 3)
    assert f"up to {connections} connections to PostgreSQL" in said


@pytest.mark.parametrize(("replicas", "with_surge"), [(0, 0), (1, 2), (4, 5), (5, 7), (20, 25)])
def test_connections_are_those_while_a_version_is_rolled_out(notes: Notes, replicas: int, with_surge: int) -> None:
    """New pods beside the old ones: a quarter more workers, rounded up as Kubernetes does it."""

    def connections(count: int) -> int:
        found = re.search(r"up to (\d+) connections", notes({"workers": {"ingest": {"replicas": count}}}))
        assert found
        return int(found[1])

    assert connections(replicas) - connections(0) == with_surge * (1 + 2 * 3)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_has_notes(notes: Notes, path: Path) -> None:
    """Whatever is switched on."""
    assert "connections to PostgreSQL" in notes(yaml.safe_load(path.read_text("utf-8")))
