-- What alerts about backups need: since when there could be one, the newest one, when one was last restored on trial, and
-- whether a trial has failed since.
CREATE OR REPLACE FUNCTION wharf.backup_state() RETURNS TABLE (installed_at timestamptz, made_at timestamptz, bytes bigint,
    seconds double precision, tried_at timestamptz, trial_failed boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.created_at, made.finished_at, (made.result ->> 'bytes')::bigint, (made.result ->> 'seconds')::double precision,
           tried.finished_at, coalesce(failed.finished_at > coalesce(tried.finished_at, '-infinity'), false)
    FROM wharf.tenants i
    LEFT JOIN LATERAL (SELECT j.finished_at, j.result FROM wharf.jobs j
        WHERE j.kind = 'backup' AND j.payload ->> 'action' = 'make' AND j.status = 'completed'
        ORDER BY j.finished_at DESC LIMIT 1) made ON true
    LEFT JOIN LATERAL (SELECT j.finished_at FROM wharf.jobs j
        WHERE j.kind = 'backup' AND j.payload ->> 'action' = 'verify' AND j.status = 'completed'
        ORDER BY j.finished_at DESC LIMIT 1) tried ON true
    LEFT JOIN LATERAL (SELECT j.finished_at FROM wharf.jobs j
        WHERE j.kind = 'backup' AND j.payload ->> 'action' = 'verify' AND j.status = 'failed'
          AND j.error ->> 'code' IS DISTINCT FROM 'backup_at_work' -- it never began
        ORDER BY j.finished_at DESC LIMIT 1) failed ON true
    WHERE i.id = '00000000-0000-0000-0000-000000000000'
$$;

REVOKE EXECUTE ON FUNCTION wharf.backup_state FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.backup_state TO wharf_dispatch;
