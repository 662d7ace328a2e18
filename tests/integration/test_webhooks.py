"""A receiver hears of what the real services do, and what cannot be delivered is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson

from wharf.local.trial import Trial, eventually

EVENTS = ["job.completed", "job.failed", "job.cancelled"]


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server of this machine's own, which the tests' stack allows."""
    heard: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_said: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", heard
        server.shutdown()
        thread.join()


def made(tenant: Trial, url: str) -> dict[str, Any]:
    wanted = {"name": url, "url": url, "events": EVENTS}
    webhook: dict[str, Any] = tenant.api.post("/api/v1/webhooks", json=wanted).raise_for_status().json()
    return webhook


def ended(tenant: Trial, webhook: dict[str, Any]) -> dict[str, Any] | None:
    """The newest delivery, as soon as it was tried."""
    newest: dict[str, Any] = tenant.api.get(f"/api/v1/webhooks/{webhook['id']}/deliveries").json()["items"][0]
    return newest if newest["tries"] else None


def test_a_receiver_hears_of_a_job_s_end_and_can_check_it(tenant: Trial) -> None:
    """From the worker's end to the signed message; what is heard is what the log says."""
    with receiver() as (url, heard):
        webhook = made(tenant, url)
        job = tenant.api.post("/api/v1/tasks/test", params={"message": "hi"}).raise_for_status().json()["task_id"]
        headers, body = eventually(lambda: heard[0] if heard else None, "the message")
        delivery = eventually(lambda: ended(tenant, webhook), "its outcome")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(webhook["secret"].removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    said = orjson.loads(body)
    assert (said["type"], said["data"]["job_id"], said["data"]["status"]) == ("job.completed", job, "completed")
    assert (delivery["id"], delivery["status"], delivery["body"]) == (headers["webhook-id"], "delivered", said)
    assert "hi" not in body.decode()


def test_what_cannot_be_delivered_is_told(tenant: Trial) -> None:
    """In the log of the webhook, with what to do; and it is tried again."""
    webhook = made(tenant, "http://127.0.0.1:1/")
    tenant.api.post(f"/api/v1/webhooks/{webhook['id']}/test").raise_for_status()
    delivery = eventually(lambda: ended(tenant, webhook), "its outcome")
    assert (delivery["tries"][0]["code"], delivery["attempt"]) == ("not_connected", 1)
    assert delivery["tries"][0]["message"]
    assert delivery["next_at"] is not None
