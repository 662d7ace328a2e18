-- Whether a tenant gives its figures to the comparison with other tenants, and so takes part in it.
ALTER TABLE wharf.tenants ADD COLUMN shares_benchmarks boolean NOT NULL DEFAULT false;

-- The last calculation of a tenant's benchmarks: when it was, over which time, over how many projects.
CREATE TABLE wharf.benchmark_runs (
    tenant_id uuid NOT NULL DEFAULT NULLIF(current_setting('wharf.tenant', true), '')::uuid REFERENCES wharf.tenants (id),
    profile text NOT NULL,
    as_of timestamptz NOT NULL DEFAULT now(),
    period_from timestamptz NOT NULL,
    period_to timestamptz NOT NULL,
    projects bigint NOT NULL,
    PRIMARY KEY (tenant_id, profile)
);

-- What each project has: its own value of a metric of a category or product.
CREATE TABLE wharf.benchmark_values (
    tenant_id uuid NOT NULL DEFAULT NULLIF(current_setting('wharf.tenant', true), '')::uuid REFERENCES wharf.tenants (id),
    profile text NOT NULL,
    project_id text NOT NULL,
    level text NOT NULL,
    name text NOT NULL,
    metric text NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (tenant_id, profile, project_id, level, name, metric)
);

-- Quartiles over the tenant's projects that have one; `projects` says over how many.
CREATE TABLE wharf.benchmarks (
    tenant_id uuid NOT NULL DEFAULT NULLIF(current_setting('wharf.tenant', true), '')::uuid REFERENCES wharf.tenants (id),
    profile text NOT NULL,
    level text NOT NULL,
    name text NOT NULL,
    metric text NOT NULL,
    projects bigint NOT NULL,
    q1 double precision NOT NULL,
    median double precision NOT NULL,
    q3 double precision NOT NULL,
    PRIMARY KEY (tenant_id, profile, level, name, metric)
);

-- What a tenant that shares has as a whole. `peer` is how other tenants would call it; `weight` is its amount.
CREATE TABLE wharf.benchmark_shares (
    tenant_id uuid NOT NULL DEFAULT NULLIF(current_setting('wharf.tenant', true), '')::uuid REFERENCES wharf.tenants (id),
    profile text NOT NULL,
    level text NOT NULL,
    name text NOT NULL,
    metric text NOT NULL,
    peer text NOT NULL,
    value double precision NOT NULL,
    weight double precision NOT NULL,
    PRIMARY KEY (tenant_id, profile, level, name, metric)
);

-- Quartiles over tenants: nobody's rows, and only of what enough of them have.
CREATE TABLE wharf.benchmark_pool (
    profile text NOT NULL,
    level text NOT NULL,
    peer text NOT NULL,
    metric text NOT NULL,
    tenants bigint NOT NULL,
    q1 double precision NOT NULL,
    median double precision NOT NULL,
    q3 double precision NOT NULL,
    as_of timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (profile, level, peer, metric)
);

DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['benchmark_runs', 'benchmark_values', 'benchmarks', 'benchmark_shares'] LOOP
        EXECUTE format(
            'CREATE POLICY tenant ON wharf.%I TO wharf_app USING (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid)) '
            'WITH CHECK (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid))', tab);
        EXECUTE format('GRANT SELECT, INSERT, DELETE ON wharf.%I TO wharf_app', tab);
    END LOOP;
    FOREACH tab IN ARRAY ARRAY['benchmark_runs', 'benchmark_values', 'benchmarks', 'benchmark_shares', 'benchmark_pool'] LOOP
        EXECUTE format('ALTER TABLE wharf.%I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE wharf.%I FORCE ROW LEVEL SECURITY', tab);
    END LOOP;
END $$;
-- Shares of all tenants are seen by the function that pools them, and by nobody else.
CREATE POLICY definer ON wharf.benchmark_shares TO wharf_owner USING (true) WITH CHECK (true);
CREATE POLICY definer ON wharf.benchmark_pool TO wharf_owner USING (true) WITH CHECK (true);
-- Who gives nothing sees nothing.
CREATE POLICY sharing ON wharf.benchmark_pool FOR SELECT TO wharf_app
    USING ((SELECT t.shares_benchmarks FROM wharf.tenants t
            WHERE t.id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid)));
