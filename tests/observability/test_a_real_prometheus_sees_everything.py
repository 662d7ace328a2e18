"""Debian's Prometheus scrapes the local stack: metrics, panels and rules as they will be used."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from tests.observability.conftest import alerts
from tests.observability.panels import panel_queries
from tests.observability.watching import Prometheus, watching
from tests.packages import made
from wharf.common.metrics import series
from wharf.local.ports import HOST, Ports, is_free
from wharf.local.samples import write_transactions
from wharf.local.stack import LocalStack
from wharf.local.trial import Trial, eventually

OF_OTHERS = ("wharf_canary_", "wharf_backup_", "wharf_webhook_", "kube_")
"""What a short load does not bring: canaries, backups, deliveries, an installation's scaler. Their own tests do."""
WITHIN = 60.0
SICK = 'wharf_jobs_stuck{queue="ingest"} 1\nwharf_broker_evicts 1\n'
CLEANUP = "SELECT id FROM wharf.schedules WHERE builtin AND name = 'cleanup'"
EXPECTED = {"WharfWatchdog", "WharfTargetDown", "WharfJobStuck", "WharfBrokerEvicts"}


class Told(BaseHTTPRequestHandler):
    """A scheduler that sees an installation which is not well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(SICK.encode())

    def log_message(self, *_args: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def sick() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer((HOST, 0), Told) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_address[1]}/metrics"
        server.shutdown()


@pytest.fixture(scope="module")
def prometheus(stack: LocalStack, sick: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the stack, a sick scheduler, and a target that is gone."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("needs: prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    gone = Ports(folder / "gone").pick("gone")
    assert is_free(gone)
    targets = {**stack.connection.metrics, "sick": sick, "gone": f"http://{HOST}:{gone}/metrics"}
    with watching(program, folder, targets) as running:
        yield running


@pytest.fixture(scope="module")
def busy(prometheus: Prometheus, stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Prometheus:
    """After a short load: an import with rejects, a package, a clean-up."""
    path = tmp_path_factory.mktemp("load") / "t.csv"
    write_transactions(path, 200, seed=4)
    headers = {"Authorization": f"Bearer {stack.connection.api_key}"}
    with httpx.Client(base_url=stack.connection.url, headers=headers, timeout=30) as api:
        with Trial(stack, api).as_new_tenant() as tenant:
            assert tenant.load(path, profile="transactions", project_id="p")["status"] == "completed"
            made(tenant, "transactions_report", "p", formats=["xlsx", "pdf"])
        clean_up(Trial(stack, api))
    return prometheus


def clean_up(wharf: Trial) -> None:
    """Let the built-in schedule run now."""
    platform = {"Authorization": f"Bearer {wharf.connection.platform_key}"}
    (cleanup,) = eventually(lambda: wharf.ask(CLEANUP), "the built-in schedule")
    wharf.api.post(f"/api/v1/schedules/{cleanup['id']}/run", headers=platform).raise_for_status()


def soon(lacking: Callable[[], Collection[str]]) -> None:
    """In a while nothing is lacking; says what was at the end."""
    with suppress(TimeoutError):
        eventually(lambda: not lacking(), "nothing to be lacking", within=WITHIN)
    assert sorted(lacking()) == []


def of_this_machine(prometheus: Prometheus) -> set[str]:
    """Its disk may really be nearly full."""
    full = prometheus.query("min(wharf_storage_free_bytes / wharf_storage_size_bytes) < 0.1")
    return {"WharfDiskFillsUp"} if full else set()


def ours(expr: str) -> bool:
    return not any(name in expr for name in OF_OTHERS)


def test_every_metric_arrives(busy: Prometheus) -> None:
    """All that a load brings, from one process or another, under the name that rules and panels use."""
    soon(lambda: set(filter(ours, series())) - busy.names())


def test_every_panel_shows_something(busy: Prometheus) -> None:
    """Each query is understood, and gives data after a short load."""
    queries = panel_queries(over="5m")
    assert "$" not in "".join(queries)
    for expr in queries:
        busy.query(expr)
    shown = [expr for expr in queries if ours(expr)]
    soon(lambda: [expr for expr in shown if not busy.query(expr)])


def test_only_what_is_wrong_is_told(busy: Prometheus) -> None:
    """A stack that works is quiet, although the alerts wait for nothing here; what is made to look wrong is told."""
    assert {name for name, _ in alerts()} >= EXPECTED
    soon(lambda: (busy.firing() ^ EXPECTED) - of_this_machine(busy))
    assert busy.unhealthy() == {}


def test_a_scrape_of_the_scheduler_tells_of_the_whole_installation(wharf: Trial) -> None:
    """Without a Prometheus: its port answers with what it has looked up in ledger, broker and storage."""
    text = httpx.get(wharf.connection.metrics["scheduler"]).raise_for_status().text
    for source in ("ledger", "drift", "broker", "storage"):
        assert f'wharf_collector_up{{source="{source}"}} 1.0' in text
