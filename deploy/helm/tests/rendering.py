"""The chart as the tests use it: Helm's own program, a rendering for each set of values, once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[1] / "wharf"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
LEAST = {"secrets": {"name": "wharf"}, "storage": {"url": "s3://files"}}
"""What has to be said; all else has a default."""
Object = dict[str, Any]
Values = dict[str, Any]


def program() -> str:
    """The helm of the lock, or another one on PATH."""
    beside = Path(sys.executable).with_name("helm")
    found = str(beside) if beside.exists() else shutil.which("helm")
    if found is None:
        pytest.skip("needs: helm on PATH")
    return found


def helm(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run it, without a cluster."""
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    command = [program(), *arguments]
    return subprocess.run(command, input=said, env=environment, capture_output=True, text=True, check=False)


def template(values: str, name: str = "wharf", *more: str) -> subprocess.CompletedProcess[str]:
    """Render; `more` are words for Helm."""
    return helm("template", name, str(CHART), "--namespace", "apps", "--values", "-", *more, said=values)


@dataclass(frozen=True, slots=True)
class Manifests:
    """What a set of values makes."""

    objects: tuple[Object, ...]

    def of(self, kind: str) -> dict[str, Object]:
        """Those of a kind, by name."""
        return {one["metadata"]["name"]: one for one in self.objects if one["kind"] == kind}

    def one(self, kind: str, name: str) -> Object:
        """That one."""
        return self.of(kind)[name]

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Every pod's specification, by what makes it."""
        for one in self.objects:
            if one["kind"] == "Pod":
                yield one["metadata"]["name"], one["spec"]
            elif template := pod_template(one):
                yield one["metadata"]["name"], template["spec"]

    def environment(self, name: str) -> dict[str, str]:
        """What the only container of that is told."""
        (container,) = dict(self.pods())[name]["containers"]
        return {said["name"]: said["value"] for said in container["env"]}


def pod_template(one: Object) -> Object | None:
    """What it makes pods of; None where it makes none."""
    spec = one.get("spec") or {}
    found: Object | None = spec.get("jobTemplate", {}).get("spec", spec).get("template")
    return found


def merged(*layers: Values) -> Values:
    """Later ones win, map by map, as Helm does it."""
    found: Values = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(found.get(key), dict)
            found[key] = merged(found[key], value) if both else value
    return found


@cache
def _rendered(values: str, name: str) -> Manifests:
    done = template(values, name)
    assert done.returncode == 0, done.stderr
    return Manifests(tuple(one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one))


def render(values: Values, name: str = "wharf") -> Manifests:
    """What these values make, beside the least that has to be said. Kept: change nothing in it."""
    return _rendered(json.dumps(merged(LEAST, values)), name)


def refused(values: Values) -> str:
    """What Helm says to values that it does not take."""
    done = template(json.dumps(values))
    assert done.returncode != 0, "taken"
    return done.stderr
