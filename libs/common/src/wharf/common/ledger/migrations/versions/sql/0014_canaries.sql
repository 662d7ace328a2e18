-- The installation sends tiny jobs through its queues, as a tenant would: it gets a place for the rows of their imports.
CREATE SCHEMA IF NOT EXISTS t_installation;
GRANT USAGE ON SCHEMA t_installation TO wharf_app, wharf_loader;

-- One such job. Its number is also that of its upload and of its import, where it has them.
CREATE TABLE wharf.canaries (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES wharf.tenants (id),
    queue text NOT NULL,
    job_id uuid NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('ok', 'failed', 'late', 'paused')),
    seconds double precision,
    code text
);
CREATE INDEX ix_canaries_newest ON wharf.canaries (queue, sent_at DESC);
ALTER TABLE wharf.canaries ENABLE ROW LEVEL SECURITY;
ALTER TABLE wharf.canaries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON wharf.canaries TO wharf_app
    USING (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid));
CREATE POLICY definer ON wharf.canaries TO wharf_owner USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON wharf.canaries TO wharf_app;

-- Nobody may delete what tells of a tenant's work; of the installation's own its functions may, and see nothing else.
DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['uploads', 'imports', 'rejects', 'assigned', 'data_updates', 'job_logs'] LOOP
        EXECUTE format('CREATE POLICY installation ON wharf.%I TO wharf_owner '
                       'USING (tenant_id = ''00000000-0000-0000-0000-000000000000'')', tab);
    END LOOP;
END $$;

-- Who deletes an import or a job looks here for rows that are about it.
CREATE INDEX IF NOT EXISTS ix_data_updates_import ON wharf.data_updates (import_id);
CREATE INDEX IF NOT EXISTS ix_data_updates_job ON wharf.data_updates (job_id);
CREATE INDEX IF NOT EXISTS ix_conflicts_job ON wharf.conflicts (job_id);
CREATE INDEX IF NOT EXISTS ix_mappings_import ON wharf.mappings (import_id);

-- All that the ledger has of jobs of the installation that have ended, and of the imports of these numbers.
CREATE FUNCTION wharf.forget_installation_jobs(of_jobs uuid[], of_imports uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    DELETE FROM wharf.job_logs WHERE job_id = ANY (of_jobs) AND tenant_id = nobody;
    DELETE FROM wharf.attempts WHERE job_id = ANY (of_jobs) AND tenant_id = nobody;
    DELETE FROM wharf.data_updates WHERE job_id = ANY (of_jobs) AND tenant_id = nobody;
    DELETE FROM wharf.rejects WHERE import_id = ANY (of_imports) AND tenant_id = nobody;
    DELETE FROM wharf.assigned WHERE import_id = ANY (of_imports) AND tenant_id = nobody;
    DELETE FROM wharf.imports WHERE id = ANY (of_imports) AND tenant_id = nobody;
    DELETE FROM wharf.uploads WHERE id = ANY (of_imports) AND tenant_id = nobody;
    DELETE FROM wharf.jobs WHERE id = ANY (of_jobs) AND tenant_id = nobody AND status IN ('completed', 'failed', 'cancelled');
END $$;

-- Canaries whose jobs have ended, with everything of them in the ledger; how many they were.
CREATE FUNCTION wharf.forget_canaries(wanted uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended uuid[];
    work uuid[];
BEGIN
    SELECT coalesce(array_agg(c.id), '{}'), coalesce(array_agg(c.job_id), '{}') INTO ended, work
    FROM wharf.canaries c LEFT JOIN wharf.jobs j ON j.id = c.job_id
    WHERE c.id = ANY (wanted) AND (j.id IS NULL OR j.status IN ('completed', 'failed', 'cancelled'));
    PERFORM wharf.forget_installation_jobs(work, ended);
    DELETE FROM wharf.canaries WHERE id = ANY (ended);
    RETURN cardinality(ended);
END $$;

-- The jobs that sent them: the newest that were completed stay, and others for a time. What became of their schedule's times likewise.
CREATE FUNCTION wharf.forget_health(kept bigint, others interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old uuid[];
BEGIN
    SELECT coalesce(array_agg(told.id), '{}') INTO old FROM (
        SELECT j.id, j.status, j.created_at,
               row_number() OVER (PARTITION BY j.status = 'completed' ORDER BY j.created_at DESC) AS nth
        FROM wharf.jobs j
        WHERE j.tenant_id = '00000000-0000-0000-0000-000000000000' AND j.kind = 'health'
          AND j.status IN ('completed', 'failed', 'cancelled')) told
    WHERE CASE told.status WHEN 'completed' THEN told.nth > kept ELSE told.created_at < now() - others END;
    PERFORM wharf.forget_installation_jobs(old, '{}');
    DELETE FROM wharf.schedule_runs r USING wharf.schedules s
    WHERE s.id = r.schedule_id AND s.builtin AND s.kind = 'health' AND r.outcome <> 'waiting'
      AND (r.job_id = ANY (old) OR r.scheduled_for < now() - others);
    RETURN cardinality(old);
END $$;

-- Schedules of anybody whose time has come and went by: nobody begins what they are about.
CREATE FUNCTION wharf.overdue_schedules(late interval) RETURNS TABLE (overdue bigint, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*), min(s.next_at) FROM wharf.schedules s WHERE s.enabled AND s.next_at < now() - late
$$;

REVOKE EXECUTE ON FUNCTION wharf.forget_installation_jobs, wharf.forget_canaries, wharf.forget_health, wharf.overdue_schedules
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.forget_canaries, wharf.forget_health, wharf.overdue_schedules TO wharf_app;
