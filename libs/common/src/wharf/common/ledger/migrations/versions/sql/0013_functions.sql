-- Housekeeping goes through the tenants one by one, each under its own policies: what users sent is seen by nobody else.
CREATE FUNCTION wharf.tenants_kept() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT id FROM wharf.tenants WHERE id <> '00000000-0000-0000-0000-000000000000' ORDER BY id
$$;

-- Which of these tenants there are: objects of others belong to nobody.
CREATE FUNCTION wharf.known_tenants(wanted uuid[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT id FROM wharf.tenants WHERE id = ANY (wanted)
$$;

-- Some of what belongs to no tenant's data and is older than `keep`; a trial only counts it.
CREATE FUNCTION wharf.forget(what text, keep interval, most bigint, trial boolean) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    chosen text := CASE what
        WHEN 'answers' THEN 'wharf.idempotency WHERE created_at < now() - $1'
        WHEN 'workers' THEN 'wharf.workers WHERE seen_at < now() - $1'
        WHEN 'schedule_runs' THEN 'wharf.schedule_runs WHERE scheduled_for < now() - $1 AND outcome <> ''waiting'''
        WHEN 'attempts' THEN 'wharf.attempts_rest WHERE started_at < now() - $1'
        WHEN 'log_lines' THEN 'wharf.job_logs_rest WHERE at < now() - $1' END;
    place text := split_part(chosen, ' ', 1);
    found bigint;
BEGIN
    IF chosen IS NULL OR keep < interval '1 minute' THEN
        RAISE EXCEPTION 'nothing is known of %, or it is to be kept for too short', what;
    END IF;
    IF trial THEN
        EXECUTE 'SELECT count(*) FROM ' || chosen INTO found USING keep;
        RETURN found;
    END IF;
    EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %s LIMIT $2 FOR UPDATE SKIP LOCKED))', place, chosen)
    USING keep, most;
    GET DIAGNOSTICS found = ROW_COUNT;
    RETURN found;
END $$;

-- Staging tables that no job comes back for; those of a dry run that completed stay for as long as `keep` says.
CREATE FUNCTION wharf.drop_staging_older(keep interval, most bigint, trial boolean) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    found record;
    dropped bigint := 0;
BEGIN
    FOR found IN
        SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN wharf.tenants t ON t.schema_name = n.nspname
        WHERE c.relkind = 'r' AND c.relname ~ '^staging_[0-9a-f]{32}$' AND NOT EXISTS (
            SELECT FROM wharf.jobs j
            WHERE j.tenant_id = t.id AND j.status IN ('queued', 'running', 'retrying', 'cancelling')
              AND j.payload ->> 'import_id' = substr(c.relname, 9)::uuid::text)
        AND NOT EXISTS (
            SELECT FROM wharf.jobs j
            WHERE j.tenant_id = t.id AND j.status = 'completed' AND j.payload ->> 'dry_run' = 'true'
              AND j.finished_at > now() - keep AND j.payload ->> 'import_id' = substr(c.relname, 9)::uuid::text)
        LIMIT most
    LOOP
        BEGIN
            IF NOT trial THEN
                EXECUTE format('DROP TABLE IF EXISTS %I.%I', found.nspname, found.relname); -- contract: no job needs it any more
            END IF;
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            -- A worker that has lost its lease still holds it; the next sweep finds it again.
            NULL;
        END;
    END LOOP;
    RETURN dropped;
END $$;

-- Partitions for this month and those after it, so far ahead that days without housekeeping do not matter.
CREATE FUNCTION wharf.make_partitions(months bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    made bigint := 0;
    tab text;
    month timestamptz;
BEGIN
    FOREACH tab IN ARRAY ARRAY['attempts', 'job_logs'] LOOP
        FOR nth IN 0..months LOOP
            month := date_trunc('month', now() AT TIME ZONE 'UTC' + make_interval(months => nth::int)) AT TIME ZONE 'UTC';
            -- What was there before there were partitions may reach into this month.
            CONTINUE WHEN month < (SELECT coalesce(max(wharf.ends_at(i.inhrelid::regclass)), '-infinity') FROM pg_inherits i
                                   WHERE i.inhparent = format('wharf.%I', tab)::regclass
                                     AND i.inhrelid = to_regclass(format('wharf.%I', tab || '_before')));
            made := made + wharf.make_partition(tab, month)::int;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- Whether a job with a number in that range has not ended; each question has an index of unfinished jobs.
CREATE FUNCTION wharf.is_at_work(least_id uuid, until_id uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM wharf.jobs j WHERE j.admitted AND j.status IN ('queued', 'running', 'cancelling')
                   AND j.id >= least_id AND j.id < until_id)
        OR EXISTS (SELECT FROM wharf.jobs j WHERE j.status = 'queued' AND NOT j.admitted AND j.id >= least_id AND j.id < until_id)
        OR EXISTS (SELECT FROM wharf.jobs j WHERE j.status = 'retrying' AND j.id >= least_id AND j.id < until_id)
        OR EXISTS (SELECT FROM wharf.jobs j WHERE j.waits AND j.id >= least_id AND j.id < until_id)
$$;

-- Drop the oldest partition all of whose jobs were submitted longer ago than `keep` and have ended: about how many rows
-- that were, or null where there is none. Raises lock_not_available where somebody uses the table for long.
CREATE FUNCTION wharf.drop_partition(of_table text, keep interval, trial boolean) RETURNS TABLE (partitions bigint, lines bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    found record;
BEGIN
    partitions := 0;
    lines := 0;
    FOR found IN
        SELECT p.relname, greatest(pg_stat_get_live_tuples(p.oid), p.reltuples, 0)::bigint AS estimate FROM (
            SELECT c.oid, c.relname, c.reltuples, wharf.ends_at(c.oid::regclass) AS until,
                   lag(wharf.ends_at(c.oid::regclass)) OVER (ORDER BY wharf.ends_at(c.oid::regclass)) AS since
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = format('wharf.%I', of_table)::regclass AND of_table IN ('attempts', 'job_logs')) p
        WHERE p.until < now() - keep AND keep >= interval '1 day'
          AND NOT wharf.is_at_work(coalesce(wharf.first_id(p.since), '00000000-0000-0000-0000-000000000000'), wharf.first_id(p.until))
        ORDER BY p.until
    LOOP
        partitions := partitions + 1;
        lines := lines + found.estimate;
        CONTINUE WHEN trial;
        EXECUTE format('DROP TABLE wharf.%I', found.relname); -- contract: nothing in it is kept any longer
        EXIT;
    END LOOP;
    RETURN NEXT;
END $$;

GRANT UPDATE (removed_at) ON wharf.uploads TO wharf_app;
REVOKE EXECUTE ON FUNCTION wharf.first_id, wharf.protect_history, wharf.ends_at, wharf.make_partition, wharf.tenants_kept, wharf.known_tenants,
    wharf.forget, wharf.drop_staging_older, wharf.make_partitions, wharf.is_at_work, wharf.drop_partition FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.tenants_kept, wharf.known_tenants, wharf.forget, wharf.drop_staging_older, wharf.make_partitions,
    wharf.drop_partition TO wharf_app;
GRANT EXECUTE ON FUNCTION wharf.drop_staging_older TO wharf_dispatch;
