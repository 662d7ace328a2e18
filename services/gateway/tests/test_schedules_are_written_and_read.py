"""Schedules by API: what is written and shown, who may, what is refused and where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import text

from wharf.common.access import Role
from wharf.common.clock import new_id
from wharf.common.ledger.database import Database, dumps
from wharf.gateway.schedules import MOST

PATH = "/api/v1/schedules"
WEEKLY: dict[str, Any] = {
    "name": "weekly",
    "cron": "0 8 * * MON",
    "time_zone": "Europe/Berlin",
    "kind": "package",
    "payload": {"package_type": "asset_register", "options": {"formats": ["pdf"], "locale": "de"}},
}
ECHO: dict[str, Any] = {"name": "echo", "interval_seconds": 900, "kind": "echo"}


def written(api: httpx.Client, **change: Any) -> dict[str, Any]:
    answer = api.post(PATH, json=WEEKLY | change)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
def platform(gateway, backend) -> Iterator[httpx.Client]:
    """The installation's owner."""
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": backend.platform_key}) as client:
        yield client


@pytest.fixture
def builtin(backend) -> Iterator[str]:
    """A built-in schedule, as the scheduler declares it."""
    at = datetime(2100, 1, 1, tzinfo=UTC)
    said = {
        "id": new_id(),
        "name": "cleanup",
        "cron": "30 3 * * *",
        "time_zone": "UTC",
        "kind": "cleanup",
        "payload": {},
    }
    policy = {"queue": "maintenance", "priority": 1, "overlap": "skip", "misfire": "skip", "grace_seconds": 60}
    database = Database.connect(backend.owner_url, pool=1, application="test")
    with database.anyone() as connection:
        declared = dumps(said | policy | {"next_at": at})
        connection.execute(text("SELECT wharf.declare_schedule(cast(:d AS jsonb))"), {"d": declared})
    yield str(said["id"])
    with database.anyone() as connection:
        connection.execute(text("DELETE FROM wharf.schedules WHERE builtin"))
    database.close()


def test_a_schedule_is_shown_in_words_and_with_its_next_times(api):
    """Five of them, on the zone's clock; the same from the list and by itself."""
    made = written(api)
    assert (made["words"], made["queue"], made["enabled"], made["builtin"]) == (
        "every Monday at 08:00", "package", True, False,
    )  # fmt: skip
    runs = [datetime.fromisoformat(run) for run in made["next_runs"]]
    assert [(run.isoweekday(), run.hour) for run in runs] == [(1, 8)] * 5
    assert all(run.utcoffset() for run in runs)
    assert runs[0] == datetime.fromisoformat(made["next_at"])
    assert api.get(f"{PATH}/{made['id']}").json() == made
    assert api.get(PATH).json()["items"] == [made]


def test_a_package_s_own_words_about_its_job_are_the_schedule_s(api):
    """The payload is what `POST /api/v1/packages` takes, project and priority too."""
    made = written(api, payload=WEEKLY["payload"] | {"project_id": "north", "priority": "high"})
    assert (made["project_id"], made["priority"], made["payload"]) == ("north", "high", WEEKLY["payload"])
    assert "north" in [one["project_id"] for one in api.get("/api/v1/projects").json()["items"]]


def test_it_is_changed_switched_off_and_on_and_removed(api, tenant):
    """Each change holds from now on: an interval instead of an expression, and no times while it is off."""
    made = written(api)
    own = f"{PATH}/{made['id']}"
    changed = api.patch(own, json={"interval_seconds": 90, "overlap": "queue"}).json()
    assert (changed["cron"], changed["words"], changed["overlap"]) == (None, "every 90 seconds", "queue")
    assert changed["next_at"] != made["next_at"]
    kept = api.patch(own, json={"misfire": "skip", "name": "other"}).json()
    assert (kept["next_at"], kept["misfire"], kept["name"]) == (changed["next_at"], "skip", "other")
    off = api.patch(own, json={"enabled": False}).json()
    assert (off["next_at"], off["next_runs"]) == (None, [])
    assert api.patch(own, json={"enabled": True, "cron": "* * * * *"}).json()["words"] == "every minute"
    assert api.delete(own).status_code == 204
    assert api.get(own).json()["code"] == "schedule_not_found"


