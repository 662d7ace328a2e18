-- Every merge has a number. Merges into one dataset of one project are one after the other, so theirs tell the order.
CREATE SEQUENCE wharf.merge_turns;
GRANT USAGE ON SEQUENCE wharf.merge_turns TO wharf_app;

-- `turn`: the number of its merge; null where nothing was kept of what its rows were before (it is not merged, or was
-- merged by the version before). `datasets`: those that it wrote into, its profile's own first.
-- `waiting`: the checkpoint of a dry run that completed, from which its commit goes on.
ALTER TABLE wharf.imports ADD COLUMN turn bigint, ADD COLUMN datasets text[], ADD COLUMN undone_at timestamptz, ADD COLUMN waiting jsonb;
CREATE INDEX ix_imports_turns ON wharf.imports (tenant_id, profile, project_id, turn) WHERE turn IS NOT NULL;

-- The journal of a dataset: rows as they were before the merge `_turn` changed or removed them. Its name can be no profile's.
CREATE FUNCTION wharf.ensure_journal(of_profile text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text := wharf.tenant_schema();
    tenant uuid := current_setting('wharf.tenant')::uuid;
    tab text;
    journal text;
    missing text;
BEGIN
    SELECT d.table_name INTO tab FROM wharf.datasets d WHERE d.tenant_id = tenant AND d.profile = of_profile;
    IF tab IS NULL THEN
        RAISE EXCEPTION 'there is no dataset %', of_profile;
    END IF;
    journal := '_was_' || tab;
    PERFORM pg_advisory_xact_lock(hashtextextended(place || '.' || tab, 0));
    IF to_regclass(format('%I.%I', place, journal)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING DEFAULTS, _turn bigint NOT NULL)', place, journal, place, tab);
        EXECUTE format('CREATE INDEX ON %I.%I USING brin (_turn) WITH (autosummarize = on)', place, journal);
        -- Rows of one import lie together: an index of a few pages finds them.
        EXECUTE format('CREATE INDEX ON %I.%I USING brin (_import_id) WITH (autosummarize = on)', place, tab);
        PERFORM wharf.protect(place, journal, tenant);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO wharf_app', place, journal);
        RETURN journal;
    END IF;
    SELECT string_agg(format('ADD COLUMN %I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
    INTO missing FROM pg_attribute a
    WHERE a.attrelid = format('%I.%I', place, tab)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND NOT EXISTS (
        SELECT FROM pg_attribute o
        WHERE o.attrelid = format('%I.%I', place, journal)::regclass AND o.attname = a.attname AND NOT o.attisdropped);
    IF missing IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %I.%I %s', place, journal, missing);
    END IF;
    RETURN journal;
END $$;

-- As before, but the rows of a dry run that completed stay for a day: it may be committed.
CREATE INDEX ix_jobs_dry_runs ON wharf.jobs (tenant_id, finished_at) WHERE status = 'completed' AND payload ->> 'dry_run' = 'true';
CREATE OR REPLACE FUNCTION wharf.sweep_staging() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
    dropped bigint := 0;
BEGIN
    SET LOCAL lock_timeout = '200ms';
    FOR found IN
        SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN wharf.tenants t ON t.schema_name = n.nspname
        WHERE c.relkind = 'r' AND c.relname ~ '^staging_[0-9a-f]{32}$' AND NOT EXISTS (
            SELECT FROM wharf.jobs j
            WHERE j.tenant_id = t.id AND j.status IN ('queued', 'running', 'retrying', 'cancelling')
              AND j.payload ->> 'import_id' = substr(c.relname, 9)::uuid::text)
        AND NOT EXISTS (
            SELECT FROM wharf.jobs j
            WHERE j.tenant_id = t.id AND j.status = 'completed' AND j.payload ->> 'dry_run' = 'true'
              AND j.finished_at > now() - interval '24 hours' AND j.payload ->> 'import_id' = substr(c.relname, 9)::uuid::text)
    LOOP
        BEGIN
            EXECUTE format('DROP TABLE IF EXISTS %I.%I', found.nspname, found.relname); -- contract: no job needs it any more
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            -- A worker that has lost its lease still holds it; the next sweep finds it again.
            NULL;
        END;
    END LOOP;
    RETURN dropped;
END $$;

REVOKE EXECUTE ON FUNCTION wharf.ensure_journal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.ensure_journal TO wharf_app;
