"""`/api/v1/backups`: what is stored is listed; making and verifying are jobs of the installation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from wharf.common.backups import Manifest, TableCount, Verification
from wharf.common.clock import new_id
from wharf.common.ledger.database import Database
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway.cursors import encode

PATH = "/api/v1/backups"
AT = datetime(2026, 3, 1, 2, tzinfo=UTC)


@pytest.fixture
def platform(gateway, backend) -> Iterator[httpx.Client]:
    """The installation's owner, when no job of the kind is there."""
    database = Database.connect(backend.app_url, pool=1, application="test")
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as client:
        yield client
    with database.tenant(INSTALLATION) as connection:
        connection.execute(text("UPDATE wharf.jobs SET status = 'failed' WHERE kind = 'backup'"))
    database.close()


@pytest.fixture
def stored(gateway) -> list[Manifest]:
    """Three backups in the storage, oldest first; the oldest one was verified."""
    backups = gateway.resources.backups
    for old in backups.all():
        backups.remove(old)
    jobs, sales = (TableCount(place=n, name=n, rows=rows, digest="1") for n, rows in (("jobs", 2), ("sales", 3)))
    about = {"seconds": 1.5, "key": "k", "bytes": 10, "sha256": "ab", "compression": "1", "server_version": "18.4"}
    made = [
        Manifest(id=new_id(), created_at=AT + timedelta(days=day), revision="0012", tables=(jobs, sales), **about)
        for day in range(3)
    ]
    for manifest in made:
        backups.add(manifest)
    backups.note(backups.find(made[0].id), Verification(at=AT, passed=True, seconds=2))
    return made


def test_they_are_listed_newest_first_and_by_page(platform, stored):
    """With their counts and the last trial; nothing that is not whole."""
    items = platform.get(PATH).json()["items"]
    assert [one["id"] for one in items] == [str(one.id) for one in reversed(stored)]
    assert (items[0]["rows"], items[0]["tables"], items[0]["bytes"], items[0]["verification"]) == (5, 2, 10, None)
    assert items[2]["verification"] == {"at": "2026-03-01T02:00:00Z", "passed": True, "seconds": 2.0, "problem": None}
    first = platform.get(PATH, params={"limit": 2}).json()
    rest = platform.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert (first["items"] + rest["items"], rest["next_cursor"]) == (items, None)
    for cursor in ("x", encode(("2026-03-01T02:00:00", str(stored[0].id))), encode((5, str(stored[0].id)))):
        refused = platform.get(PATH, params={"cursor": cursor})
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_cursor")


def test_one_is_made_and_one_verified_at_a_time(platform, stored):
    """As jobs on the queue of maintenance, which the platform can look at."""
    job = platform.post(PATH)
    assert (job.status_code, job.json()["kind"], job.json()["queue"]) == (202, "backup", "maintenance")
    again = platform.post(PATH)
    assert (again.status_code, again.json()["code"]) == (409, "backup_at_work")
    verified = platform.post(f"{PATH}/{stored[1].id}/verify")
    assert (verified.status_code, verified.json()["label"]) == (202, "backup-verify")
    assert platform.post(f"{PATH}/{stored[1].id}/verify").status_code == 409
    listed = platform.get(f"{PATH}/jobs", params={"limit": 2}).json()["items"]
    assert [one["job_id"] for one in listed] == [verified.json()["job_id"], job.json()["job_id"]]
    assert platform.get(f"/api/v1/jobs/{job.json()['job_id']}").json()["status"] == "queued"


def test_what_is_not_there_is_not_found(platform, stored):
    """A backup that never was."""
    assert platform.post(f"{PATH}/{new_id()}/verify").json()["code"] == "backup_not_found"


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("GET", "/jobs"), ("POST", "/{id}/verify")])
def test_no_tenant_may_see_or_make_them(api, method, path):
    """They hold everybody's rows: not even for an admin."""
    answer = api.request(method, PATH + path.replace("{id}", str(new_id())))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
