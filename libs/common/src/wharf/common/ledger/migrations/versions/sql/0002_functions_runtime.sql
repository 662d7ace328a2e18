-- Claim and end of an attempt: one round trip each. Which state follows which is decided by the caller's table.

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
        UPDATE wharf.jobs SET published_at = NULL WHERE id = job AND attempt = nth AND status = 'queued';
        RETURN;
    END IF;
    INSERT INTO wharf.leases (job_id, tenant_id, attempt, worker, expires_at)
    VALUES (job, claimed.tenant_id, nth, by_worker, clock_timestamp() + make_interval(secs => seconds));
    INSERT INTO wharf.attempts (job_id, attempt, tenant_id, worker) VALUES (job, nth, claimed.tenant_id, by_worker);
    RETURN NEXT claimed;
END $$;

-- What the end of an attempt changes. `target` by the state that the job is in now: {"running": …, "cancelling": …}.
-- Gives the job's row, or none where the attempt has lost its lease: then nothing is changed.
CREATE FUNCTION wharf.finish(
    job uuid, nth bigint, outcome_is text, targets jsonb, result_is jsonb, error_is jsonb, progress_is jsonb,
    seconds double precision)
RETURNS SETOF wharf.jobs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moved wharf.jobs;
    target text;
    ended boolean;
BEGIN
    -- Job before lease, as everywhere.
    SELECT targets ->> j.status INTO target FROM wharf.jobs j WHERE j.id = job AND j.attempt = nth FOR UPDATE;
    IF target IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM wharf.leases WHERE job_id = job AND attempt = nth AND why IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    ended := target IN ('completed', 'failed', 'cancelled');
    UPDATE wharf.jobs j SET
        status = target,
        progress = progress_is,
        result = CASE WHEN ended THEN result_is ELSE j.result END,
        error = CASE target WHEN 'completed' THEN NULL WHEN 'cancelled' THEN wharf.cancelled_error() ELSE error_is END,
        checkpoint = CASE WHEN ended THEN NULL ELSE j.checkpoint END,
        finished_at = CASE WHEN ended THEN clock_timestamp() END,
        failures = j.failures + (outcome_is IN ('fail', 'fail_for_now'))::int,
        give_backs = j.give_backs + (outcome_is = 'give_back')::int,
        attempt = j.attempt + (NOT ended)::int,
        admitted = j.admitted AND target <> 'retrying',
        -- It had its turn: it goes on before those who have not.
        raised = CASE WHEN outcome_is = 'give_back' THEN 3 ELSE j.raised END,
        published_at = CASE WHEN ended THEN j.published_at END,
        available_at = CASE WHEN ended THEN j.available_at ELSE clock_timestamp() + make_interval(secs => seconds) END
    WHERE j.id = job RETURNING * INTO moved;
    UPDATE wharf.attempts SET ended_at = clock_timestamp(), outcome = outcome_is, error = error_is
    WHERE job_id = job AND attempt = nth;
    IF outcome_is = 'give_back' THEN
        PERFORM pg_notify('wharf_dispatch', '');
    END IF;
    RETURN NEXT moved;
END $$;

CREATE FUNCTION wharf.cancelled_error() RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '{"code": "cancelled", "message": "The job was cancelled.", "detail": null, "retryable": false}'::jsonb
$$;

-- A checkpoint, kept in the job's own transaction. Deaths before it no longer count when it is further than any before.
CREATE FUNCTION wharf.save_checkpoint(job uuid, nth bigint, point jsonb, progress_is jsonb, reached bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.jobs j SET checkpoint = point, progress = progress_is,
        deaths = CASE WHEN reached > j.furthest THEN 0 ELSE j.deaths END, furthest = greatest(j.furthest, reached)
    WHERE j.id = job AND j.attempt = nth
$$;

DROP FUNCTION wharf.expire_lease(uuid, bigint);
-- The worker's main process knows that nobody works on the job any more: the reaper need not wait.
CREATE FUNCTION wharf.expire_lease(job uuid, nth bigint, because text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_notify('wharf_dispatch', '');
    UPDATE wharf.leases SET expires_at = least(expires_at, clock_timestamp()), why = coalesce(why, because)
    WHERE job_id = job AND attempt = nth RETURNING true
$$;

-- As before, and a lease that was ended stays so; it says when its holder was last heard of.
CREATE OR REPLACE FUNCTION wharf.heartbeat(job uuid, nth bigint, seconds double precision)
RETURNS TABLE (held boolean, cancelled boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF seconds > 0 THEN
        UPDATE wharf.leases SET expires_at = clock_timestamp() + make_interval(secs => seconds), renewed_at = clock_timestamp()
        WHERE job_id = job AND attempt = nth AND why IS NULL;
        held := FOUND;
    ELSE
        held := EXISTS (SELECT FROM wharf.leases
                        WHERE job_id = job AND attempt = nth AND why IS NULL AND expires_at > clock_timestamp());
    END IF;
    cancelled := EXISTS (SELECT FROM wharf.jobs WHERE id = job AND status = 'cancelling');
    RETURN NEXT;
END $$;

-- Leases of the processes of one place (service, host and process space), for a worker that starts there again.
CREATE FUNCTION wharf.leases_of(place text) RETURNS TABLE (job_id uuid, attempt bigint, worker text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.job_id, l.attempt, l.worker FROM wharf.leases l WHERE starts_with(l.worker, place)
$$;

REVOKE EXECUTE ON FUNCTION wharf.claim, wharf.heartbeat, wharf.finish, wharf.save_checkpoint, wharf.expire_lease, wharf.leases_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.claim, wharf.heartbeat, wharf.finish, wharf.save_checkpoint, wharf.expire_lease, wharf.leases_of TO wharf_app;
