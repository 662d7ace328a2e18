"""`python -m bench.wayup [PART …]`: measure, print, keep in bench/results."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.report import RESULTS
from bench.wayup import brokers, gateways, pooler, workers

PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "workers": workers.measure,
    "gateways": gateways.measure,
    "brokers": brokers.measure,
    "pooler": pooler.measure,
}


def main() -> None:
    """Measure what is named, or all."""
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        sys.exit(f"There is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    RESULTS.mkdir(exist_ok=True)
    for name in wanted:
        found = PARTS[name]()
        text = json.dumps(found, indent=1)
        (RESULTS / f"wayup-{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json").write_text(text, "utf-8")
        print(name, text, flush=True)


if __name__ == "__main__":
    main()
