from __future__ import annotations

from uuid import uuid4

from wharf.local.trial import Trial

SUBMIT = """
    INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, payload, published_at)
    SELECT %s, id, 'default', 'echo', 'maintenance', 1, 'queued', '{"version": 1, "message": "hello"}',
           now() - interval '1 minute'
    FROM wharf.tenants WHERE name = 'default' RETURNING id"""


def test_a_job_whose_message_was_lost_runs_all_the_same(wharf: Trial) -> None:
    """Marked as published, but the broker has nothing: the dispatcher asks it, and rings again."""
    job_id = str(wharf.ask(SUBMIT, uuid4())[0]["id"])
    job = wharf.ended(job_id)
    assert (job["status"], job["result"]) == ("completed", {"message": "hello"})
