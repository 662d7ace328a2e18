-- Claim, heartbeat and the end of a lease: a worker knows a job's number before it knows its tenant.

CREATE FUNCTION wharf.claim(job uuid, nth bigint, by_worker text, seconds double precision)
RETURNS SETOF wharf.jobs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claimed wharf.jobs;
BEGIN
    UPDATE wharf.jobs
    SET status = 'running', started_at = coalesce(started_at, clock_timestamp()), published_at = coalesce(published_at, clock_timestamp())
    WHERE id = job AND attempt = nth AND status = 'queued'
    RETURNING * INTO claimed;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO wharf.leases (job_id, tenant_id, attempt, worker, expires_at)
    VALUES (job, claimed.tenant_id, nth, by_worker, clock_timestamp() + make_interval(secs => seconds));
    INSERT INTO wharf.attempts (job_id, attempt, tenant_id, worker) VALUES (job, nth, claimed.tenant_id, by_worker);
    RETURN NEXT claimed;
END $$;

-- Whether the lease is still held, and whether the job's end was asked for; renews it when `seconds` is positive.
CREATE FUNCTION wharf.heartbeat(job uuid, nth bigint, seconds double precision)
RETURNS TABLE (held boolean, cancelled boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF seconds > 0 THEN
        UPDATE wharf.leases SET expires_at = clock_timestamp() + make_interval(secs => seconds)
        WHERE job_id = job AND attempt = nth;
        held := FOUND;
    ELSE
        held := EXISTS (SELECT FROM wharf.leases WHERE job_id = job AND attempt = nth);
    END IF;
    cancelled := EXISTS (SELECT FROM wharf.jobs WHERE id = job AND status = 'cancelling');
    RETURN NEXT;
END $$;

-- The worker's main process saw the child die: the reaper need not wait for the lease to run out.
CREATE FUNCTION wharf.expire_lease(job uuid, nth bigint) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.leases SET expires_at = '-infinity' WHERE job_id = job AND attempt = nth RETURNING true
$$;

REVOKE EXECUTE ON FUNCTION wharf.claim, wharf.heartbeat, wharf.expire_lease FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.claim, wharf.heartbeat, wharf.expire_lease TO wharf_app;
