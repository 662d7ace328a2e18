"""Object storage by one setting: the same import with its files in a server that speaks S3."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg
import pytest
from moto.server import ThreadedMotoServer

from tests.servers import servers
from wharf.client.api import WharfClient
from wharf.client.job import Job
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


@pytest.fixture
def empty(wharf: Trial) -> Iterator[str]:
    """The address of a new database on the stack's server."""
    url, name = wharf.connection.database_url, "restored"
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"CREATE DATABASE {name}".encode())
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
        owner.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def result_of(job: Job) -> dict[str, Any]:
    """Of a job that was done."""
    assert job.succeeded, job.error
    assert job.result is not None
    return job.result


def restored(stack: LocalStack, endpoint: str, into: str) -> str:
    """What `wharf backup restore` says, run beside the stack with its settings."""
    known = {
        "WHARF_DATABASE_URL": into,
        "WHARF_STORAGE_URL": f"s3://{BUCKET}/files",
        "WHARF_S3_ENDPOINT": endpoint,
        "WHARF_S3_REGION": "us-east-1",
    } | {f"WHARF_{name.upper()}": value for name, value in KEYS.items()}
    command = [sys.executable, "-m", "wharf.scheduler.backups.command", "latest"]
    done = subprocess.run(
        command, env=os.environ | known, cwd=stack.folder.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_backup_goes_there_and_comes_back(
    wharf: Trial, stack: LocalStack, endpoint: str, project: str, empty: str, tmp_path: Path
) -> None:
    """Made and tried by the maintenance worker, whole by its checksum; restored it has the same rows, byte for byte."""
    write_transactions(tmp_path / "t.csv", 500, seed=5)
    assert wharf.load(tmp_path / "t.csv", profile="transactions", project_id=project)["status"] == "completed"
    with WharfClient(wharf.connection.url, wharf.connection.platform_key) as platform:
        made = result_of(platform.wait(platform.make_backup().job_id))
        tried = result_of(platform.wait(platform.verify_backup(made["backup_id"]).job_id))
    assert (tried["tables"], tried["rows"]) == (made["tables"], made["rows"])
    s3 = client(endpoint)
    kept = {one["Key"]: one["Size"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix="files/backups/")["Contents"]}
    [archive] = [key for key, size in kept.items() if size == made["bytes"]]
    body = s3.get_object(Bucket=BUCKET, Key=archive)["Body"].read()
    assert hashlib.sha256(body).hexdigest() == made["sha256"]
    assert "counted and compared" in restored(stack, endpoint, empty)
    rows = f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {wharf.dataset()} t"
    with psycopg.connect(wharf.connection.database_url) as here, psycopg.connect(empty) as there:
        expected, found = here.execute(rows.encode()).fetchone(), there.execute(rows.encode()).fetchone()
    assert expected is not None
    assert expected[0] >= 500
    assert found == expected
