-- part: which of its parent's parts a job is, from 1. waits: it runs, but only waits for its parts: no lease, no slot.
ALTER TABLE wharf.jobs
    ADD COLUMN part bigint,
    ADD COLUMN waits boolean NOT NULL DEFAULT false;
CREATE INDEX ix_jobs_waits ON wharf.jobs (id) WHERE waits;
GRANT SELECT (part), INSERT (part) ON wharf.jobs TO wharf_dispatch;

-- As before, and an attempt may end by waiting for the parts that it has made; the next one begins when all have ended.
-- The row of a part's parent is locked before the part's own, here and by a cancel: nobody waits for the other way round.
CREATE OR REPLACE FUNCTION wharf.finish(
    job uuid, nth bigint, outcome_is text, targets jsonb, result_is jsonb, error_is jsonb, progress_is jsonb,
    seconds double precision)
RETURNS SETOF wharf.jobs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
    DELETE FROM wharf.leases WHERE job_id = job AND attempt = nth AND why IS NULL;
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

CREATE FUNCTION wharf.has_parts_to_do(job uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM wharf.jobs p WHERE p.parent_id = job AND p.part IS NOT NULL
                   AND p.status IN ('queued', 'running', 'retrying', 'cancelling'))
$$;

-- The part that ends last lets its parent go on. One that does not complete ends the others: the whole cannot be had.
CREATE FUNCTION wharf.part_ended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM wharf.jobs WHERE id = NEW.parent_id FOR UPDATE;
    IF NEW.status <> 'completed' THEN
        -- One that somebody holds is about to end by itself; or it sees by its parent that nobody needs it.
        PERFORM wharf.cancel_parts(ARRAY(
            SELECT id FROM wharf.jobs WHERE parent_id = NEW.parent_id AND part IS NOT NULL
              AND status IN ('queued', 'retrying', 'running') FOR UPDATE SKIP LOCKED));
    END IF;
    IF NOT wharf.has_parts_to_do(NEW.parent_id) THEN
        UPDATE wharf.jobs SET status = 'queued', waits = false, available_at = clock_timestamp()
        WHERE id = NEW.parent_id AND waits AND status = 'running';
        PERFORM pg_notify('wharf_dispatch', '');
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION wharf.cancel_parts(wanted uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.jobs SET
        status = CASE status WHEN 'running' THEN 'cancelling' ELSE 'cancelled' END,
        cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
        finished_at = CASE WHEN status <> 'running' THEN clock_timestamp() END,
        error = CASE WHEN status <> 'running' THEN wharf.cancelled_error() END
    WHERE id = ANY (wanted) AND status IN ('queued', 'retrying', 'running')
$$;

-- Nobody works on a job that only waits: its cancel need not wait for anybody to see it.
CREATE FUNCTION wharf.cancel_waiting() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.status := 'cancelled';
    NEW.waits := false;
    NEW.checkpoint := NULL;
    NEW.finished_at := clock_timestamp();
    NEW.error := wharf.cancelled_error();
    RETURN NEW;
END $$;

-- Without their parent nobody needs the parts.
CREATE FUNCTION wharf.end_parts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM wharf.cancel_parts(ARRAY(
        SELECT id FROM wharf.jobs WHERE parent_id = NEW.id AND part IS NOT NULL
          AND status IN ('queued', 'retrying', 'running') ORDER BY id FOR UPDATE));
    RETURN NULL;
END $$;

CREATE TRIGGER part_ended AFTER UPDATE OF status ON wharf.jobs FOR EACH ROW
    WHEN (NEW.part IS NOT NULL AND NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL)
    EXECUTE FUNCTION wharf.part_ended();
CREATE TRIGGER cancel_waiting BEFORE UPDATE OF status ON wharf.jobs FOR EACH ROW
    WHEN (OLD.waits AND NEW.status = 'cancelling')
    EXECUTE FUNCTION wharf.cancel_waiting();
CREATE TRIGGER end_parts AFTER UPDATE OF status ON wharf.jobs FOR EACH ROW
    WHEN (NEW.part IS NULL AND NEW.status IN ('failed', 'cancelling', 'cancelled') AND OLD.status <> NEW.status)
    EXECUTE FUNCTION wharf.end_parts();

REVOKE EXECUTE ON FUNCTION wharf.has_parts_to_do, wharf.part_ended, wharf.cancel_parts, wharf.cancel_waiting, wharf.end_parts FROM PUBLIC;
