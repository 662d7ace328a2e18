-- A paused queue has no room: its jobs wait without a message, and are given their places when it goes on.
CREATE OR REPLACE FUNCTION wharf.room(of_tenant uuid, in_queue text, of_priority smallint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN wharf.is_paused(in_queue, of_tenant) THEN 0
                ELSE CASE WHEN of_priority = 3 THEN coalesce((t.limits ->> 'urgent')::bigint, 20)
                          ELSE coalesce((t.limits ->> 'published')::bigint, 200) END
                   - (SELECT count(*) FROM wharf.jobs j
                      WHERE j.tenant_id = of_tenant AND j.queue = in_queue AND j.admitted AND j.status IN ('queued', 'running', 'cancelling')
                        AND (j.priority = 3) = (of_priority = 3)) END
    FROM wharf.tenants t WHERE t.id = of_tenant
$$;

-- The broker has heard of these; an attempt that was claimed meanwhile has its mark already. A worker may have refused the
-- message of a queue that was paused meanwhile: with a mark nobody would ring again when it goes on.
CREATE OR REPLACE FUNCTION wharf.mark_published(of_jobs uuid[], of_attempts bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.jobs j SET published_at = clock_timestamp()
    FROM unnest(of_jobs, of_attempts) AS rung (id, attempt)
    WHERE j.id = rung.id AND j.attempt = rung.attempt AND j.status = 'queued' AND j.published_at IS NULL
      AND NOT wharf.is_paused(j.queue, j.tenant_id)
$$;