def test_a_change_wakes_the_scheduler(api, tenant, backend):
    """At its commit, on the channel that the leading one listens to: it need not wait for its next look."""
    made = written(api)
    database = Database.connect(backend.owner_url, pool=1, application="test")
    with database.anyone() as connection:
        heard = connection.connection.driver_connection
        connection.execute(text("LISTEN wharf_dispatch"))
        connection.commit()
        api.patch(f"{PATH}/{made['id']}", json={"interval_seconds": 1})
        assert [one.channel for one in heard.notifies(timeout=20, stop_after=1)] == ["wharf_dispatch"]
    database.close()


def test_run_now_answers_the_job_and_is_in_the_history(api, tenant):
    """Beside its times: those stay. The history goes on by cursor, newest first, with the jobs' states."""
    made = written(api, **ECHO, cron=None, payload={"message": "now"}, priority="urgent")
    answers = [api.post(f"{PATH}/{made['id']}/run") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    jobs = [answer.json() for answer in answers]
    assert [(job["kind"], job["label"], job["priority"]) for job in jobs] == [("echo", "echo", "urgent")] * 3
    kept = tenant.execute("SELECT payload ->> 'message' AS m FROM wharf.jobs WHERE id = :id", id=jobs[0]["job_id"])
    assert kept[0]["m"] == "now"
    first = api.get(f"{PATH}/{made['id']}/runs", params={"limit": 2}).json()
    rest = api.get(f"{PATH}/{made['id']}/runs", params={"cursor": first["next_cursor"]}).json()
    runs = first["items"] + rest["items"]
    assert [run["job_id"] for run in runs] == [job["job_id"] for job in reversed(jobs)]
    assert {(run["outcome"], run["manual"], run["status"]) for run in runs} == {("started", True, "queued")}
    assert api.get(f"{PATH}/{made['id']}").json()["next_at"] == made["next_at"]


WRONG = [
    ({"cron": "0 0 1-100000000 * *"}, "bad_cron", "cron"),
    ({"cron": "* * * * * *"}, "bad_cron", "cron"),
    ({"cron": "0 0 31 2 *"}, "bad_cron", "cron"),
    ({"cron": "\0 * * * *"}, "invalid_request", "cron"),
    ({"cron": "1," * 500 + "1 * * * *"}, "invalid_request", "cron"),
    ({"cron": None}, "bad_timing", "cron"),
    ({"interval_seconds": 60}, "invalid_request", None),
    ({"time_zone": "Europe/Berlni"}, "unknown_time_zone", "time_zone"),
    ({"time_zone": "../../etc/passwd"}, "unknown_time_zone", "time_zone"),
    ({"kind": "brew"}, "unknown_kind", "kind"),
    ({"kind": "import"}, "unknown_kind", "kind"),
    ({"kind": "cleanup", "payload": {}}, "unknown_kind", "kind"),
    ({"name": "a\0b"}, "invalid_request", "name"),
    ({"name": ""}, "invalid_request", "name"),
    ({"payload": {}}, "invalid_payload", "payload.package_type"),
    ({"payload": {"package_type": 5}}, "invalid_payload", "payload.package_type"),
    ({"payload": {"package_type": "nothing"}}, "unknown_package_type", "payload.package_type"),
    ({"payload": {"package_type": "asset_register", "options": {"formats": ["doc"]}}}, "invalid_payload",
     "payload.options.formats.0"),
    ({"payload": {"package_type": "asset_register", "options": {"sections": ["x"]}}}, "unknown_section",
     "payload.options.sections"),
    ({"payload": {"package_type": "asset_register", "file": "x"}}, "invalid_payload", "payload.file"),
    ({"kind": "echo", "payload": {"message": "a\0b"}}, "invalid_payload", "payload.message"),
    ({"overlap": "both"}, "invalid_request", "overlap"),
    ({"misfire": "twice"}, "invalid_request", "misfire"),
    ({"grace_seconds": 0}, "invalid_request", "grace_seconds"),
    ({"priority": "most"}, "invalid_request", "priority"),
    ({"project_id": "No Slug"}, "invalid_request", "project_id"),
    ({"seconds": 1}, "invalid_request", "seconds"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "field"), WRONG)
def test_what_is_wrong_is_told_with_its_field(api, tenant, change, code, field):
    """422, nothing is written; and a schedule that is there is not changed into such a one."""
    answer = api.post(PATH, json=WEEKLY | change)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    place = ["body", *(field.split(".") if field else [])]
    assert [str(part) for part in answer.json()["errors"][0]["loc"]] == place
    assert tenant.count("schedules") == 0
    made = written(api)
    if change == {"interval_seconds": 60}:
        return
    refused = api.patch(f"{PATH}/{made['id']}", json=change)
    assert refused.status_code == 422, refused.text
    assert api.get(f"{PATH}/{made['id']}").json()["updated_at"] == made["updated_at"]


@pytest.mark.parametrize("seconds", [0, -1, 366 * 86_400 + 1, 10**12, 1.5, "60", True])
def test_an_interval_is_a_second_to_a_year(api, tenant, seconds):
    """Whole seconds: 422 with the field for anything else."""
    answer = api.post(PATH, json=ECHO | {"interval_seconds": seconds})
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["body", "interval_seconds"])
    assert tenant.count("schedules") == 0


