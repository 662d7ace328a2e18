"""Five minutes in which there is something to see: what docs/dashboards.py draws."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import httpx
import psycopg

from wharf.client.api import WharfClient
from wharf.client.failure import ClientError
from wharf.local.connection import Connection
from wharf.local.ports import HOST
from wharf.local.samples import write_assets, write_jira_issues, write_transactions
from wharf.local.stack import LocalStack

SECONDS = 300
PRIORITIES = ("normal", "urgent", "normal", "high", "normal", "low", "urgent")
PACKAGES = ("transactions_report", "asset_register", "import_report")
PAGES = ("jobs", "datasets/transactions/rows?project_id=p", "queues", "jobs/nothing")
BURST, CLIENTS, LARGE = 60, 4, 100_000
BUILTIN = "SELECT id::text FROM wharf.schedules WHERE builtin AND name = ANY(%s)"
REFUSED = 5
"""Every so manieth message the receiver of webhooks does not take."""


@dataclass
class Load:
    """What happens on a stack; `folder` holds its files, `url` is where webhooks lead."""

    stack: LocalStack
    folder: Path
    url: str
    ended: threading.Event = field(default_factory=threading.Event)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def connection(self) -> Connection:
        """Addresses, keys and the processes of this moment."""
        return self.stack.connection

    def run(self) -> None:
        """All of it, for `SECONDS`."""
        self._tell_by_webhook()
        steady = ((self._send, 2.0), (self._order, 15.0), (self._read, 1.0))
        threads = [threading.Thread(target=self._keep, args=one) for one in steady]
        for thread in threads:
            thread.start()
        self._events(time.monotonic())
        self.ended.set()
        for thread in threads:
            thread.join()

    def _events(self, begun: float) -> None:
        moments: dict[int, Callable[[], None]] = {
            15: self._begin_by_night,
            60: self._burst,
            120: self._rest,
            150: self._kill,
            175: self._go_on,
            220: self._cancel,
            SECONDS: lambda: None,
        }
        for second, do in moments.items():
            time.sleep(max(begun + second - time.monotonic(), 0))
            print(f"{second:>3} s of {SECONDS}: {do.__name__.strip('_<>')}", file=sys.stderr)
            do()

    def _keep(self, do: Callable[[WharfClient], None], pause: float) -> None:
        """Again and again; what is refused is part of the picture."""
        with self._client() as wharf:
            while not self.ended.wait(pause):
                try:
                    do(wharf)
                except ClientError as refused:
                    print(f"{do.__name__.strip('_')}: {refused.message}", file=sys.stderr)

    def _client(self) -> WharfClient:
        return WharfClient(self.connection.url, self.connection.api_key, timeout=60)

    def _platform(self) -> WharfClient:
        return WharfClient(self.connection.url, self.connection.platform_key, timeout=60)

    def _send(self, wharf: WharfClient) -> None:
        number = next(self.numbers)
        path = self.folder / f"{number}.csv"
        profile = written(path, number)
        wharf.upload(path, profile=profile, project_id="p", priority=PRIORITIES[number % len(PRIORITIES)])
        path.unlink()

    def _order(self, wharf: WharfClient) -> None:
        wharf.make_package(PACKAGES[next(self.numbers) % len(PACKAGES)], project_id="p", formats=["xlsx", "pdf"])

    def _read(self, _wharf: WharfClient) -> None:
        for path in PAGES:
            httpx.get(f"{self.connection.url}/api/v1/{path}", headers=self._headers, timeout=60)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.connection.api_key}"}

    def _tell_by_webhook(self) -> None:
        wanted = {"name": "picture", "url": self.url, "events": ["job.completed"]}
        httpx.post(f"{self.connection.url}/api/v1/webhooks", json=wanted, headers=self._headers).raise_for_status()

    def _begin_by_night(self) -> None:
        self._begin("backup", "cleanup", "weekly_reports")

    def _begin(self, *schedules: str) -> None:
        with psycopg.connect(self.connection.database_url) as ledger, self._platform() as wharf:
            for (schedule,) in ledger.execute(BUILTIN, [list(schedules)]).fetchall():
                wharf.run_schedule(schedule)

    def _burst(self) -> None:
        def some() -> None:
            with self._client() as wharf:
                for _ in range(BURST // CLIENTS):
                    self._send(wharf)

        for _ in range(CLIENTS):
            threading.Thread(target=some).start()

    def _rest(self) -> None:
        with self._platform() as wharf:
            wharf.pause("package")

    def _go_on(self) -> None:
        with self._platform() as wharf:
            wharf.resume("package")

    def _kill(self) -> None:
        """A worker, with all it does; the stack starts another."""
        with self._client() as wharf:
            self._large(wharf, 1)
        os.kill(self.connection.processes["ingest-worker"], signal.SIGKILL)

    def _cancel(self) -> None:
        with self._client() as wharf:
            wharf.cancel(self._large(wharf, 2))

    def _large(self, wharf: WharfClient, seed: int) -> str:
        """The job of a large file that has begun."""
        path = self.folder / f"large-{seed}.csv"
        write_transactions(path, LARGE, seed=seed, prefix=f"L{seed}-")
        job_id = str(wharf.upload(path, profile="transactions", project_id="large", priority="urgent")["job_id"])
        while wharf.job(job_id).status == "queued":
            time.sleep(0.05)
        return job_id


def written(path: Path, number: int) -> str:
    """Write a small file, and give the profile that it is of; every twelfth cannot be read."""
    kinds: dict[str, Callable[[], object]] = {
        "transactions": lambda: write_transactions(path, 400, seed=number, bad=8, prefix=f"N{number}-"),
        "assets": lambda: write_assets(path, 200, seed=number, bad=3),
        "jira_issues": lambda: write_jira_issues(path, 80, seed=number),
    }
    profile = tuple(kinds)[number % len(kinds)]
    if number % 12:
        kinds[profile]()
    else:
        path.write_bytes(b"\x00\x01" * 200)
    return profile


class Receiver(BaseHTTPRequestHandler):
    """Of webhooks."""

    numbers = count(1)

    def do_POST(self) -> None:
        """Take a message, or not."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204 if next(self.numbers) % REFUSED else 500)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Nobody reads it."""


@contextmanager
def receiver() -> Iterator[str]:
    """The address of one that listens."""
    with ThreadingHTTPServer((HOST, 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_address[1]}/"
        server.shutdown()
