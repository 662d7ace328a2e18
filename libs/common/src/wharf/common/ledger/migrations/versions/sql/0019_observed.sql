-- As before, but of schedules that are switched on: the others have no success that anybody could miss.
CREATE OR REPLACE FUNCTION wharf.schedule_successes() RETURNS TABLE (name text, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.name, done.finished_at FROM wharf.schedules s CROSS JOIN LATERAL (
        SELECT j.finished_at FROM wharf.schedule_runs r JOIN wharf.jobs j ON j.id = r.job_id
        WHERE r.schedule_id = s.id AND r.job_id IS NOT NULL AND j.status = 'completed'
        ORDER BY r.scheduled_for DESC LIMIT 1) done
    WHERE s.builtin AND s.enabled
$$;
