-- The role of backups reads all that the owner has. What is made from now on it may read by the default privileges that
-- `prepare_roles` gives: those are the database's, and are not part of a backup.
DO $$
DECLARE
    place text;
BEGIN
    FOR place IN SELECT nspname FROM pg_namespace WHERE nspowner = 'wharf_owner'::regrole LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO wharf_backup', place);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO wharf_backup', place);
        EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO wharf_backup', place);
    END LOOP;
END $$;

-- What an alert about backups needs: the newest one, and when one was last restored on trial.
CREATE FUNCTION wharf.backup_figures() RETURNS TABLE (action text, finished_at timestamptz, bytes bigint, seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT ON (j.result ->> 'action') j.result ->> 'action', j.finished_at, (j.result ->> 'bytes')::bigint,
           (j.result ->> 'seconds')::double precision
    FROM wharf.jobs j
    WHERE j.tenant_id = '00000000-0000-0000-0000-000000000000' AND j.kind = 'backup' AND j.status = 'completed'
    ORDER BY j.result ->> 'action', j.finished_at DESC
$$;

REVOKE EXECUTE ON FUNCTION wharf.backup_figures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.backup_figures TO wharf_dispatch;
