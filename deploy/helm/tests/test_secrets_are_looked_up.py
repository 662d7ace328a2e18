"""Where Helm can ask a cluster, what is missing stops it before anything is installed."""

from __future__ import annotations

import json
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

from deploy.helm.source.schema import ALWAYS, OF_SERVERS
from deploy.helm.tests.rendering import LEAST, Object, Values, merged, template

NAMESPACE = "/api/v1/namespaces/apps"
KINDS = [
    {"name": name, "namespaced": True, "kind": kind, "verbs": ["get"]}
    for name, kind in (("secrets", "Secret"), ("serviceaccounts", "ServiceAccount"))
]
DISCOVERY = {"/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": KINDS}}
ACCOUNT = {f"{NAMESPACE}/serviceaccounts/default": {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {}}}
USUAL = ("backup_database_url", "backup_password", "first_api_key", "first_platform_key")
ALL = dict.fromkeys((*ALWAYS, *USUAL, *OF_SERVERS), "x")
WITH_SERVERS: Values = {name: {"enabled": True} for name in ("postgres", "redis", "flower")}
LASTING = {"Deployment", "StatefulSet"}


def secret(words: dict[str, str]) -> dict[str, Object]:
    data = {name: b64encode(word.encode()).decode() for name, word in words.items()}
    return {f"{NAMESPACE}/secrets/wharf": {"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": data}}


@contextmanager
def cluster(answers: dict[str, Object]) -> Iterator[str]:
    """As much of Kubernetes' API as a look-up asks: the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            gone = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(found or gone).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """It is not worth a line."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def rendered(answers: dict[str, Object], values: Values | None = None) -> subprocess.CompletedProcess[str]:
    said = json.dumps(merged(LEAST, values or {}))
    with cluster(DISCOVERY | answers) as address:
        return template(said, "wharf", "--dry-run=server", "--kube-apiserver", address)


def test_a_secret_that_is_not_there_stops() -> None:
    """With its name and the namespace."""
    assert "There is no Secret wharf in the namespace apps. Make it" in rendered(ACCOUNT).stderr


def test_a_key_that_is_not_there_stops() -> None:
    """With both names, and what to do about an optional one."""
    words = {name: word for name, word in ALL.items() if name != "first_api_key"}
    assert "The Secret wharf has no key first_api_key" in rendered(ACCOUNT | secret(words)).stderr


def test_nothing_is_missed_where_there_is_no_namespace_yet() -> None:
    """`--create-namespace` makes it later; pods then wait for the Secret, and say so."""
    assert rendered({}).returncode == 0


def checksums(words: dict[str, str]) -> dict[str, str]:
    done = rendered(ACCOUNT | secret(words), WITH_SERVERS)
    objects = [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one and one["kind"] in LASTING]
    pods = {one["metadata"]["name"]: one["spec"]["template"]["metadata"]["annotations"] for one in objects}
    return {name: annotations["checksum/secrets"] for name, annotations in pods.items()}


def test_a_secret_that_changed_replaces_those_pods_that_read_it() -> None:
    """At the next upgrade, and no others; those of bundled servers and of Flower, too."""
    readers = {"dispatch_database_url": "scheduler", "flower_password": "flower", "redis_password": "redis"}
    before = checksums(ALL)
    for word, reader in readers.items():
        after = checksums(ALL | {word: "y"})
        assert {name for name in before if before[name] != after[name]} == {f"wharf-{reader}"}
