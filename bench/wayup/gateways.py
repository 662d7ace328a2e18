"""How many files a second two gateways take in, beside one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bench.caller import Call, form_body
from bench.saturation import Side
from bench.wayup.stacks import another, by_turns, changed, ratio, stack
from bench.yardstick import standing_still
from wharf.local.child import ChildSpec
from wharf.local.connection import Connection
from wharf.local.samples import write_transactions
from wharf.local.services import Site, answers

CLIENTS, ROWS, SECONDS, ROUNDS = 16, 100, 3.0, 3


def measure() -> dict[str, Any]:
    """Answers a second of each, and their ratio."""
    ports: list[str] = []

    def with_a_second(specs: Sequence[ChildSpec], site: Site) -> Sequence[ChildSpec]:
        ports.append(str(site.port("gateway-2")))
        first = next(spec for spec in specs if spec.name == "gateway")
        second = another(first, 2, site, WHARF_PORT=ports[0])
        return [*specs, replace(second, ready=lambda: answers(f"http://127.0.0.1:{ports[0]}/readyz"))]

    with stack(services=changed(with_a_second)) as running, tempfile.TemporaryDirectory() as folder:
        urls = [running.connection.url, f"http://127.0.0.1:{ports[0]}"]
        calls = [_call(running.connection, Path(folder), number) for number in range(CLIENTS)]
        pids = [pid for name, pid in running.connection.processes.items() if name.startswith("ingest")]
        with standing_still(pids):
            _rate(urls, calls, 1.0)
            sides: dict[str, Callable[[], float]] = {
                "one": lambda: _rate(urls[:1], calls, SECONDS),
                "two": lambda: _rate(urls, calls, SECONDS),
            }
            found = by_turns(sides, ROUNDS)
    return {"submits_a_second": found, "ratio": ratio(found, "two", "one")}


def _rate(urls: list[str], calls: list[Call], seconds: float) -> float:
    shares = [calls[number :: len(urls)] for number in range(len(urls))]
    sides = [Side() for _ in urls]
    with ThreadPoolExecutor(len(urls)) as both:
        list(both.map(lambda side, url, share: side.run(url, share, seconds), sides, urls, shares))
    return sum(side.rates[0] for side in sides)


def _call(connection: Connection, folder: Path, number: int) -> Call:
    path = folder / f"{number}.csv"
    write_transactions(path, ROWS, seed=number, most_lines=1, totals=True, prefix=f"W{number}-")
    kind, body = form_body(path, profile="transactions", project_id="wayup")
    headers = {"Authorization": f"Bearer {connection.api_key}", "Content-Type": kind}
    return Call("/api/v1/uploads", headers, body, HTTPStatus.ACCEPTED)
