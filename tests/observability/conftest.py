"""What the tests of rules and dashboards share."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/observability/rules"
Rule = dict[str, Any]


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' tool."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("needs: prometheus (with promtool)")
    return found


def alerts() -> dict[tuple[str, str], Rule]:
    """Every alert, by its name and the labels that tell rules of one name apart."""
    found = [rule for path in sorted(RULES.glob("*.yaml")) for group in groups(path) for rule in group["rules"]]
    return {(rule["alert"], str(rule["labels"])): rule for rule in found if "alert" in rule}


def groups(path: Path) -> list[dict[str, Any]]:
    """The groups of a rule file."""
    read: list[dict[str, Any]] = yaml.safe_load(path.read_text("utf-8"))["groups"]
    return read
