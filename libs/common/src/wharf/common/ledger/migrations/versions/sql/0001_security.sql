-- Row-level security, forced: a statement sees the tenant that its transaction named, or nothing.
-- (After a SET LOCAL a custom setting is '' rather than NULL.)
DO $$
DECLARE
    tab text;
    own text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['tenants', 'projects', 'api_keys', 'uploads', 'jobs', 'leases', 'attempts', 'job_logs',
                               'imports', 'rejects', 'data_updates', 'datasets'] LOOP
        own := CASE tab WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END;
        EXECUTE format('ALTER TABLE wharf.%I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE wharf.%I FORCE ROW LEVEL SECURITY', tab);
        EXECUTE format(
            'CREATE POLICY tenant ON wharf.%I TO wharf_app USING (%I = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid)) '
            'WITH CHECK (%I = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid))', tab, own, own);
    END LOOP;
    -- The owner's functions look up a key and claim a job before the tenant is known, and they register datasets.
    -- On the tables that hold users' data (uploads, imports, rejects, job logs, updates) the owner has no policy.
    FOREACH tab IN ARRAY ARRAY['tenants', 'projects', 'api_keys', 'jobs', 'leases', 'attempts', 'datasets'] LOOP
        EXECUTE format('CREATE POLICY definer ON wharf.%I TO wharf_owner USING (true) WITH CHECK (true)', tab);
    END LOOP;
    -- The dispatcher sees the work of all tenants, and none of their data: see its column grants.
    FOREACH tab IN ARRAY ARRAY['jobs', 'leases', 'attempts'] LOOP
        EXECUTE format('CREATE POLICY dispatch ON wharf.%I TO wharf_dispatch USING (true) WITH CHECK (true)', tab);
    END LOOP;
END $$;

REVOKE ALL ON SCHEMA wharf FROM PUBLIC;
GRANT USAGE ON SCHEMA wharf TO wharf_app, wharf_dispatch;

GRANT SELECT ON wharf.alembic_version TO wharf_app, wharf_dispatch;
GRANT SELECT ON wharf.tenants, wharf.datasets TO wharf_app;
GRANT SELECT, INSERT ON wharf.projects, wharf.uploads, wharf.data_updates, wharf.job_logs TO wharf_app;
GRANT SELECT, INSERT, UPDATE ON wharf.api_keys, wharf.jobs, wharf.attempts, wharf.imports TO wharf_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON wharf.leases, wharf.rejects TO wharf_app;

GRANT SELECT (id, tenant_id, kind, queue, priority, status, attempt, max_attempts, failures, deaths, give_backs, request_id,
              created_at, available_at, published_at, started_at, finished_at, cancel_requested_at, discarded_at)
    ON wharf.jobs TO wharf_dispatch;
GRANT UPDATE (status, attempt, deaths, give_backs, error, available_at, published_at, finished_at) ON wharf.jobs TO wharf_dispatch;
GRANT SELECT, DELETE ON wharf.leases TO wharf_dispatch;
GRANT SELECT (job_id, attempt, ended_at, outcome), UPDATE (ended_at, outcome, error) ON wharf.attempts TO wharf_dispatch;
