"""What need not wait for the night: the dispatcher forgets it as it goes."""

from __future__ import annotations

from wharf.common.clock import new_id


def test_old_answers_and_silent_workers_are_forgotten(dispatcher, ledger, tenant):
    """An answer may be asked for again for a day, a worker may be silent for an hour."""
    answer = "INSERT INTO wharf.idempotency VALUES (%s, %s, 'f', '{}', now() - interval '1 hour' * %s)"
    worker = "INSERT INTO wharf.workers VALUES (%s, 's', 'h', 1, '{}', 1, 'v', now(), now() - interval '1 minute' * %s)"
    for name, hours, minutes in (("young", 23, 59), ("old", 25, 61)):
        ledger.ask(answer, tenant.id, name, hours)
        ledger.ask(worker, f"{tenant.name}-{name}", minutes)
    dispatcher.sweep()
    assert ledger.ask("SELECT key FROM wharf.idempotency WHERE tenant_id = %s", tenant.id) == [{"key": "young"}]
    left = ledger.ask("SELECT name FROM wharf.workers WHERE name LIKE %s", f"{tenant.name}-%")
    assert left == [{"name": f"{tenant.name}-young"}]


def test_staged_rows_go_with_their_last_job(dispatcher, ledger, tenant):
    """Those of a job at work stay, and for as long as was said those of a dry run that may be committed."""
    ledger.ask(f"CREATE SCHEMA {tenant.name} AUTHORIZATION wharf_owner")
    imports = {name: new_id() for name in ("nobody's", "at work", "a dry run's", "an old dry run's")}
    for import_id in imports.values():
        ledger.ask(f"CREATE TABLE {tenant.name}.staging_{import_id.hex} (x int)")
    payload = "jsonb_build_object('import_id', %s::text, 'dry_run', true)"
    for name, status, hours in (("at work", "retrying", 0), ("a dry run's", "completed", 23)):
        ledger.ask(
            "INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, payload, finished_at)"
            f" SELECT %s, %s, 'p', 'import', 'ingest', 1, %s, {payload}, now() - interval '1 hour' * %s",
            new_id(), tenant.id, status, imports[name], hours,
        )  # fmt: skip
    dispatcher.sweep()
    query = "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace ORDER BY 1"
    left = [row["relname"] for row in ledger.ask(query, tenant.name)]
    assert left == sorted(f"staging_{imports[name].hex}" for name in ("at work", "a dry run's"))
