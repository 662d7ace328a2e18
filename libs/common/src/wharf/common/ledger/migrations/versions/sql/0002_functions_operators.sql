-- What operators see and switch. Who may call them for which tenant is the gateway's decision, as with keys.

CREATE FUNCTION wharf.pause(in_queue text, of_tenant uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO wharf.pauses (queue, tenant_id) VALUES (in_queue, of_tenant) ON CONFLICT DO NOTHING RETURNING true
$$;

CREATE FUNCTION wharf.resume(in_queue text, of_tenant uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_notify('wharf_dispatch', '');
    DELETE FROM wharf.pauses WHERE queue = in_queue AND tenant_id = of_tenant RETURNING true
$$;

CREATE FUNCTION wharf.list_pauses(of_tenant uuid) RETURNS TABLE (queue text, tenant_id uuid, paused_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.queue, p.tenant_id, p.paused_at FROM wharf.pauses p
    WHERE p.tenant_id IN (of_tenant, '00000000-0000-0000-0000-000000000000')
$$;

-- Jobs that wait or run, by queue and priority; of all tenants where none is named.
CREATE FUNCTION wharf.queue_depths(of_tenant uuid)
RETURNS TABLE (queue text, priority smallint, waiting bigint, oldest timestamptz, running bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT live.queue, live.priority, count(*) FILTER (WHERE live.status = 'queued'),
           min(live.available_at) FILTER (WHERE live.status = 'queued'), count(*) FILTER (WHERE live.status <> 'queued')
    FROM (
        SELECT j.queue, j.priority, j.status, j.available_at FROM wharf.jobs j
        WHERE j.admitted AND j.status IN ('queued', 'running', 'cancelling') AND (of_tenant IS NULL OR j.tenant_id = of_tenant)
        UNION ALL
        SELECT j.queue, j.priority, j.status, j.available_at FROM wharf.jobs j
        WHERE NOT j.admitted AND j.status = 'queued' AND j.available_at <= now() AND (of_tenant IS NULL OR j.tenant_id = of_tenant)
    ) live GROUP BY live.queue, live.priority
$$;

CREATE FUNCTION wharf.worker_seen(
    is_named text, of_service text, on_host text, with_pid bigint, serves text[], has_slots bigint, of_version text)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO wharf.workers (name, service, host, pid, queues, slots, version)
    VALUES (is_named, of_service, on_host, with_pid, serves, has_slots, of_version)
    ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp(), queues = excluded.queues, slots = excluded.slots
$$;

CREATE FUNCTION wharf.worker_left(is_named text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM wharf.workers WHERE name = is_named
$$;

CREATE FUNCTION wharf.list_workers()
RETURNS TABLE (name text, service text, host text, pid bigint, queues text[], slots bigint, version text,
               started_at timestamptz, seen_at timestamptz, alive boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT w.name, w.service, w.host, w.pid, w.queues, w.slots, w.version, w.started_at, w.seen_at,
           w.seen_at > clock_timestamp() - interval '20 seconds'
    FROM wharf.workers w ORDER BY w.name
$$;

CREATE FUNCTION wharf.set_limits(of_name text, wanted jsonb) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_notify('wharf_dispatch', '');
    UPDATE wharf.tenants SET limits = jsonb_strip_nulls(limits || wanted) WHERE name = of_name RETURNING true
$$;

-- What is only kept for a time: answers to requests that may come again, workers that went without a word.
CREATE FUNCTION wharf.forget_old() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM wharf.idempotency WHERE created_at < now() - interval '24 hours';
    DELETE FROM wharf.workers WHERE seen_at < now() - interval '1 hour'
$$;

REVOKE EXECUTE ON FUNCTION wharf.pause, wharf.resume, wharf.list_pauses, wharf.queue_depths, wharf.worker_seen, wharf.worker_left,
    wharf.list_workers, wharf.set_limits, wharf.forget_old FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.pause, wharf.resume, wharf.list_pauses, wharf.queue_depths, wharf.worker_seen, wharf.worker_left,
    wharf.list_workers, wharf.set_limits TO wharf_app;
GRANT EXECUTE ON FUNCTION wharf.queue_depths, wharf.forget_old TO wharf_dispatch;