def test_a_name_is_had_once(api):
    """In a tenant: 409, for a new one and for a new name."""
    written(api)
    other = written(api, name="other")
    for answer in (api.post(PATH, json=WEEKLY), api.patch(f"{PATH}/{other['id']}", json={"name": "weekly"})):
        assert (answer.status_code, answer.json()["code"]) == (409, "schedule_exists")


def test_a_tenant_has_two_hundred(api, tenant):
    """One more is refused, and says what to do."""
    made = written(api)
    columns = "project_id, interval_seconds, cron, time_zone, kind, queue, priority, enabled, overlap, misfire"
    tenant.execute(
        f"INSERT INTO wharf.schedules (id, tenant_id, name, {columns}, grace_seconds, next_at)"
        f" SELECT gen_random_uuid(), tenant_id, 'n' || n, {columns}, grace_seconds, next_at"
        " FROM wharf.schedules, generate_series(2, :most) n WHERE id = :id",
        id=made["id"],
        most=MOST,
    )
    answer = api.post(PATH, json=ECHO)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_schedules")
    api.delete(f"{PATH}/{made['id']}")
    assert api.post(PATH, json=ECHO).status_code == 201
    page = api.get(PATH, params={"limit": 150}).json()
    rest = api.get(PATH, params={"limit": 150, "cursor": page["next_cursor"]}).json()
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (150, 50, None)


def test_viewers_read_and_operators_write(api, tenant):
    """And a viewer starts nothing."""
    own = f"{PATH}/{written(api)['id']}"
    with tenant.client("viewer") as viewer:
        assert [viewer.get(path).status_code for path in (PATH, own, f"{own}/runs")] == [200] * 3
        refused = (
            viewer.post(PATH, json=ECHO),
            viewer.patch(own, json={}),
            viewer.delete(own),
            viewer.post(f"{own}/run"),
        )
        assert [answer.status_code for answer in refused] == [403] * 4
    with tenant.client("operator") as operator:
        assert operator.post(PATH, json=ECHO).status_code == 201
        assert operator.post(f"{own}/run").status_code == 202


def test_nobody_sees_another_tenants_nor_another_projects(api, tenant, make_tenant, gateway):
    """The same 404 as for what is not there."""
    own = f"{PATH}/{written(api, project_id='south')['id']}"
    north = {"Authorization": f"Bearer {tenant.key(Role.OPERATOR, project_id='north')['key']}"}
    with make_tenant().client() as stranger, httpx.Client(base_url=gateway.url, headers=north) as other:
        for client in (stranger, other):
            tries = (client.get(own), client.patch(own, json={}), client.delete(own), client.post(f"{own}/run"),
                     client.get(f"{own}/runs"))  # fmt: skip
            assert [answer.status_code for answer in tries] == [404] * 5
            assert client.get(PATH).json()["items"] == []
        assert other.post(PATH, json=WEEKLY | {"name": "x", "project_id": "south"}).status_code == 403
        assert other.post(PATH, json=WEEKLY | {"name": "x"}).json()["project_id"] == "north"


