"""Every alert: it fires for what it is there for, and for nothing that looks alike."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.observability.case import Case
from tests.observability.cases import BY_FILE, CASES
from tests.observability.conftest import RULES, alerts

ALWAYS = frozenset({"WharfWatchdog"})
EVERY = {"objectives": "5m"}
"""How often a file's rules are evaluated in its cases: those of the objectives are many, and look back for hours."""
PLACE = re.compile(r"\{\{ \$labels\.(\w+) \}\}")


def test_rules_are_sound(promtool: str) -> None:
    """Syntax, and no rule twice."""
    files = sorted(map(str, RULES.glob("*.yaml")))
    checked = subprocess.run([promtool, "check", "rules", *files], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "FAILED" not in checked.stdout + checked.stderr


def test_each_has_a_case_for_and_one_against() -> None:
    """But for the one that always fires; each severity of those that have several has one that makes it fire."""
    named = {name for name, _ in alerts()}
    assert {case.alert for case in CASES if case.fires} == named
    assert {case.alert for case in CASES if not case.fires} == named - ALWAYS


def test_they_fire_in_their_cases_only(promtool: str, tmp_path: Path) -> None:
    """All cases at once: with the labels, and so the sentences and runbooks, that whoever is woken reads."""
    for name, cases in BY_FILE.items():
        every = EVERY.get(name, "1m")
        tests = {
            "evaluation_interval": every,
            "rule_files": [str(RULES / f"{name}.yaml")],
            "tests": [*map(unit, cases)],
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(tests), "utf-8")
    files = sorted(map(str, tmp_path.iterdir()))
    ran = subprocess.run([promtool, "test", "rules", *files], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def unit(case: Case) -> dict[str, Any]:
    """A case as promtool reads it."""
    told = [told_by(case, own) for own in case.fires]
    expected = [{"exp_labels": labels, "exp_annotations": said} for labels, said in told]
    return {
        "name": f"{case.alert}: {case.why}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "alert_rule_test": [{"eval_time": f"{case.at}m", "alertname": case.alert, "exp_alerts": expected}],
    }


def told_by(case: Case, own: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The labels and annotations of one alert that fires."""
    labels = {"severity": case.severity} | own | ({"slo": case.objective} if case.objective else {})
    fixed = {name: labels[name] for name in ("severity", "slo") if name in labels}
    rule = alerts()[case.alert, str(fixed)]
    said = {name: PLACE.sub(lambda found: labels.get(found[1], ""), text) for name, text in rule["annotations"].items()}
    return labels, said
