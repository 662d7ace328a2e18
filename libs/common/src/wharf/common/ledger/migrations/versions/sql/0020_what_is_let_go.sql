-- An object whose row says that it is gone is nobody's: who looks for such objects has to see that.
GRANT SELECT (removed_at) ON wharf.uploads TO wharf_dispatch;

-- As before, but nobody who takes his word back waits for a calculation: the shares that it holds it deletes itself, and
-- what it is about to give goes before tenants are compared.
CREATE OR REPLACE FUNCTION wharf.share_benchmarks(wanted boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid := NULLIF(current_setting('wharf.tenant', true), '')::uuid;
BEGIN
    UPDATE wharf.tenants SET shares_benchmarks = wanted WHERE id = tenant AND id <> '00000000-0000-0000-0000-000000000000';
    IF NOT wanted THEN
        DELETE FROM wharf.benchmark_shares WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM wharf.benchmark_shares WHERE tenant_id = tenant FOR UPDATE SKIP LOCKED));
    END IF;
    RETURN wanted;
END $$;

-- As before, but first of all goes what a tenant gave while it took its word back.
CREATE OR REPLACE FUNCTION wharf.pool_benchmarks(of_profile text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pooled bigint;
BEGIN
    DELETE FROM wharf.benchmark_shares s USING wharf.tenants t WHERE t.id = s.tenant_id AND NOT t.shares_benchmarks;
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

-- As before, but some at a time: after days without a dispatcher there may be more than it may wait for.
CREATE OR REPLACE FUNCTION wharf.forget_old() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM wharf.idempotency WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM wharf.idempotency WHERE created_at < now() - interval '24 hours' LIMIT 2000 FOR UPDATE SKIP LOCKED));
    DELETE FROM wharf.workers WHERE seen_at < now() - interval '1 hour'
$$;

DROP FUNCTION wharf.known_tenants(uuid[]); -- contract: since it was made (0013) no version has called it
