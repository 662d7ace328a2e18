-- Work that begins by itself. `adjusted`: somebody has changed a built-in one, so no new version changes it back.
CREATE TABLE wharf.schedules (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES wharf.tenants (id),
    project_id text NOT NULL,
    name text NOT NULL,
    cron text,
    interval_seconds bigint,
    time_zone text NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}'::jsonb,
    queue text NOT NULL,
    priority smallint NOT NULL,
    enabled boolean NOT NULL,
    overlap text NOT NULL CHECK (overlap IN ('skip', 'queue', 'replace')),
    misfire text NOT NULL CHECK (misfire IN ('run_once', 'skip')),
    grace_seconds bigint NOT NULL,
    next_at timestamptz,
    builtin boolean NOT NULL DEFAULT false,
    adjusted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name),
    CHECK ((cron IS NULL) <> (interval_seconds IS NULL)),
    CHECK (enabled = (next_at IS NOT NULL))
) WITH (fillfactor = 80);
-- All that a tick asks when nothing is due, however many there are.
CREATE INDEX ix_schedules_due ON wharf.schedules (next_at) WHERE enabled;

-- The key is what makes any number of schedulers safe: an occurrence is had once.
CREATE TABLE wharf.schedule_runs (
    schedule_id uuid NOT NULL REFERENCES wharf.schedules (id) ON DELETE CASCADE,
    scheduled_for timestamptz NOT NULL,
    tenant_id uuid NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('started', 'waiting', 'skipped', 'missed')),
    manual boolean NOT NULL DEFAULT false,
    job_id uuid,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schedule_id, scheduled_for)
);
CREATE INDEX ix_schedule_runs_jobs ON wharf.schedule_runs (schedule_id, scheduled_for DESC) WHERE job_id IS NOT NULL;
CREATE INDEX ix_schedule_runs_waiting ON wharf.schedule_runs (schedule_id, scheduled_for) WHERE outcome = 'waiting';

DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['schedules', 'schedule_runs'] LOOP
        EXECUTE format('ALTER TABLE wharf.%I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE wharf.%I FORCE ROW LEVEL SECURITY', tab);
        EXECUTE format(
            'CREATE POLICY tenant ON wharf.%I TO wharf_app USING (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid)) '
            'WITH CHECK (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid))', tab);
        EXECUTE format('CREATE POLICY definer ON wharf.%I TO wharf_owner USING (true) WITH CHECK (true)', tab);
        EXECUTE format('CREATE POLICY dispatch ON wharf.%I TO wharf_dispatch USING (true) WITH CHECK (true)', tab);
    END LOOP;
