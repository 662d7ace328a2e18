"""A lease that runs out by itself. Just after a start of the server leases are left some time: that is waited for."""

from __future__ import annotations

from wharf.local.trial import eventually


def test_a_silent_worker_is_a_dead_one(ledger, tenant, dispatcher, counted):
    """Nobody said that it died: its lease ran out, and nobody else's is taken."""
    before = counted("wharf_job_recovery_seconds_sum")
    silent, alive = tenant.submit_many(2)
    assert ledger.claim(silent, seconds=0.0)
    assert ledger.claim(alive)
    ledger.ask("UPDATE wharf.leases SET renewed_at = renewed_at - interval '30 seconds' WHERE job_id = %s", silent)
    assert eventually(dispatcher.reaper.reap, "the lease to be taken") == 1
    assert ledger.job(silent)["deaths"] == 1
    assert ledger.job(alive)["status"] == "running"
    assert counted("wharf_job_recovery_seconds_sum") > before + 29, "recovery is measured from the last sign"
