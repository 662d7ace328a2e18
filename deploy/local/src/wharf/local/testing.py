"""Small processes in the place of Wharf's services: to try the stack itself, without what runs on it.

They get the environment of the real ones, are ready as the real ones, and write at their stop, one JSON object a line
into `DIR/stops.jsonl`, whether both servers still answered.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psycopg
import redis

from wharf.local.child import ChildSpec
from wharf.local.orphans import MARK
from wharf.local.services import Site, wharf_services

STOPS = "stops.jsonl"


def stand_ins(site: Site) -> list[ChildSpec]:
    """The declarations of the real services, each with a stand-in as its command."""
    return [replace(spec, command=_command(spec.name)) for spec in wharf_services(site)]


def broken_stand_ins(site: Site) -> list[ChildSpec]:
    """As `stand_ins`, but the package worker says `no ink left` and ends with exit code 3."""
    broken = (sys.executable, "-c", "import sys; print('no ink left', flush=True); sys.exit(3)")
    return [replace(spec, command=broken) if spec.name == "package-worker" else spec for spec in stand_ins(site)]


def _command(name: str) -> tuple[str, ...]:
    return (sys.executable, "-c", "from wharf.local.testing import main; main()", name)


def main() -> None:
    """Be the service whose name is the first argument until SIGTERM."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    if "WHARF_PORT" in os.environ:
        threading.Thread(target=_serve, args=[int(os.environ["WHARF_PORT"])], daemon=True).start()
    heartbeat = Path(os.environ["WHARF_HEARTBEAT_FILE"])
    heartbeat.touch()
    while not stopped.wait(1.0):
        heartbeat.touch()
    _report(sys.argv[1])


def _serve(port: int) -> None:
    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.OK)
            self.end_headers()

    HTTPServer(("127.0.0.1", port), Ready).serve_forever()


def _report(name: str) -> None:
    answers = True
    try:
        with redis.Redis.from_url(os.environ["WHARF_REDIS_URL"]) as client:
            client.ping()
        with psycopg.connect(os.environ["WHARF_DATABASE_URL"]) as connection:
            connection.execute("SELECT 1")
    except (redis.RedisError, psycopg.Error):
        answers = False
    with (Path(os.environ[MARK]) / STOPS).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"name": name, "servers_answer": answers}) + "\n")