def test_the_platform_changes_built_in_ones_and_nobody_else_sees_them(platform, builtin, api):
    """When and whether they run; what they do is the version's. They are disabled, not removed, run now and watched."""
    own = f"{PATH}/{builtin}"
    assert [one["name"] for one in platform.get(PATH).json()["items"]] == ["cleanup"]
    assert (api.get(own).status_code, api.get(PATH).json()["items"]) == (404, [])
    changed = platform.patch(own, json={"cron": "0 5 * * *", "time_zone": "Europe/Paris"}).json()
    assert (changed["words"], changed["time_zone"], changed["builtin"]) == ("every day at 05:00", "Europe/Paris", True)
    for wrong in ({"name": "x"}, {"kind": "echo"}, {"payload": {}}):
        assert platform.patch(own, json=wrong).json()["code"] == "builtin_schedule"
    assert platform.delete(own).json()["code"] == "builtin_schedule"
    assert platform.post(PATH, json=WEEKLY).status_code == 403
    job = platform.post(f"{own}/run").json()
    assert (job["kind"], job["queue"]) == ("cleanup", "maintenance")
    assert api.get(f"/api/v1/jobs/{job['job_id']}").status_code == 404
    page = platform.get(f"/jobs/{job['job_id']}").text
    assert f'data-live="/api/v1/jobs/{job["job_id"]}/events"' in page
    assert 'href="/jobs' not in page.replace(f'href="/jobs/{job["job_id"]}', "")
    with platform.stream("GET", f"/api/v1/jobs/{job['job_id']}/events") as events:
        assert (events.status_code, next(events.iter_lines())) == (200, "event: job.queued")
    assert api.get(f"/api/v1/jobs/{job['job_id']}/events").status_code == 404
    assert [run["job_id"] for run in platform.get(f"{own}/runs").json()["items"]] == [job["job_id"]]
    assert platform.patch(own, json={"enabled": False}).json()["next_at"] is None


def test_a_clean_up_can_be_tried_and_an_echo_cannot(platform, builtin, api, backend):
    """A dry run is another job's payload, refused by workers that do not know it; nobody else's schedule has one."""
    own = f"{PATH}/{builtin}/run"
    job = platform.post(own, json={"dry_run": True}).json()
    with psycopg.connect(backend.owner_url) as owner:
        (payload,) = owner.execute("SELECT payload FROM wharf.jobs WHERE id = %s", [job["job_id"]]).fetchone()
    assert (payload["version"], payload["dry_run"]) == (2, True)
    assert (platform.post(own).status_code, platform.post(own, json={"dry": 1}).status_code) == (202, 422)
    echo = api.post(PATH, json=ECHO).json()
    answer = api.post(f"{PATH}/{echo['id']}/run", json={"dry_run": True})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_dry_run")
    assert answer.json()["errors"][0]["loc"] == ["body", "dry_run"]
    assert api.get(f"{PATH}/{echo['id']}/runs").json()["items"] == []


def test_the_installation_is_no_tenant_to_be_listed_or_limited(platform):
    """It has a row among them, for the jobs that are nobody's."""
    assert "_installation" not in [
        one["name"] for one in platform.get("/api/v1/tenants", params={"limit": 1000}).json()["items"]
    ]
    assert platform.patch("/api/v1/tenants/_installation", json={"limits": {"published": 1}}).status_code == 404


def test_one_whose_package_type_has_gone_can_still_be_switched_off(api, tenant):
    """What is not changed is not checked again."""
    made = written(api)
    broken = json.dumps({"package_type": "gone"})
    tenant.execute("UPDATE wharf.schedules SET payload = cast(:p AS jsonb) WHERE id = :id", p=broken, id=made["id"])
    assert api.patch(f"{PATH}/{made['id']}", json={"enabled": False}).json()["enabled"] is False