GRANT SELECT ON wharf.benchmark_pool TO wharf_app;

-- A project's own values beside the quartiles of the tenant's projects, and beside those of the tenants that share.
CREATE VIEW wharf.benchmark_rows WITH (security_invoker = true) AS
    SELECT v.tenant_id, v.profile, v.project_id, v.level, v.name, v.metric, v.value, b.projects, b.q1, b.median, b.q3,
           p.tenants, CASE WHEN p.tenants IS NOT NULL THEN s.value END AS tenant_value,
           p.q1 AS tenants_q1, p.median AS tenants_median, p.q3 AS tenants_q3, p.as_of AS tenants_as_of,
           r.as_of, r.period_from, r.period_to
    FROM wharf.benchmark_values v
    JOIN wharf.benchmark_runs r ON r.tenant_id = v.tenant_id AND r.profile = v.profile
    LEFT JOIN wharf.benchmarks b ON b.tenant_id = v.tenant_id AND b.profile = v.profile AND b.level = v.level
                                    AND b.name = v.name AND b.metric = v.metric
    LEFT JOIN wharf.benchmark_shares s ON s.tenant_id = v.tenant_id AND s.profile = v.profile AND s.level = v.level
                                          AND s.name = v.name AND s.metric = v.metric
    LEFT JOIN wharf.benchmark_pool p ON p.profile = s.profile AND p.level = s.level AND p.peer = s.peer AND p.metric = s.metric;
GRANT SELECT ON wharf.benchmark_rows TO wharf_app;

-- Two significant digits: with few tenants a quartile is one tenant's number.
CREATE FUNCTION wharf.rough(exact double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN exact = 0 THEN 0 ELSE round(exact::numeric, 1 - floor(log(abs(exact)))::integer)::double precision END
$$;

-- The transaction's tenant takes part from the next calculation on, or no more: then what it gave is gone at once.
CREATE FUNCTION wharf.share_benchmarks(wanted boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid := NULLIF(current_setting('wharf.tenant', true), '')::uuid;
BEGIN
    UPDATE wharf.tenants SET shares_benchmarks = wanted WHERE id = tenant AND id <> '00000000-0000-0000-0000-000000000000';
    IF NOT wanted THEN
        DELETE FROM wharf.benchmark_shares WHERE tenant_id = tenant;
    END IF;
    RETURN wanted;
END $$;

-- Compare the tenants that share: only what at least five of them have, of whom none has more than half of it all. These numbers
-- are no parameters, so that no caller can lower them.
CREATE FUNCTION wharf.pool_benchmarks(of_profile text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pooled bigint;
BEGIN
    DELETE FROM wharf.benchmark_pool WHERE profile = of_profile;
    INSERT INTO wharf.benchmark_pool (profile, level, peer, metric, tenants, q1, median, q3)
    SELECT of_profile, found.level, found.peer, found.metric, found.tenants,
           wharf.rough(found.q[1]), wharf.rough(found.q[2]), wharf.rough(found.q[3])
    FROM (
        SELECT one.level, one.peer, one.metric, count(*) AS tenants,
               percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY one.value) AS q
        FROM (
            -- Where one tenant has several of a name, its largest stands for it.
            SELECT DISTINCT ON (s.tenant_id, s.level, s.peer, s.metric) s.level, s.peer, s.metric, s.value, s.weight
            FROM wharf.benchmark_shares s JOIN wharf.tenants t ON t.id = s.tenant_id AND t.shares_benchmarks
            WHERE s.profile = of_profile
            ORDER BY s.tenant_id, s.level, s.peer, s.metric, s.weight DESC, s.name) one
        GROUP BY one.level, one.peer, one.metric
        HAVING count(*) >= 5 AND max(one.weight) <= 0.5 * sum(one.weight)) found;
    GET DIAGNOSTICS pooled = ROW_COUNT;
    RETURN pooled;
END $$;

REVOKE EXECUTE ON FUNCTION wharf.rough, wharf.share_benchmarks, wharf.pool_benchmarks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.share_benchmarks, wharf.pool_benchmarks TO wharf_app;