END $$;
-- The work of a package is told by its tenant's own type, as it is when the work begins.
CREATE POLICY definer ON wharf.own_package_types FOR SELECT TO wharf_owner USING (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON wharf.schedules TO wharf_app;
GRANT SELECT, INSERT, UPDATE ON wharf.schedule_runs TO wharf_app;
-- The scheduler sees when, and asks `wharf.schedules_at_work` what. It writes jobs, and still reads no payload of one.
GRANT SELECT (id, next_at, enabled), UPDATE (next_at, enabled) ON wharf.schedules TO wharf_dispatch;
GRANT SELECT, INSERT, UPDATE (outcome, job_id) ON wharf.schedule_runs TO wharf_dispatch;
GRANT INSERT (id, tenant_id, project_id, kind, queue, priority, status, label, parent_id, payload, max_attempts, progress,
              request_id, available_at, admitted) ON wharf.jobs TO wharf_dispatch;
GRANT UPDATE (cancel_requested_at) ON wharf.jobs TO wharf_dispatch;
GRANT EXECUTE ON FUNCTION wharf.room TO wharf_dispatch;

-- The installation as a tenant, for jobs that are nobody's: it has no keys, no schema, and no list shows it.
INSERT INTO wharf.tenants (id, name, schema_name)
VALUES ('00000000-0000-0000-0000-000000000000', '_installation', 't_installation');

CREATE OR REPLACE FUNCTION wharf.list_tenants()
RETURNS TABLE (id uuid, name text, limits jsonb, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.id, t.name, t.limits, t.created_at FROM wharf.tenants t
    WHERE t.id <> '00000000-0000-0000-0000-000000000000' ORDER BY t.name
$$;

CREATE OR REPLACE FUNCTION wharf.set_limits(of_name text, wanted jsonb) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_notify('wharf_dispatch', '');
    UPDATE wharf.tenants SET limits = jsonb_strip_nulls(limits || wanted)
    WHERE name = of_name AND id <> '00000000-0000-0000-0000-000000000000' RETURNING true
$$;

-- The jobs of a schedule that have not ended, of its newest twenty.
CREATE FUNCTION wharf.live_jobs_of(schedule uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(j.id), '{}') FROM (
        SELECT r.job_id FROM wharf.schedule_runs r WHERE r.schedule_id = schedule AND r.job_id IS NOT NULL
        ORDER BY r.scheduled_for DESC LIMIT 20) newest
    JOIN wharf.jobs j ON j.id = newest.job_id WHERE j.status IN ('queued', 'running', 'retrying', 'cancelling')
$$;

-- What schedules whose time has come are about.
CREATE FUNCTION wharf.schedules_at_work(wanted uuid[])
RETURNS TABLE (id uuid, tenant_id uuid, project_id text, name text, cron text, interval_seconds bigint, time_zone text, kind text,
               payload jsonb, declaration jsonb, queue text, priority smallint, overlap text, misfire text, grace_seconds bigint,
               builtin boolean, next_at timestamptz, live uuid[], waiting bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.id, s.tenant_id, s.project_id, s.name, s.cron, s.interval_seconds, s.time_zone, s.kind, s.payload,
           (SELECT t.declaration FROM wharf.own_package_types t
            WHERE s.kind = 'package' AND t.tenant_id = s.tenant_id AND t.name = s.payload ->> 'package_type'),
           s.queue, s.priority, s.overlap, s.misfire, s.grace_seconds, s.builtin, s.next_at, wharf.live_jobs_of(s.id),
           (SELECT count(*) FROM wharf.schedule_runs r WHERE r.schedule_id = s.id AND r.outcome = 'waiting')
    FROM wharf.schedules s WHERE s.id = ANY (wanted)
$$;

-- A built-in schedule as this version declares it; true where something was written.
CREATE FUNCTION wharf.declare_schedule(declared jsonb) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO wharf.schedules AS there (id, tenant_id, project_id, name, cron, time_zone, kind, payload, queue, priority, enabled,
                                          overlap, misfire, grace_seconds, next_at, builtin)
    SELECT d.id, '00000000-0000-0000-0000-000000000000', 'default', d.name, d.cron, d.time_zone, d.kind, d.payload, d.queue,
           d.priority, true, d.overlap, d.misfire, d.grace_seconds, d.next_at, true
    FROM jsonb_to_record(declared) AS d (id uuid, name text, cron text, time_zone text, kind text, payload jsonb, queue text,
                                         priority smallint, overlap text, misfire text, grace_seconds bigint, next_at timestamptz)
    ON CONFLICT (tenant_id, name) DO UPDATE
    SET cron = excluded.cron, time_zone = excluded.time_zone, kind = excluded.kind, payload = excluded.payload,
        queue = excluded.queue, overlap = excluded.overlap, misfire = excluded.misfire, grace_seconds = excluded.grace_seconds,
        next_at = excluded.next_at, updated_at = now()
    WHERE NOT there.adjusted
      AND (there.cron, there.time_zone, there.kind, there.payload, there.queue, there.overlap, there.misfire, there.grace_seconds)
          IS DISTINCT FROM (excluded.cron, excluded.time_zone, excluded.kind, excluded.payload, excluded.queue, excluded.overlap,
                            excluded.misfire, excluded.grace_seconds)
    RETURNING true
$$;

-- When a job of each built-in schedule was last completed.
CREATE FUNCTION wharf.schedule_successes() RETURNS TABLE (name text, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.name, done.finished_at FROM wharf.schedules s CROSS JOIN LATERAL (
        SELECT j.finished_at FROM wharf.schedule_runs r JOIN wharf.jobs j ON j.id = r.job_id
        WHERE r.schedule_id = s.id AND r.job_id IS NOT NULL AND j.status = 'completed'
        ORDER BY r.scheduled_for DESC LIMIT 1) done
    WHERE s.builtin
$$;

-- The job of the schedule `cleanup`: what is kept for a time only, with how much of it went.
CREATE FUNCTION wharf.clean_up(keep_runs interval) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    answers bigint;
    workers bigint;
    runs bigint;
BEGIN
    DELETE FROM wharf.idempotency WHERE created_at < now() - interval '24 hours';
    GET DIAGNOSTICS answers = ROW_COUNT;
    DELETE FROM wharf.workers WHERE seen_at < now() - interval '1 hour';
    GET DIAGNOSTICS workers = ROW_COUNT;
    DELETE FROM wharf.schedule_runs WHERE scheduled_for < now() - keep_runs AND outcome <> 'waiting';
    GET DIAGNOSTICS runs = ROW_COUNT;
    RETURN jsonb_build_object('answers', answers, 'workers', workers, 'schedule_runs', runs);
END $$;

REVOKE EXECUTE ON FUNCTION wharf.live_jobs_of, wharf.schedules_at_work, wharf.declare_schedule, wharf.schedule_successes,
    wharf.clean_up FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.live_jobs_of, wharf.schedules_at_work, wharf.declare_schedule, wharf.schedule_successes
    TO wharf_dispatch;
GRANT EXECUTE ON FUNCTION wharf.clean_up TO wharf_app;
