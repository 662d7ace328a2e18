-- Log lines and attempts, by the month in which their job was submitted: that is in its number, by which both tables are
-- always asked, so a question still reads one index. See docs/decisions/0014.

-- A dropped partition would otherwise lock the table of jobs, from which nothing is ever deleted.
ALTER TABLE wharf.job_logs DROP CONSTRAINT job_logs_job_id_fkey;

-- Partitions may have no numbers of their own before PostgreSQL 17.
CREATE SEQUENCE wharf.job_log_ids;
SELECT setval('wharf.job_log_ids', (SELECT last_value FROM wharf.job_logs_id_seq) + 1, false);
ALTER TABLE wharf.job_logs ALTER id DROP IDENTITY;
ALTER TABLE wharf.job_logs ALTER id SET DEFAULT nextval('wharf.job_log_ids');
GRANT USAGE ON SEQUENCE wharf.job_log_ids TO wharf_app;

ALTER TABLE wharf.attempts RENAME TO attempts_before; -- contract: its name and its rows are those of the new table
ALTER TABLE wharf.job_logs RENAME TO job_logs_before; -- contract: its name and its rows are those of the new table
CREATE TABLE wharf.attempts (LIKE wharf.attempts_before INCLUDING DEFAULTS, PRIMARY KEY (job_id, attempt))
    PARTITION BY RANGE (job_id);
CREATE TABLE wharf.job_logs (LIKE wharf.job_logs_before INCLUDING DEFAULTS) PARTITION BY RANGE (job_id);
CREATE INDEX ix_job_logs_of ON wharf.job_logs (job_id, id);

-- Every table under its own policies: those of the parent hold for who goes through the parent only, and nobody may
-- go another way.
CREATE FUNCTION wharf.protect_history(tab text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE wharf.%I ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE wharf.%I FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format(
        'CREATE POLICY tenant ON wharf.%I TO wharf_app USING (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid)) '
        'WITH CHECK (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid))', tab);
END $$;
SELECT wharf.protect_history('attempts'), wharf.protect_history('job_logs');
CREATE POLICY definer ON wharf.attempts TO wharf_owner USING (true) WITH CHECK (true);
CREATE POLICY dispatch ON wharf.attempts TO wharf_dispatch USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON wharf.attempts TO wharf_app;
GRANT SELECT (job_id, attempt, ended_at, outcome), UPDATE (ended_at, outcome, error) ON wharf.attempts TO wharf_dispatch;
GRANT SELECT, INSERT ON wharf.job_logs TO wharf_app;
REVOKE ALL ON wharf.attempts_before, wharf.job_logs_before FROM wharf_app, wharf_dispatch;

-- The time of the first job that a partition may not hold any more; null for the rest's.
CREATE FUNCTION wharf.ends_at(part regclass) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_timestamp(('x' || substr(replace(until[1], '-', ''), 1, 12))::bit(48)::bigint / 1000.0)
    FROM (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([0-9a-f-]{36})''\)') AS until
          FROM pg_class c WHERE c.oid = part) bound
$$;

-- The partition of the month that begins at `month`, where it is not there yet. Rows that came before it was are moved.
-- Work goes on meanwhile: only the rest, which hardly anybody uses, is locked.
CREATE FUNCTION wharf.make_partition(of_table text, month timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    tab text := of_table || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM');
    least_id uuid := wharf.first_id(month);
    until_id uuid := wharf.first_id((month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
BEGIN
    IF of_table NOT IN ('attempts', 'job_logs') THEN
        RAISE EXCEPTION 'the table % has no partitions', of_table;
    END IF;
    IF to_regclass(format('wharf.%I', tab)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE wharf.%I (LIKE wharf.%I INCLUDING DEFAULTS INCLUDING INDEXES)', tab, of_table);
    PERFORM wharf.protect_history(tab);
    EXECUTE format('LOCK TABLE wharf.%I', of_table || '_rest');
    EXECUTE format('ALTER TABLE wharf.%I NO FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('WITH moved AS (DELETE FROM wharf.%I WHERE job_id >= %L AND job_id < %L RETURNING *) INSERT INTO wharf.%I SELECT * FROM moved',
                   of_table || '_rest', least_id, until_id, tab);
    EXECUTE format('ALTER TABLE wharf.%I FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE wharf.%I ATTACH PARTITION wharf.%I FOR VALUES FROM (%L) TO (%L)', of_table, tab, least_id, until_id);
    RETURN true;
END $$;

DO $$
DECLARE
    tab text;
    bound text;
    month timestamptz;
BEGIN
    FOREACH tab IN ARRAY ARRAY['attempts', 'job_logs'] LOOP
        SELECT (regexp_match(pg_get_constraintdef(oid), '[0-9a-f]{8}-[0-9a-f-]{27}'))[1] INTO bound
        FROM pg_constraint WHERE conname = tab || '_before' AND conrelid = format('wharf.%I', tab || '_before')::regclass;
        EXECUTE format('ALTER TABLE wharf.%I ATTACH PARTITION wharf.%I FOR VALUES FROM (MINVALUE) TO (%L)', tab, tab || '_before', bound);
        EXECUTE format('ALTER TABLE wharf.%I DROP CONSTRAINT %I', tab || '_before', tab || '_before');
        -- Whatever no partition was made for. Its rows may be moved and deleted: nothing else has the owner a policy for.
        EXECUTE format('CREATE TABLE wharf.%I PARTITION OF wharf.%I DEFAULT', tab || '_rest', tab);
        PERFORM wharf.protect_history(tab || '_rest');
        EXECUTE format('CREATE POLICY definer ON wharf.%I TO wharf_owner USING (true) WITH CHECK (true)', tab || '_rest');
        month := wharf.ends_at(format('wharf.%I', tab || '_before')::regclass);
        FOR nth IN 0..2 LOOP
            PERFORM wharf.make_partition(tab, (month AT TIME ZONE 'UTC' + make_interval(months => nth)) AT TIME ZONE 'UTC');
        END LOOP;
    END LOOP;
END $$;
