-- Who hands a job in rings for it, so the dispatcher leaves a new one alone for a while. Nobody but the dispatcher rings for one that got
-- its place later, or whose message was refused because its queue was paused: it is available later than it was created,
-- by a microsecond, and so is told from the others.

CREATE OR REPLACE FUNCTION wharf.admit(most bigint) RETURNS bigint
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
        UPDATE wharf.jobs SET admitted = true, available_at = greatest(available_at, created_at + interval '1 microsecond')
        WHERE id = ANY (ARRAY(
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

CREATE OR REPLACE FUNCTION wharf.claim(job uuid, nth bigint, by_worker text, seconds double precision)
RETURNS SETOF wharf.jobs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claimed wharf.jobs;
BEGIN
    UPDATE wharf.jobs j
    SET status = 'running', admitted = true, started_at = coalesce(j.started_at, clock_timestamp()),
        published_at = coalesce(j.published_at, clock_timestamp())
    WHERE j.id = job AND j.attempt = nth AND j.status = 'queued' AND NOT EXISTS (
        SELECT FROM wharf.pauses p
        WHERE p.queue = j.queue AND p.tenant_id IN (j.tenant_id, '00000000-0000-0000-0000-000000000000'))
    RETURNING * INTO claimed;
    IF NOT FOUND THEN
        -- Claimed by this very process, which did not get the answer: it works on nothing else.
        SELECT j.* INTO claimed FROM wharf.jobs j JOIN wharf.leases l ON l.job_id = j.id AND l.attempt = j.attempt
        WHERE j.id = job AND j.attempt = nth AND j.status = 'running' AND l.worker = by_worker;
        IF FOUND THEN
            RETURN NEXT claimed;
            RETURN;
        END IF;
        -- Its queue is paused: without the mark it is published again when the queue goes on.
        UPDATE wharf.jobs
        SET published_at = NULL, available_at = greatest(available_at, created_at + interval '1 microsecond')
        WHERE id = job AND attempt = nth AND status = 'queued';
        RETURN;
    END IF;
    INSERT INTO wharf.leases (job_id, tenant_id, attempt, worker, expires_at)
    VALUES (job, claimed.tenant_id, nth, by_worker, clock_timestamp() + make_interval(secs => seconds));
    INSERT INTO wharf.attempts (job_id, attempt, tenant_id, worker) VALUES (job, nth, claimed.tenant_id, by_worker);
    RETURN NEXT claimed;
END $$;
