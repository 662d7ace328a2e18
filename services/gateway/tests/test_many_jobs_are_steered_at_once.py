"""`POST /api/v1/jobs/bulk`: one action on all jobs that a filter finds."""

from __future__ import annotations

from collections import Counter

import httpx
import psycopg
import pytest

from wharf.common.jobs.bulk import CHUNK, Action, steps
from wharf.common.jobs.states import Event, Status, allows

BULK = "/api/v1/jobs/bulk"


def in_every_state(tenant, **about: str) -> dict[Status, str]:
    """One job in each state."""
    return {s: str(tenant.move(tenant.job(**about), tell=False, status=s).job_id) for s in Status}


def states(tenant) -> Counter[str]:
    return Counter(row["status"] for row in tenant.execute("SELECT status FROM wharf.jobs"))


@pytest.mark.parametrize("event", [Event.CANCEL, Event.RETRY])
def test_the_table_of_transitions_decides(event):
    """Exactly the states that one job may be in for the action are those that many may be in."""
    covered = [status for step in steps(Action(event)) for status in step.states]
    assert sorted(covered) == sorted(status for status in Status if allows(status, event))


def test_a_dry_run_tells_the_count_and_does_nothing(api, tenant):
    """Each action counts the jobs whose state allows it, and no other."""
    in_every_state(tenant)
    before = tenant.execute("SELECT * FROM wharf.jobs ORDER BY id")
    counts = {"cancel": 4, "retry": 3, "discard": 1}
    for action, matched in counts.items():
        answer = api.post(BULK, json={"action": action, "filter": {"kind": "import"}, "dry_run": True})
        assert (answer.status_code, answer.json()) == (200, {"matched": matched, "done": 0}), action
    assert tenant.execute("SELECT * FROM wharf.jobs ORDER BY id") == before


def test_many_are_cancelled_as_one_is(api, tenant):
    """What waits has ended, what runs is asked to end; the others stay; who watches hears of it."""
    jobs = in_every_state(tenant)
    answer = api.post(BULK, json={"action": "cancel", "filter": {"kind": "import"}})
    assert answer.json() == {"matched": 4, "done": 4}
    assert states(tenant) == {"cancelled": 3, "cancelling": 2, "completed": 1, "failed": 1}
    waited, ran = (tenant.view(jobs[status]) for status in (Status.QUEUED, Status.RUNNING))
    assert (waited.error.code, waited.finished_at is None) == ("cancelled", False)
    assert (ran.error, ran.finished_at, ran.cancel_requested_at is None) == (None, None, False)
    assert tenant.feed.read(waited.job_id).job["status"] == "cancelled"
    assert tenant.feed.read(ran.job_id).job["status"] == "cancelling"


def test_many_are_tried_again_and_the_dispatcher_is_woken(api, tenant, backend):
    """Each is queued as a new attempt without a place; the dispatcher hears of it, and gives the places."""
    jobs = in_every_state(tenant)
    with psycopg.connect(backend.owner_url, autocommit=True) as listener:
        listener.execute("LISTEN wharf_dispatch")
        answer = api.post(BULK, json={"action": "retry", "filter": {"status": ["failed", "cancelled"]}})
        woken = list(listener.notifies(timeout=5, stop_after=1))
    assert answer.json() == {"matched": 2, "done": 2}
    assert woken
    rows = tenant.execute("SELECT * FROM wharf.jobs WHERE attempt = 2 ORDER BY id")
    assert {str(row["id"]) for row in rows} == {jobs[Status.FAILED], jobs[Status.CANCELLED]}
    assert {(row["status"], row["admitted"], row["published_at"]) for row in rows} == {("queued", False, None)}


def test_many_are_discarded_once(api, tenant):
    """They stay failed; doing it again finds none."""
    in_every_state(tenant)
    bulk = {"action": "discard", "filter": {"status": "failed"}}
    assert api.post(BULK, json=bulk).json() == {"matched": 1, "done": 1}
    assert api.post(BULK, json=bulk).json() == {"matched": 0, "done": 0}
    assert states(tenant)["failed"] == 1


