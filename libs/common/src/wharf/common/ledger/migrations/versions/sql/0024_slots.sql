-- Places of the workers that live and take jobs, by queue. What they hold is not counted: workers_now() does that, worker by worker.
CREATE OR REPLACE FUNCTION wharf.slots_now() RETURNS TABLE (queue text, slots bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT served, CAST(sum(w.slots) AS bigint) FROM wharf.workers w CROSS JOIN unnest(w.queues) AS served
    WHERE w.seen_at > clock_timestamp() - interval '20 seconds' AND w.draining_since IS NULL GROUP BY served
$$;

REVOKE EXECUTE ON FUNCTION wharf.slots_now FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.slots_now TO wharf_app;
