-- The least UUIDv7 of a moment, and the moment of one: a job's number is its time.
CREATE OR REPLACE FUNCTION wharf.first_id(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
-- next
-- What is there stays where it is, as the partition of all months until the end of this one. That no row of it is later is
-- looked up here, while everybody works: then nobody has to wait for it later.
DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['attempts', 'job_logs'] LOOP
        EXECUTE format('ALTER TABLE wharf.%I DROP CONSTRAINT IF EXISTS %I', tab, tab || '_before');
        EXECUTE format('ALTER TABLE wharf.%I ADD CONSTRAINT %I CHECK (job_id < %L) NOT VALID', tab, tab || '_before',
                       wharf.first_id(date_trunc('month', now() AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'));
    END LOOP;
END $$;
-- next
ALTER TABLE wharf.attempts VALIDATE CONSTRAINT attempts_before;
-- next
ALTER TABLE wharf.job_logs VALIDATE CONSTRAINT job_logs_before;
-- next
-- removed_at: its file is gone, its row stays.
ALTER TABLE wharf.uploads ADD COLUMN IF NOT EXISTS removed_at timestamptz;
-- next
-- rejects_removed_at: they are no longer shown. swept: none is left.
ALTER TABLE wharf.imports ADD COLUMN IF NOT EXISTS rejects_removed_at timestamptz,
    ADD COLUMN IF NOT EXISTS swept boolean NOT NULL DEFAULT false;
-- next
-- What housekeeping asks each day, without reading what it has dealt with.
CREATE INDEX IF NOT EXISTS ix_uploads_kept ON wharf.uploads (tenant_id, created_at) WHERE removed_at IS NULL;
-- next
CREATE INDEX IF NOT EXISTS ix_imports_unswept ON wharf.imports (tenant_id, created_at) WHERE NOT swept;
-- next
CREATE INDEX IF NOT EXISTS ix_jobs_packages ON wharf.jobs (tenant_id, finished_at)
    WHERE kind IN ('package', 'report') AND status = 'completed' AND NOT result ? 'removed_at';
