-- Whom a tenant wants told. The secrets are read by the sender's function alone: see the grants.
CREATE TABLE wharf.webhooks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES wharf.tenants (id),
    name text NOT NULL,
    url text NOT NULL,
    events text[] NOT NULL,
    project_id text,
    kinds text[],
    secret text NOT NULL,
    previous_secret text,
    previous_until timestamptz,
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text,
    failing_since timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name),
    CHECK (enabled = (disabled_reason IS NULL))
);

-- The outbox and the log in one. `next_at`: when it is due; while it is being sent, when its sender counts as dead.
-- A change that keeps `status` and `next_at` off the indexes' columns is rare here, so the pages are filled.
CREATE TABLE wharf.webhook_deliveries (
    id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES wharf.webhooks (id) ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    type text NOT NULL,
    job_id uuid,
    body jsonb NOT NULL,
    status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'sending', 'delivered', 'failed')),
    attempt bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0,
    next_at timestamptz,
    tries jsonb NOT NULL DEFAULT '[]'::jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK ((status IN ('waiting', 'sending')) = (next_at IS NOT NULL))
);
-- All that the sender asks when nothing is due.
CREATE INDEX ix_webhook_deliveries_due ON wharf.webhook_deliveries (next_at) WHERE status IN ('waiting', 'sending');
CREATE INDEX ix_webhook_deliveries_open ON wharf.webhook_deliveries (webhook_id, next_at) WHERE status IN ('waiting', 'sending');
CREATE INDEX ix_webhook_deliveries_sending ON wharf.webhook_deliveries (tenant_id) WHERE status = 'sending';
CREATE INDEX ix_webhook_deliveries_newest ON wharf.webhook_deliveries (webhook_id, id DESC);
CREATE INDEX ix_webhook_deliveries_ended ON wharf.webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- Whom a tenant wants to have its reports by mail.
CREATE TABLE wharf.report_recipients (
    tenant_id uuid NOT NULL REFERENCES wharf.tenants (id),
    address text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, address)
);

DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['webhooks', 'webhook_deliveries', 'report_recipients'] LOOP
        EXECUTE format('ALTER TABLE wharf.%I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE wharf.%I FORCE ROW LEVEL SECURITY', tab);
        EXECUTE format(
            'CREATE POLICY tenant ON wharf.%I TO wharf_app USING (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid)) '
            'WITH CHECK (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid))', tab);
        EXECUTE format('CREATE POLICY definer ON wharf.%I TO wharf_owner USING (true) WITH CHECK (true)', tab);
    END LOOP;
END $$;

-- The gateway writes a secret and never reads one; the dispatcher's role has no right to either table.
GRANT SELECT (id, tenant_id, name, url, events, project_id, kinds, enabled, disabled_reason, failing_since, previous_until,
              created_at, updated_at) ON wharf.webhooks TO wharf_app;
GRANT INSERT, DELETE ON wharf.webhooks TO wharf_app;
GRANT UPDATE (name, url, events, project_id, kinds, enabled, disabled_reason, failing_since, updated_at)
    ON wharf.webhooks TO wharf_app;
GRANT SELECT, INSERT, UPDATE (status, next_at, ended_at, failures) ON wharf.webhook_deliveries TO wharf_app;

GRANT SELECT, INSERT, DELETE ON wharf.report_recipients TO wharf_app;

-- A UUIDv7, as `wharf.common.clock.new_id` makes them.
CREATE FUNCTION wharf.new_id() RETURNS uuid
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
        substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;

CREATE FUNCTION wharf.rfc3339(at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- What a job's result tells the world: its figures, and the names that Wharf or a declaration gave. No text from a file.
CREATE FUNCTION wharf.result_for_others(result jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(r.key, r.value), '{}')
    FROM jsonb_each(CASE jsonb_typeof(result) WHEN 'object' THEN result ELSE '{}' END) r
    WHERE jsonb_typeof(r.value) IN ('number', 'boolean')
       OR r.key IN ('import_id', 'upload_id', 'profile', 'project_id', 'mode', 'package_type', 'fingerprint', 'node_id', 'duplicate_of',
                    'report', 'period')
$$;

-- As the API shows it, without what people or files may have written: label, messages, rows, samples.
CREATE FUNCTION wharf.job_for_others(job wharf.jobs) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'job_id', job.id, 'kind', job.kind, 'queue', job.queue,
        'priority', (ARRAY['low', 'normal', 'high', 'urgent'])[job.priority + 1],
        'status', job.status, 'project_id', job.project_id, 'parent_id', job.parent_id,
        'attempt', job.attempt, 'max_attempts', job.max_attempts,
        'created_at', wharf.rfc3339(job.created_at), 'started_at', wharf.rfc3339(job.started_at),
        'finished_at', wharf.rfc3339(job.finished_at),
        'error', CASE WHEN jsonb_typeof(job.error) = 'object'
                      THEN jsonb_build_object('code', job.error -> 'code', 'retryable', job.error -> 'retryable') END,
        'result', CASE WHEN job.result IS NOT NULL THEN wharf.result_for_others(job.result) END,
        'links', jsonb_build_object('self', '/api/v1/jobs/' || job.id) || CASE WHEN job.kind IN ('package', 'report')
                      THEN jsonb_build_object('files', '/api/v1/packages/' || job.id || '/files') ELSE '{}' END)
