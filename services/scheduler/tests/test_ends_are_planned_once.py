"""Every job has an end: the server makes no new plan for it."""

from __future__ import annotations

SETTINGS = "SELECT proconfig FROM pg_proc WHERE oid = 'wharf.finish'::regproc"


def test_a_migration_that_replaces_the_function_keeps_its_setting(ledger):
    """`CREATE OR REPLACE FUNCTION` drops what was set with `ALTER FUNCTION`."""
    assert "plan_cache_mode=force_generic_plan" in ledger.ask(SETTINGS)[0]["proconfig"]
