"""What nobody bounds is no label: tenants, and whatever they and strangers may choose the name of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.packages import made
from wharf.local.trial import Trial

TENANTS, MOST = 1_000, 3_000
MANY = """
    WITH many AS (
        INSERT INTO wharf.tenants (id, name, schema_name)
        SELECT gen_random_uuid(), %(name)s || n, %(name)s || n FROM generate_series(1, %(tenants)s) n RETURNING id, name
    ), scheduled AS (
        INSERT INTO wharf.schedules (id, tenant_id, project_id, name, interval_seconds, time_zone, kind, queue,
                                     priority, enabled, overlap, misfire, grace_seconds)
        SELECT gen_random_uuid(), id, name, name, 3600, 'UTC', 'echo', 'maintenance', 1, false, 'skip', 'skip', 60
        FROM many)
    INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, label, finished_at, discarded_at)
    SELECT gen_random_uuid(), id, name, 'echo', 'maintenance', 1, 'failed', name, now(), now() FROM many"""
NONE = """
    DELETE FROM wharf.jobs WHERE label LIKE %(name)s || '%%';
    DELETE FROM wharf.schedules WHERE name LIKE %(name)s || '%%';
    DELETE FROM wharf.tenants WHERE name LIKE %(name)s || '%%'"""


@contextmanager
def many_tenants(wharf: Trial, name: str) -> Iterator[None]:
    """A thousand more than there are, each with a schedule and a job; gone at the end."""
    url = wharf.connection.database_url
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        owner.execute(MANY, {"name": name, "tenants": TENANTS})
        try:
            yield
        finally:
            owner.execute(NONE, {"name": name})


def samples(wharf: Trial) -> list[Sample]:
    """Every series that a Prometheus would find in the stack."""
    texts = [httpx.get(url, timeout=30).raise_for_status().text for url in wharf.connection.metrics.values()]
    return [sample for text in texts for family in text_string_to_metric_families(text) for sample in family.samples]


def declare(tenant: Trial, name: str) -> None:
    """A profile and a package type with names of the tenant's."""
    profile = {"name": name, "title": name, "columns": [{"name": "n", "type": "integer"}]}
    tenant.api.post("/api/v1/profiles", json=profile).raise_for_status()
    section = {"name": name, "title": name, "dataset": name, "columns": [{"name": "n", "title": name}]}
    tenant.api.put(
        f"/api/v1/package-types/{name}", json={"name": name, "title": name, "sections": [section]}
    ).raise_for_status()


def work(tenant: Trial, name: str, folder: Path) -> None:
    """Use what was declared, and load what cannot be loaded."""
    good, bad = folder / f"{name}.csv", folder / f"{name}.bin"
    good.write_text("n\n1\n2\n", "utf-8")
    bad.write_bytes(b"\x00" * 99)
    assert tenant.load(good, profile=name, project_id=name)["status"] == "completed"
    assert tenant.load(bad, profile="assets", project_id=name)["status"] == "failed"
    made(tenant, name, name, formats=["xlsx"])


def ask_strangely(tenant: Trial, name: str) -> None:
    """Methods, paths, filters, headers and names that nobody foresaw."""
    tenant.api.request(name.upper(), "/api/v1/jobs")
    for path in (f"/{name}", f"/api/v1/jobs/{name}", f"/api/v1/profiles/{name}x", f"/api/v1/queues/{name}/pause"):
        tenant.api.get(path, headers={"X-Request-ID": name, "User-Agent": name})
    tenant.api.get("/api/v1/jobs", params={"kind": name, "queue": name, "status": name, "q": name})
    schedule = {"name": name, "kind": name, "queue": name, "cron": "0 2 * * *"}
    tenant.api.post("/api/v1/schedules", json=schedule)


def ask_everything(tenant: Trial, name: str) -> None:
    """Each operation of the API once, of something that is not there: a route counts whatever it answers."""
    paths = tenant.api.get("/openapi.json").raise_for_status().json()["paths"]
    for path, operations in paths.items():
        for method in operations:
            with tenant.api.stream(method.upper(), re.sub(r"\{\w+\}", name, path), content=b"[]") as answer:
                assert answer.status_code < 500, (method, path)


def test_no_name_becomes_a_label_and_a_thousand_tenants_no_series(tenant: Trial, tmp_path: Path) -> None:
    """Fewer than 3,000 series in the whole stack, and in none of them what a tenant or a stranger has named."""
    name = f"evil_{uuid4().hex[:12]}"
    declare(tenant, name)
    work(tenant, name, tmp_path)
    ask_strangely(tenant, name)
    ask_everything(tenant, name)
    with many_tenants(tenant, f"of_{name}_"):
        found = samples(tenant)
    assert 500 < len(found) < MOST
    assert [sample for sample in found if any(name in value.lower() for value in sample.labels.values())] == []
    profiles = {sample.labels["profile"] for sample in found if "profile" in sample.labels}
    assert "own" in profiles
    assert "own" in {sample.labels["package_type"] for sample in found if "package_type" in sample.labels}