$$;

-- Parts of a job are nobody's business. The end of a job and what it delivers are one transaction, whoever ends it: worker, reaper, cancel, an older version.
CREATE FUNCTION wharf.write_deliveries() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The lock makes one that is being removed vanish, rather than fail the job's end by its foreign key.
    INSERT INTO wharf.webhook_deliveries (id, webhook_id, tenant_id, type, job_id, body, next_at)
    SELECT wharf.new_id(), w.id, w.tenant_id, e.type, NEW.id,
           jsonb_build_object('type', e.type, 'timestamp', wharf.rfc3339(coalesce(NEW.finished_at, clock_timestamp())),
                              'data', wharf.job_for_others(NEW)), clock_timestamp()
    FROM wharf.webhooks w
    JOIN (SELECT 'job.' || NEW.status AS type
          UNION ALL SELECT 'report.ready' WHERE NEW.kind = 'report' AND NEW.status = 'completed') e ON e.type = ANY (w.events)
    WHERE w.tenant_id = NEW.tenant_id AND w.enabled
      AND (w.project_id IS NULL OR w.project_id = NEW.project_id) AND (w.kinds IS NULL OR NEW.kind = ANY (w.kinds))
    FOR KEY SHARE OF w;
    RETURN NULL;
END $$;

CREATE TRIGGER deliveries_of_an_end AFTER UPDATE OF status ON wharf.jobs FOR EACH ROW
    WHEN (NEW.part IS NULL AND NEW.status IN ('completed', 'failed', 'cancelled') AND OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION wharf.write_deliveries();

-- A new secret; the one before signs too, for so long. False where the transaction's tenant has no such webhook.
CREATE FUNCTION wharf.rotate_secret(webhook uuid, new_secret text, overlap interval) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.webhooks w
    SET previous_secret = w.secret, previous_until = now() + overlap, secret = new_secret, updated_at = now()
    WHERE w.id = webhook AND w.tenant_id = NULLIF(current_setting('wharf.tenant', true), '')::uuid RETURNING true
$$;

-- Deliveries to be sent now, at most so many, each had for so many seconds. A slow receiver holds up two of its own at a
-- time, a tenant eight, however long their backlogs.
CREATE FUNCTION wharf.take_deliveries(most bigint, seconds double precision)
RETURNS TABLE (id uuid, attempt bigint, failures bigint, body jsonb, url text, secrets text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM wharf.webhook_deliveries d WHERE d.status IN ('waiting', 'sending') AND d.next_at <= now()) THEN
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

-- What came of one try: `delay` in seconds until the next one, null where there is none; `gone`: the receiver wants no more.
-- Says what became of it, or null where another sender has it by now.
CREATE FUNCTION wharf.end_delivery(
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
                    WHEN hook.failing_since < clock_timestamp() - make_interval(secs => patience_days * 86400) THEN 'failing' END;
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
        UPDATE wharf.webhook_deliveries d SET status = 'failed', next_at = NULL, ended_at = clock_timestamp()
        WHERE d.webhook_id = hook.id AND d.status = 'waiting';
        RETURN 'disabled';
    END IF;
    RETURN became;
END $$;

-- What was delivered, or given up, is told for a time. In small steps: nobody waits for it. What was written or sent while its webhook
-- was being disabled is given up here.
CREATE FUNCTION wharf.forget_deliveries(keep interval, most bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.webhook_deliveries d SET status = 'failed', next_at = NULL, ended_at = clock_timestamp()
    FROM wharf.webhooks w
    WHERE w.id = d.webhook_id AND NOT w.enabled AND d.status IN ('waiting', 'sending') AND d.next_at < now();
    WITH gone AS (
        DELETE FROM wharf.webhook_deliveries WHERE id = ANY (ARRAY(
            SELECT d.id FROM wharf.webhook_deliveries d WHERE d.ended_at < now() - keep ORDER BY d.ended_at LIMIT most))
        RETURNING 1)
    SELECT count(*) FROM gone
$$;

-- Tenants with something to report: whose work ended in that time.
CREATE FUNCTION wharf.tenants_at_work(since timestamptz, until timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT j.tenant_id FROM wharf.jobs j
    WHERE j.finished_at >= since AND j.finished_at < until AND j.kind IN ('import', 'package', 'rules', 'transform', 'undo')
$$;

REVOKE EXECUTE ON FUNCTION wharf.tenants_at_work, wharf.new_id, wharf.rfc3339, wharf.result_for_others, wharf.job_for_others, wharf.write_deliveries,
    wharf.rotate_secret, wharf.take_deliveries, wharf.end_delivery, wharf.forget_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.rotate_secret, wharf.tenants_at_work TO wharf_app;
GRANT EXECUTE ON FUNCTION wharf.take_deliveries, wharf.end_delivery, wharf.forget_deliveries TO wharf_dispatch;
