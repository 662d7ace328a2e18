-- One that is removed is only marked, so that no job's end waits while its deliveries go: housekeeping takes them, and
-- then the row. No tenant sees it any more, in whichever version of a service; its name is free.
ALTER TABLE wharf.webhooks ADD COLUMN removed_at timestamptz;
ALTER TABLE wharf.webhooks DROP CONSTRAINT webhooks_tenant_id_name_key; -- contract: the index below takes its place
CREATE UNIQUE INDEX ix_webhooks_name ON wharf.webhooks (tenant_id, name) WHERE removed_at IS NULL;
ALTER POLICY tenant ON wharf.webhooks
    USING (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid) AND removed_at IS NULL);

-- With its secrets. False where the transaction's tenant has no such webhook. What changes is part of no key: no job's end
-- waits for it.
CREATE FUNCTION wharf.remove_webhook(webhook uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.webhooks w
    SET enabled = false, disabled_reason = coalesce(w.disabled_reason, 'asked'), secret = '', previous_secret = NULL,
        removed_at = now(), updated_at = now()
    WHERE w.id = webhook AND w.removed_at IS NULL AND w.tenant_id = NULLIF(current_setting('wharf.tenant', true), '')::uuid
    RETURNING true
$$;

-- What waits for a webhook to which nothing is sent any more, at most so much; what is under way is its sender's, unless that
-- one is dead. How many that were.
CREATE FUNCTION wharf.give_up_deliveries(webhook uuid, most bigint) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH given_up AS (
        UPDATE wharf.webhook_deliveries SET status = 'failed', next_at = NULL, ended_at = clock_timestamp()
        WHERE id = ANY (ARRAY(
            SELECT d.id FROM wharf.webhook_deliveries d
            WHERE d.webhook_id = webhook AND (d.status = 'waiting' OR (d.status = 'sending' AND d.next_at < now()))
            LIMIT most FOR UPDATE SKIP LOCKED))
        RETURNING 1)
    SELECT count(*) FROM given_up
$$;

-- The same for all that are disabled: what was too much at that moment, or was written or sent meanwhile.
CREATE FUNCTION wharf.give_up_disabled(most bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hook uuid;
    done bigint := 0;
BEGIN
    FOR hook IN SELECT w.id FROM wharf.webhooks w WHERE NOT w.enabled LOOP
        EXIT WHEN done >= most;
        done := done + wharf.give_up_deliveries(hook, most - done);
    END LOOP;
    RETURN done;
END $$;

-- For senders of the version before; now in small steps, and past what somebody holds.
CREATE OR REPLACE FUNCTION wharf.forget_deliveries(keep interval, most bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT wharf.give_up_disabled(most);
    WITH gone AS (
        DELETE FROM wharf.webhook_deliveries WHERE id = ANY (ARRAY(
            SELECT d.id FROM wharf.webhook_deliveries d WHERE d.ended_at < now() - keep
            ORDER BY d.ended_at LIMIT most FOR UPDATE SKIP LOCKED))
        RETURNING 1)
    SELECT count(*) FROM gone
$$;

-- Housekeeping: deliveries that ended longer ago than `keep`, and all of those webhooks that were removed, which go after
-- their last one. At most so many; a trial only counts them.
CREATE FUNCTION wharf.forget_messages(keep interval, most bigint, trial boolean) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    old bigint;
    removed bigint;
BEGIN
    IF keep < interval '1 minute' THEN
        RAISE EXCEPTION 'deliveries are to be kept for too short';
    END IF;
    IF trial THEN
        RETURN (SELECT count(*) FROM wharf.webhook_deliveries d JOIN wharf.webhooks w ON w.id = d.webhook_id
                WHERE d.ended_at < now() - keep
                   OR (w.removed_at IS NOT NULL AND (d.status <> 'sending' OR d.next_at < now())));
    END IF;
    DELETE FROM wharf.webhook_deliveries WHERE id = ANY (ARRAY(
        SELECT d.id FROM wharf.webhook_deliveries d WHERE d.ended_at < now() - keep
        ORDER BY d.ended_at LIMIT most FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS old = ROW_COUNT;
    -- Not what is under way: its sender has yet to write what came of it.
    DELETE FROM wharf.webhook_deliveries WHERE id = ANY (ARRAY(
        SELECT d.id FROM wharf.webhooks w JOIN wharf.webhook_deliveries d ON d.webhook_id = w.id
        WHERE w.removed_at IS NOT NULL AND (d.status <> 'sending' OR d.next_at < now())
        LIMIT most - old FOR UPDATE OF d SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM wharf.webhooks WHERE id = ANY (ARRAY(
        SELECT w.id FROM wharf.webhooks w
        WHERE w.removed_at IS NOT NULL AND NOT EXISTS (SELECT FROM wharf.webhook_deliveries d WHERE d.webhook_id = w.id)
        LIMIT most FOR UPDATE SKIP LOCKED));
    RETURN old + removed;
END $$;

-- As before, but what waits for a webhook that is disabled is given up in small steps; and it takes a message that fails again
-- to disable one as failing: after a quiet time one lost try says nothing about the days before.
CREATE OR REPLACE FUNCTION wharf.end_delivery(
    delivery uuid, nth bigint, delivered boolean, try jsonb, delay double precision, gone boolean, patience_days double precision)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hook wharf.webhooks;
    became text := CASE WHEN delivered THEN 'delivered' WHEN delay IS NULL THEN 'failed' ELSE 'waiting' END;
    why text;
BEGIN
    -- The webhook first, as whoever changes or removes it; not so that a job's end would wait for it.
    SELECT w.* INTO hook FROM wharf.webhooks w
    WHERE w.id = (SELECT d.webhook_id FROM wharf.webhook_deliveries d WHERE d.id = delivery) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF delivered THEN
        UPDATE wharf.webhooks w SET failing_since = NULL WHERE w.id = hook.id AND w.failing_since IS NOT NULL;
    ELSE
        hook.failing_since := coalesce(hook.failing_since, clock_timestamp());
        why := CASE WHEN gone THEN 'gone'
                    WHEN hook.failing_since < clock_timestamp() - make_interval(secs => patience_days * 86400)
                         AND (SELECT d.failures > 0 FROM wharf.webhook_deliveries d WHERE d.id = delivery) THEN 'failing' END;
        IF why IS NOT NULL OR NOT hook.enabled THEN
            became := 'failed';
        END IF;
        UPDATE wharf.webhooks w SET failing_since = hook.failing_since WHERE w.id = hook.id AND w.failing_since IS NULL;
    END IF;
    UPDATE wharf.webhook_deliveries d SET
        status = became,
        failures = d.failures + (NOT delivered)::int,
        next_at = CASE became WHEN 'waiting' THEN clock_timestamp() + make_interval(secs => delay) END,
        ended_at = CASE WHEN became <> 'waiting' THEN clock_timestamp() END,
        -- The newest twenty: a delivery may be replayed without end.
        tries = (CASE WHEN jsonb_array_length(d.tries) >= 20 THEN d.tries - 0 ELSE d.tries END) || jsonb_build_array(try)
    WHERE d.id = delivery AND d.attempt = nth AND d.status = 'sending';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF why IS NOT NULL AND hook.enabled THEN
        UPDATE wharf.webhooks w SET enabled = false, disabled_reason = why, updated_at = now() WHERE w.id = hook.id;
        PERFORM wharf.give_up_deliveries(hook.id, 1000);
        RETURN 'disabled';
    END IF;
    RETURN became;
END $$;

-- As before, but one sender takes at a time: two would each count what is under way without what the other one is taking, and
-- have more of a receiver or a tenant than these may have. Who comes second looks again in a second.
CREATE OR REPLACE FUNCTION wharf.take_deliveries(most bigint, seconds double precision)
RETURNS TABLE (id uuid, attempt bigint, failures bigint, body jsonb, url text, secrets text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM wharf.webhook_deliveries d WHERE d.status IN ('waiting', 'sending') AND d.next_at <= now()) THEN
        RETURN;
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtextextended('wharf.take_deliveries', 0)) THEN
        RETURN;
    END IF;
    WITH at_work AS MATERIALIZED (
        SELECT d.tenant_id, d.webhook_id, count(*) AS number FROM wharf.webhook_deliveries d
        WHERE d.status = 'sending' AND d.next_at > now() GROUP BY d.tenant_id, d.webhook_id
    ), of_tenants AS (
        SELECT a.tenant_id, sum(a.number) AS number FROM at_work a GROUP BY a.tenant_id
    ), due AS MATERIALIZED (
        SELECT d.id, d.next_at, w.tenant_id
        FROM wharf.webhooks w LEFT JOIN at_work a ON a.webhook_id = w.id
        CROSS JOIN LATERAL (
            SELECT o.id, o.next_at FROM wharf.webhook_deliveries o
            WHERE o.webhook_id = w.id AND o.status IN ('waiting', 'sending') AND o.next_at <= now()
            ORDER BY o.next_at LIMIT greatest(2 - coalesce(a.number, 0), 0) FOR UPDATE SKIP LOCKED) d
        WHERE w.enabled
    ), ranked AS (
        SELECT u.id, u.next_at, coalesce(t.number, 0) + row_number() OVER (PARTITION BY u.tenant_id ORDER BY u.next_at) AS nth
        FROM due u LEFT JOIN of_tenants t ON t.tenant_id = u.tenant_id
    )
    SELECT array_agg(r.id) INTO taken FROM (
        SELECT k.id FROM ranked k WHERE k.nth <= 8 ORDER BY k.nth, k.next_at LIMIT most) r;
    RETURN QUERY
        UPDATE wharf.webhook_deliveries d
        SET status = 'sending', attempt = d.attempt + 1, next_at = clock_timestamp() + make_interval(secs => seconds)
        FROM wharf.webhooks w WHERE d.id = ANY (taken) AND w.id = d.webhook_id
        RETURNING d.id, d.attempt, d.failures, d.body, w.url,
                  array_remove(ARRAY[w.secret, CASE WHEN w.previous_until > now() THEN w.previous_secret END], NULL);
END $$;

-- As before, of the kinds that there are, and without the installation: its canaries are no work that anybody reports.
CREATE OR REPLACE FUNCTION wharf.tenants_at_work(since timestamptz, until timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT j.tenant_id FROM wharf.jobs j
    WHERE j.finished_at >= since AND j.finished_at < until AND j.kind IN ('import', 'package', 'undo')
      AND j.tenant_id <> '00000000-0000-0000-0000-000000000000'
$$;

REVOKE EXECUTE ON FUNCTION wharf.remove_webhook, wharf.give_up_deliveries, wharf.give_up_disabled, wharf.forget_messages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.remove_webhook, wharf.give_up_deliveries, wharf.forget_messages TO wharf_app;
GRANT EXECUTE ON FUNCTION wharf.give_up_disabled TO wharf_dispatch;
