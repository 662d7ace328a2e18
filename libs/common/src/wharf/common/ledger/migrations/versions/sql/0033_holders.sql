-- A claim does not wait for the disk (a server that dies may forget it), so that its number may be given twice. Whoever
-- says who it is holds what it took itself; an older worker does not say so.
DROP FUNCTION wharf.heartbeat(uuid, bigint, double precision);  -- contract: made again, with one more that need not be said
CREATE FUNCTION wharf.heartbeat(job uuid, nth bigint, seconds double precision, by_worker text DEFAULT NULL)
RETURNS TABLE (held boolean, cancelled boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF seconds > 0 THEN
        UPDATE wharf.leases SET expires_at = clock_timestamp() + make_interval(secs => seconds), renewed_at = clock_timestamp()
        WHERE job_id = job AND attempt = nth AND why IS NULL AND worker = coalesce(by_worker, worker);
        held := FOUND;
    ELSE
        held := EXISTS (SELECT FROM wharf.leases
                        WHERE job_id = job AND attempt = nth AND why IS NULL AND expires_at > clock_timestamp()
                          AND worker = coalesce(by_worker, worker));
    END IF;
    cancelled := EXISTS (SELECT FROM wharf.jobs WHERE id = job AND status = 'cancelling');
    RETURN NEXT;
END $$;

-- As above: who says eight calls the new one.
DROP FUNCTION wharf.finish(uuid, bigint, text, jsonb, jsonb, jsonb, jsonb, double precision);  -- contract: made again
CREATE FUNCTION wharf.finish(
    job uuid, nth bigint, outcome_is text, targets jsonb, result_is jsonb, error_is jsonb, progress_is jsonb,
    seconds double precision, by_worker text DEFAULT NULL)
RETURNS SETOF wharf.jobs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- Why: see 0029. Who replaces the function says this again.
SET plan_cache_mode = 'force_generic_plan' AS $$
DECLARE
    moved wharf.jobs;
    target text;
    ended boolean;
    resting boolean := false;
BEGIN
    PERFORM FROM wharf.jobs p WHERE p.id = (SELECT j.parent_id FROM wharf.jobs j WHERE j.id = job AND j.part IS NOT NULL) FOR UPDATE;
    -- Job before lease, as everywhere.
    SELECT targets ->> j.status INTO target FROM wharf.jobs j WHERE j.id = job AND j.attempt = nth FOR UPDATE;
    IF target IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM wharf.leases WHERE job_id = job AND attempt = nth AND why IS NULL AND worker = coalesce(by_worker, worker);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF outcome_is = 'wait' AND target = 'running' THEN
        resting := wharf.has_parts_to_do(job);
        target := CASE WHEN resting THEN 'running' ELSE 'queued' END;
    END IF;
    ended := target IN ('completed', 'failed', 'cancelled');
    UPDATE wharf.jobs j SET
        status = target,
        waits = resting,
        progress = progress_is,
        result = CASE WHEN ended THEN result_is ELSE j.result END,
        error = CASE target WHEN 'completed' THEN NULL WHEN 'cancelled' THEN wharf.cancelled_error() ELSE error_is END,
        checkpoint = CASE WHEN ended THEN NULL ELSE j.checkpoint END,
        finished_at = CASE WHEN ended THEN clock_timestamp() END,
        failures = j.failures + (outcome_is IN ('fail', 'fail_for_now'))::int,
        give_backs = j.give_backs + (outcome_is = 'give_back')::int,
        attempt = j.attempt + (NOT ended)::int,
        admitted = j.admitted AND target <> 'retrying' AND NOT resting,
        -- It had its turn: it goes on before those who have not.
        raised = CASE WHEN outcome_is IN ('give_back', 'wait') THEN 3 ELSE j.raised END,
        published_at = CASE WHEN ended THEN j.published_at END,
        available_at = CASE WHEN ended THEN j.available_at ELSE clock_timestamp() + make_interval(secs => seconds) END
    WHERE j.id = job RETURNING * INTO moved;
    UPDATE wharf.attempts SET ended_at = clock_timestamp(), outcome = outcome_is, error = error_is
    WHERE job_id = job AND attempt = nth;
    IF outcome_is IN ('give_back', 'wait') THEN
        PERFORM pg_notify('wharf_dispatch', '');
    END IF;
    RETURN NEXT moved;
END $$;

REVOKE EXECUTE ON FUNCTION wharf.heartbeat, wharf.finish FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.heartbeat, wharf.finish TO wharf_app;

-- One trigger where three were asked at each move of each job; what it does about an end is what they did.
CREATE FUNCTION wharf.job_stops() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.part IS NOT NULL THEN
        IF NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL THEN
            PERFORM wharf.part_stops(NEW.parent_id, NEW.status, NEW.payload ->> 'generation');
        END IF;
        RETURN NULL;
    END IF;
    IF NEW.status <> 'cancelling'
       AND EXISTS (SELECT FROM wharf.webhooks w WHERE w.tenant_id = NEW.tenant_id AND w.enabled) THEN
        PERFORM wharf.leave_deliveries(NEW);
    END IF;
    IF NEW.status <> 'completed' THEN
        PERFORM wharf.cancel_parts(ARRAY(
            SELECT id FROM wharf.jobs WHERE parent_id = NEW.id AND part IS NOT NULL
              AND status IN ('queued', 'retrying', 'running') ORDER BY id FOR UPDATE));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION wharf.part_stops(parent uuid, became text, generation text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM wharf.jobs WHERE id = parent FOR UPDATE;
    IF became <> 'completed' THEN
        -- One that somebody holds is about to end by itself; or it sees by its parent that nobody needs it.
        PERFORM wharf.cancel_parts(ARRAY(
            SELECT id FROM wharf.jobs WHERE parent_id = parent AND part IS NOT NULL
              AND payload ->> 'generation' IS NOT DISTINCT FROM generation
              AND status IN ('queued', 'retrying', 'running') FOR UPDATE SKIP LOCKED));
    END IF;
    IF NOT wharf.has_parts_to_do(parent) THEN
        UPDATE wharf.jobs SET status = 'queued', waits = false, available_at = clock_timestamp()
        WHERE id = parent AND waits AND status = 'running';
        PERFORM pg_notify('wharf_dispatch', '');
    END IF;
END $$;

CREATE FUNCTION wharf.leave_deliveries(of_job wharf.jobs) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- The lock makes one that is being removed vanish, rather than fail the job's end by its foreign key.
    INSERT INTO wharf.webhook_deliveries (id, webhook_id, tenant_id, type, job_id, body, next_at)
    SELECT wharf.new_id(), w.id, w.tenant_id, e.type, of_job.id,
           jsonb_build_object('type', e.type, 'timestamp', wharf.rfc3339(coalesce(of_job.finished_at, clock_timestamp())),
                              'data', wharf.job_for_others(of_job)), clock_timestamp()
    FROM wharf.webhooks w
    JOIN (SELECT 'job.' || of_job.status AS type
          UNION ALL SELECT 'report.ready' WHERE of_job.kind = 'report' AND of_job.status = 'completed') e ON e.type = ANY (w.events)
    WHERE w.tenant_id = of_job.tenant_id AND w.enabled
      AND (w.project_id IS NULL OR w.project_id = of_job.project_id) AND (w.kinds IS NULL OR of_job.kind = ANY (w.kinds))
    FOR KEY SHARE OF w
$$;
REVOKE EXECUTE ON FUNCTION wharf.job_stops, wharf.part_stops, wharf.leave_deliveries FROM PUBLIC;

DROP TRIGGER part_ended ON wharf.jobs;
DROP TRIGGER end_parts ON wharf.jobs;
DROP TRIGGER deliveries_of_an_end ON wharf.jobs;
CREATE TRIGGER job_stops AFTER UPDATE OF status ON wharf.jobs FOR EACH ROW
    WHEN (NEW.status IN ('cancelling', 'completed', 'failed', 'cancelled') AND OLD.status <> NEW.status)
    EXECUTE FUNCTION wharf.job_stops();
DROP FUNCTION wharf.part_ended, wharf.end_parts, wharf.write_deliveries;  -- contract: triggers' own, whom nobody calls
