-- Admission: how many of a tenant's jobs may be published at once, by queue; urgent ones have an allowance of their own.
-- The number is counted, never kept: there is no counter to drift, and no row that all submits of a tenant wait for.

CREATE FUNCTION wharf.room(of_tenant uuid, in_queue text, of_priority smallint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN of_priority = 3 THEN coalesce((t.limits ->> 'urgent')::bigint, 20)
                ELSE coalesce((t.limits ->> 'published')::bigint, 200) END
         - (SELECT count(*) FROM wharf.jobs j
            WHERE j.tenant_id = of_tenant AND j.queue = in_queue AND j.admitted AND j.status IN ('queued', 'running', 'cancelling')
              AND (j.priority = 3) = (of_priority = 3))
    FROM wharf.tenants t WHERE t.id = of_tenant
$$;

CREATE FUNCTION wharf.is_paused(in_queue text, of_tenant uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM wharf.pauses p
                   WHERE p.queue = in_queue AND p.tenant_id IN (of_tenant, '00000000-0000-0000-0000-000000000000'))
$$;

-- Give the free places to those whose turn it is: tenant by tenant, so one tenant's thousand jobs hold up nobody else's.
CREATE FUNCTION wharf.admit(most bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    line record;
    places bigint;
    given bigint := 0;
BEGIN
    FOR line IN
        -- One probe of the index for each line of waiting jobs, however long it is.
        WITH RECURSIVE lines AS (
            (SELECT j.tenant_id, j.queue, j.priority / 3 AS urgent FROM wharf.jobs j WHERE j.status = 'queued' AND NOT j.admitted
             ORDER BY j.tenant_id, j.queue, j.priority / 3 LIMIT 1)
            UNION ALL
            SELECT n.* FROM lines l CROSS JOIN LATERAL (
                SELECT j.tenant_id, j.queue, j.priority / 3 FROM wharf.jobs j
                WHERE j.status = 'queued' AND NOT j.admitted
                  AND (j.tenant_id, j.queue, j.priority / 3) > (l.tenant_id, l.queue, l.urgent)
                ORDER BY j.tenant_id, j.queue, j.priority / 3 LIMIT 1) n)
        SELECT * FROM lines l WHERE NOT wharf.is_paused(l.queue, l.tenant_id)
    LOOP
        places := least(wharf.room(line.tenant_id, line.queue, (3 * line.urgent)::smallint), most - given);
        CONTINUE WHEN places <= 0;
        -- An array: a planner may look into a plain IN once for every row, and then the LIMIT is none.
        UPDATE wharf.jobs SET admitted = true WHERE id = ANY (ARRAY(
            SELECT j.id FROM wharf.jobs j
            WHERE j.tenant_id = line.tenant_id AND j.queue = line.queue AND j.priority / 3 = line.urgent
              AND j.status = 'queued' AND NOT j.admitted AND j.available_at <= now()
            ORDER BY (j.available_at AT TIME ZONE 'UTC') - j.priority * interval '1 minute'
            LIMIT places FOR UPDATE SKIP LOCKED));
        GET DIAGNOSTICS places = ROW_COUNT;
        given := given + places;
    END LOOP;
    RETURN given;
END $$;

-- The broker has heard of these; an attempt that was claimed meanwhile has its mark already.
CREATE FUNCTION wharf.mark_published(of_jobs uuid[], of_attempts bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.jobs j SET published_at = clock_timestamp()
    FROM unnest(of_jobs, of_attempts) AS rung (id, attempt)
    WHERE j.id = rung.id AND j.attempt = rung.attempt AND j.status = 'queued' AND j.published_at IS NULL
$$;

REVOKE EXECUTE ON FUNCTION wharf.room, wharf.is_paused, wharf.admit, wharf.mark_published FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.room, wharf.mark_published TO wharf_app;
GRANT EXECUTE ON FUNCTION wharf.is_paused, wharf.admit, wharf.mark_published TO wharf_dispatch;
