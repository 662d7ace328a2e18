-- Why a queue rests: told to whoever finds their jobs waiting.
ALTER TABLE wharf.pauses ADD COLUMN reason text;
-- The processes below a worker's main process, as leases name them by their pids; the memory of all; since when it takes no more jobs.
ALTER TABLE wharf.workers
    ADD COLUMN children bigint[] NOT NULL DEFAULT '{}', ADD COLUMN memory_bytes bigint, ADD COLUMN draining_since timestamptz;

-- Again with a reason: the new one stands. Without one the old one stays.
CREATE OR REPLACE FUNCTION wharf.pause(in_queue text, of_tenant uuid, because text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO wharf.pauses (queue, tenant_id, reason) VALUES (in_queue, of_tenant, because)
    ON CONFLICT (queue, tenant_id) DO UPDATE SET reason = excluded.reason WHERE excluded.reason IS NOT NULL RETURNING true
$$;

CREATE OR REPLACE FUNCTION wharf.pauses_and_reasons(of_tenant uuid)
RETURNS TABLE (queue text, tenant_id uuid, paused_at timestamptz, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.queue, p.tenant_id, p.paused_at, p.reason FROM wharf.pauses p
    WHERE p.tenant_id IN (of_tenant, '00000000-0000-0000-0000-000000000000')
$$;

-- Jobs that ended lately, by queue: the pace at which what waits goes. Tenant by tenant, as the index has them.
CREATE OR REPLACE FUNCTION wharf.ended_lately(of_tenant uuid, within interval) RETURNS TABLE (queue text, ended bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT found.queue, CAST(sum(found.ended) AS bigint)
    FROM wharf.tenants t CROSS JOIN LATERAL (
        SELECT j.queue, count(*) AS ended FROM wharf.jobs j
        WHERE j.tenant_id = t.id AND j.finished_at > now() - within GROUP BY j.queue) found
    WHERE of_tenant IS NULL OR t.id = of_tenant GROUP BY found.queue
$$;

-- As queue_depths, by tenant. `held`: waits in the ledger, since its tenant has no place left among the published ones.
CREATE OR REPLACE FUNCTION wharf.tenant_loads(of_tenant uuid)
RETURNS TABLE (tenant text, limits jsonb, queue text, waiting bigint, held bigint, running bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.name, t.limits, live.queue, count(*) FILTER (WHERE live.status = 'queued'), count(*) FILTER (WHERE NOT live.admitted),
           count(*) FILTER (WHERE live.status <> 'queued'), min(live.available_at) FILTER (WHERE live.status = 'queued')
    FROM (
        SELECT j.tenant_id, j.queue, j.status, j.admitted, j.available_at FROM wharf.jobs j
        WHERE j.admitted AND j.status IN ('queued', 'running', 'cancelling') AND (of_tenant IS NULL OR j.tenant_id = of_tenant)
        UNION ALL
        SELECT j.tenant_id, j.queue, j.status, j.admitted, j.available_at FROM wharf.jobs j
        WHERE NOT j.admitted AND j.status = 'queued' AND j.available_at <= now() AND (of_tenant IS NULL OR j.tenant_id = of_tenant)
    ) live JOIN wharf.tenants t ON t.id = live.tenant_id GROUP BY t.name, t.limits, live.queue
$$;

CREATE OR REPLACE FUNCTION wharf.worker_seen(
    is_named text, of_service text, on_host text, with_pid bigint, serves text[], has_slots bigint, of_version text,
    has_children bigint[], has_memory bigint, is_draining boolean)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO wharf.workers AS w (name, service, host, pid, queues, slots, version, children, memory_bytes, draining_since)
    VALUES (is_named, of_service, on_host, with_pid, serves, has_slots, of_version, has_children, has_memory,
            CASE WHEN is_draining THEN clock_timestamp() END)
    ON CONFLICT (name) DO UPDATE SET
        seen_at = clock_timestamp(), queues = excluded.queues, slots = excluded.slots, children = excluded.children,
        memory_bytes = excluded.memory_bytes,
        draining_since = CASE WHEN is_draining THEN coalesce(w.draining_since, excluded.draining_since) END
$$;

-- `running`: jobs that its processes hold, of whichever tenant.
CREATE OR REPLACE FUNCTION wharf.workers_now()
RETURNS TABLE (name text, service text, queues text[], slots bigint, version text, started_at timestamptz, seen_at timestamptz,
               alive boolean, processes text[], memory_bytes bigint, draining_since timestamptz, running bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT w.name, w.service, w.queues, w.slots, w.version, w.started_at, w.seen_at,
           w.seen_at > clock_timestamp() - interval '20 seconds', mine.processes, w.memory_bytes, w.draining_since,
           (SELECT count(*) FROM wharf.leases l WHERE l.worker = ANY (mine.processes) AND l.expires_at > clock_timestamp())
    FROM wharf.workers w CROSS JOIN LATERAL (
        SELECT array_agg(regexp_replace(w.name, '[0-9]+$', '') || pid) AS processes FROM unnest(w.children || w.pid) pid) mine
    ORDER BY w.name
$$;

REVOKE EXECUTE ON FUNCTION wharf.pause(text, uuid, text), wharf.pauses_and_reasons, wharf.ended_lately, wharf.tenant_loads,
    wharf.worker_seen(text, text, text, bigint, text[], bigint, text, bigint[], bigint, boolean), wharf.workers_now FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.pause(text, uuid, text), wharf.pauses_and_reasons, wharf.ended_lately, wharf.tenant_loads,
    wharf.worker_seen(text, text, text, bigint, text[], bigint, text, bigint[], bigint, boolean), wharf.workers_now TO wharf_app;