def test_more_than_a_chunk_is_done_whole(api, tenant):
    """Every one of them once, over several transactions; the watchers of a bounded number hear of it."""
    many = CHUNK * 2 + 5
    tenant.execute(
        "INSERT INTO wharf.jobs"
        " (id, tenant_id, project_id, kind, queue, priority, status, label, payload, max_attempts)"
        " SELECT gen_random_uuid(), :tenant, 'default', 'echo', 'maintenance', 1, 'failed', 'many', '{}', 4"
        " FROM generate_series(1, :many)",
        tenant=tenant.id, many=many,
    )  # fmt: skip
    answer = api.post(BULK, json={"action": "retry", "filter": {"q": "many", "queue": "maintenance"}})
    assert answer.json() == {"matched": many, "done": many}
    (row,) = tenant.execute("SELECT count(*) AS n FROM wharf.jobs WHERE status = 'queued' AND attempt = 2")
    assert row["n"] == many


def test_a_filter_narrows_down(api, tenant):
    """By project, label, kind and queue, all of them together; in one state or in several."""
    one = tenant.job(project_id="p1", label="sales.csv")
    two = tenant.job(project_id="p1", label="other.csv")
    three = tenant.job(kind="echo", label="sales hello")
    for said in ({"project_id": "p1", "q": "SALES"}, {"queue": "maintenance"}):
        api.post(BULK, json={"action": "cancel", "filter": {"status": "queued", **said}})
    assert [tenant.view(job.job_id).status for job in (one, two, three)] == ["cancelled", "queued", "cancelled"]


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"action": "cancel"}, ["body", "filter"]),
        ({"action": "cancel", "filter": {}}, ["body", "filter"]),
        ({"action": "cancel", "filter": {"status": []}}, ["body", "filter"]),
        ({"action": "cancel", "filter": None}, ["body", "filter"]),
        ({"action": "cancel", "filter": {"q": ""}}, ["body", "filter", "q"]),
        ({"action": "cancel", "filter": {"q": "a\0b"}}, ["body", "filter", "q"]),
        ({"action": "cancel", "filter": {"colour": "red"}}, ["body", "filter", "colour"]),
        ({"action": "cancel", "filter": {"queue": "nope"}}, ["body", "filter", "queue"]),
        ({"action": "destroy", "filter": {"kind": "import"}}, ["body", "action"]),
        ({"filter": {"kind": "import"}}, ["body", "action"]),
    ],
)
def test_a_bulk_that_cannot_be_used_is_named(api, tenant, body, loc):
    """422 with the place; without a filter above all: nothing is done to any job."""
    job = tenant.job()
    answer = api.post(BULK, json=body)
    assert answer.status_code == 422, answer.text
    assert loc in [problem["loc"] for problem in answer.json()["errors"]]
    assert tenant.view(job.job_id).status == "queued"


def test_bulk_never_touches_another_tenant(make_tenant):
    """Not by a filter that fits all, nor by another's project or job id."""
    owner, stranger = make_tenant(), make_tenant()
    job, own = owner.job(project_id="shared"), stranger.job(project_id="shared")
    with stranger.client() as client:
        for said in ({"kind": "import"}, {"project_id": "shared"}, {"q": str(job.job_id)}, {"q": "sales"}):
            matched = client.post(BULK, json={"action": "cancel", "filter": said, "dry_run": True}).json()["matched"]
            assert matched == (0 if said.get("q") == str(job.job_id) else 1)
            client.post(BULK, json={"action": "cancel", "filter": {"q": str(job.job_id)}})
        client.post(BULK, json={"action": "cancel", "filter": {"kind": "import"}})
    assert owner.view(job.job_id).status == "queued"
    assert stranger.view(own.job_id).status == "cancelled"


def test_a_key_of_one_project_acts_on_that_only(tenant):
    """Jobs of other projects are not counted either; to name another one is refused."""
    own, other = tenant.job(project_id="p1"), tenant.job(project_id="p2")
    key = tenant.key("operator", project_id="p1")["key"]
    with httpx.Client(base_url=tenant.gateway.url, headers={"X-API-Key": key}) as client:
        refused = client.post(BULK, json={"action": "cancel", "filter": {"project_id": "p2"}})
        done = client.post(BULK, json={"action": "cancel", "filter": {"kind": "import"}})
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_project")
    assert done.json() == {"matched": 1, "done": 1}
    assert [tenant.view(job.job_id).status for job in (own, other)] == ["cancelled", "queued"]


def test_a_viewer_does_nothing_to_many(tenant):
    """It takes an operator, for a dry run too."""
    with tenant.client("viewer") as client:
        answer = client.post(BULK, json={"action": "cancel", "filter": {"kind": "import"}, "dry_run": True})
    assert answer.status_code == 403
