"""The queries of all panels, as Grafana would send them."""

from __future__ import annotations

import json

from tests.observability.conftest import ROOT

PANELS = ROOT / "deploy/observability/dashboards"
EVERYTHING = dict.fromkeys(("$queue", "$profile", "$package_type"), ".*")


def panel_queries(*, over: str, rate: str = "30s") -> list[str]:
    """Every expression of every panel: over so long a time, with rates of so long a piece of it."""
    boards = [json.loads(path.read_text("utf-8")) for path in sorted(PANELS.glob("*.json"))]
    found = [query["expr"] for board in boards for panel in board["panels"] for query in panel.get("targets", ())]
    return [_filled(expr, {"$__rate_interval": rate, "$__range": over, **EVERYTHING}) for expr in found]


def _filled(expr: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        expr = expr.replace(name, value)
    return expr
