-- admitted: the job has a place among its tenant's published ones. raised: levels that waiting added to its priority.
-- furthest: the greatest progress that any attempt has saved; only beyond it does a checkpoint count as progress.
ALTER TABLE wharf.jobs
    ADD COLUMN admitted boolean NOT NULL DEFAULT false,
    ADD COLUMN raised smallint NOT NULL DEFAULT 0,
    ADD COLUMN furthest bigint NOT NULL DEFAULT 0;
UPDATE wharf.jobs SET admitted = true
WHERE status IN ('running', 'cancelling') OR (status = 'queued' AND published_at IS NOT NULL);

-- Each index holds what one question of the dispatcher is about, so that a backlog of any length costs it nothing.
DROP INDEX wharf.ix_jobs_waiting;
DROP INDEX wharf.ix_jobs_live;
CREATE INDEX ix_jobs_retrying ON wharf.jobs (available_at) WHERE status = 'retrying';
CREATE INDEX ix_jobs_unpublished ON wharf.jobs (available_at) WHERE status = 'queued' AND admitted AND published_at IS NULL;
CREATE INDEX ix_jobs_admitted ON wharf.jobs (tenant_id, queue) WHERE admitted AND status IN ('queued', 'running', 'cancelling');
-- Whose turn it is: a level of priority is worth a minute of waiting, so nobody waits for ever. Urgent ones queue apart.
CREATE INDEX ix_jobs_turn ON wharf.jobs
    (tenant_id, queue, (priority / 3), ((available_at AT TIME ZONE 'UTC') - priority * interval '1 minute'))
    WHERE status = 'queued' AND NOT admitted;

-- why: the reason of a lease that was ended before its time: died, time_limit, shutdown. renewed_at: the holder's last sign.
ALTER TABLE wharf.leases ADD COLUMN why text, ADD COLUMN renewed_at timestamptz NOT NULL DEFAULT now();

-- A paused queue; the tenant of zeros stands for the whole installation.
CREATE TABLE wharf.pauses (
    queue text NOT NULL,
    tenant_id uuid NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (queue, tenant_id)
);

-- The main processes of the workers, as they told of themselves.
CREATE TABLE wharf.workers (
    name text PRIMARY KEY,
    service text NOT NULL,
    host text NOT NULL,
    pid bigint NOT NULL,
    queues text[] NOT NULL,
    slots bigint NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);

-- What was answered to a request that may come again.
CREATE TABLE wharf.idempotency (
    tenant_id uuid NOT NULL REFERENCES wharf.tenants (id),
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    answer jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX ix_idempotency_age ON wharf.idempotency (created_at);

DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['pauses', 'idempotency', 'workers'] LOOP
        EXECUTE format('ALTER TABLE wharf.%I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE wharf.%I FORCE ROW LEVEL SECURITY', tab);
        EXECUTE format('CREATE POLICY definer ON wharf.%I TO wharf_owner USING (true) WITH CHECK (true)', tab);
    END LOOP;
    -- Workers belong to no tenant: they are reached through functions only.
    FOREACH tab IN ARRAY ARRAY['pauses', 'idempotency'] LOOP
        EXECUTE format(
            'CREATE POLICY tenant ON wharf.%I TO wharf_app USING (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid)) '
            'WITH CHECK (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid))', tab);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON wharf.idempotency TO wharf_app;
GRANT SELECT ON wharf.pauses TO wharf_app;
GRANT SELECT (admitted, raised), UPDATE (admitted, raised) ON wharf.jobs TO wharf_dispatch;
-- Which objects of the storage have a row: the dispatcher sees the numbers of uploads and nothing else of them.
CREATE POLICY dispatch ON wharf.uploads FOR SELECT TO wharf_dispatch USING (true);
GRANT SELECT (id) ON wharf.uploads TO wharf_dispatch;
