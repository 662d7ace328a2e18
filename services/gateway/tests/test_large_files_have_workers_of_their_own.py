"""Which queue an import goes to is decided by its file's size."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("size", "queue"), [(0, "ingest"), (1000, "ingest"), (1001, "ingest-bulk")])
def test_the_size_decides_the_queue(tenant, serve, size, queue):
    """Above the setting the workers of `ingest-bulk` load it, the first time and again."""
    gateway = serve(bulk_bytes=1000)
    with tenant.client(url=gateway.url) as client:
        first = client.post("/api/v1/uploads", files={"file": ("sales.csv", b"x" * size)}).json()
        again = client.post(f"/api/v1/uploads/{first['upload_id']}/import").json()
        shown = [client.get(f"/api/v1/jobs/{answer['job_id']}").json()["queue"] for answer in (first, again)]
    assert shown == [queue, queue]


def test_existing_clients_large_files_go_there_too(tenant, serve):
    """The adapters of the five systems' routes take the same way."""
    gateway = serve(bulk_bytes=10)
    with tenant.client(url=gateway.url) as client:
        job_id = client.post("/api/upload", files={"file": ("issues.csv", b"x" * 11)}).json()["job_id"]
        assert client.get(f"/api/v1/jobs/{job_id}").json()["queue"] == "ingest-bulk"


def test_a_few_megabytes_are_not_large(api):
    """Without the setting 32 MiB are the border."""
    answer = api.post("/api/v1/uploads", files={"file": ("sales.csv", b"x" * 3_000_000)}).json()
    assert api.get(f"/api/v1/jobs/{answer['job_id']}").json()["queue"] == "ingest"
