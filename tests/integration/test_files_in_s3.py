"""Object storage by one setting: the same import with its files in a server that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.servers import servers
from wharf.common.errors import Permanent, Transient
from wharf.common.settings import StorageSettings
from wharf.common.storage import Storage
from wharf.local.ports import HOST, Ports
from wharf.local.samples import write_transactions
from wharf.local.stack import LocalStack
from wharf.local.trial import Trial

BUCKET = "wharf-test"
KEYS = {"s3_access_key": "wharf", "s3_secret_key": "s3cret"}
ROWS = 120_000


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that speaks S3, with a bucket."""
    port = Ports(tmp_path_factory.mktemp("s3") / "ports").pick("s3")
    server = ThreadedMotoServer(HOST, port, verbose=False)
    server.start()
    url = f"http://{HOST}:{port}"
    client(url).create_bucket(Bucket=BUCKET)
    yield url
    server.stop()


def client(url: str) -> Any:  # boto3 makes its classes when it runs
    """Amazon's own client: what is really there."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=KEYS["s3_access_key"],
        aws_secret_access_key=KEYS["s3_secret_key"],
    )


@pytest.fixture(scope="module")
def stack(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack whose files are there."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("WHARF_STORAGE_URL", f"s3://{BUCKET}/files")
        environment.setenv("WHARF_S3_ENDPOINT", endpoint)
        environment.setenv("WHARF_S3_REGION", "us-east-1")
        for name, value in KEYS.items():
            environment.setenv(f"WHARF_{name.upper()}", value)
        folder = tmp_path_factory.mktemp("wharf")
        with servers() as given, LocalStack(folder, port=0, discard=True, **given) as running:
            yield running


def test_a_file_is_kept_and_read_there(wharf: Trial, endpoint: str, project: str, tmp_path: Path) -> None:
    """In several parts while it arrives, in ranges while it is loaded; nothing of it is on this machine's disk."""
    path = tmp_path / "sales.csv"
    expected = write_transactions(path, ROWS, seed=3, bad=10)
    taken = wharf.upload(path, profile="transactions", project_id=project)
    job = wharf.ended(taken["job_id"])
    assert (job["status"], job["result"]["inserted"]) == ("completed", expected.good), job["error"]
    kept = {one["Key"]: one["Size"] for one in client(endpoint).list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert [size for key, size in kept.items() if taken["upload_id"] in key] == [path.stat().st_size]
    assert all(key.startswith("files/") for key in kept)
    assert [found for found in wharf.stack.folder.objects.rglob("*") if found.is_file()] == []


def test_wrong_keys_and_missing_files_are_told(endpoint: str) -> None:
    """A file that is gone is final; a server that refuses may be set right, and is tried again."""
    known: dict[str, Any] = {
        "storage_url": f"s3://{BUCKET}/files",
        "s3_endpoint": endpoint,
        "s3_region": "us-east-1",
        **KEYS,
    }
    with pytest.raises(Permanent, match="is gone"):
        Storage.open(StorageSettings(**known)).open_file("nothing")
    with pytest.raises(Transient, match="object storage"):
        Storage.open(StorageSettings(**known | {"s3_endpoint": "http://127.0.0.1:1"})).put("a", b"b")
