-- When a key was last brought, or the session that was given for it: to the minute.
ALTER TABLE wharf.api_keys ADD COLUMN used_at timestamptz;

-- Whoever calls this has seen the key whole. A minute's precision is enough, and saves the writing.
CREATE FUNCTION wharf.use_key(of_key uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.api_keys k SET used_at = now()
    WHERE k.id = of_key AND (k.used_at IS NULL OR k.used_at < now() - interval '1 minute')
$$;

-- As before, and the key behind the session is used with it.
CREATE OR REPLACE FUNCTION wharf.find_session(wanted bytea, idle double precision, used boolean)
RETURNS TABLE (id uuid, tenant_id uuid, tenant_name text, role text, project_id text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT k.id, k.tenant_id, t.name, k.role, k.project_id
        FROM wharf.sessions s JOIN wharf.api_keys k ON k.id = s.key_id LEFT JOIN wharf.tenants t ON t.id = k.tenant_id
        WHERE s.digest = wanted AND s.expires_at > now() AND s.seen_at > now() - make_interval(secs => idle)
          AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
    IF FOUND AND used THEN
        UPDATE wharf.sessions s SET seen_at = now() WHERE s.digest = wanted AND s.seen_at < now() - interval '1 minute';
        PERFORM wharf.use_key((SELECT s.key_id FROM wharf.sessions s WHERE s.digest = wanted));
    END IF;
END $$;

-- A page of the keys of all tenants, newest first: for the platform, which sees no tenant's rows.
CREATE FUNCTION wharf.newest_keys(before uuid, most integer)
RETURNS TABLE (id uuid, tenant text, name text, role text, prefix text, project_id text,
               created_at timestamptz, expires_at timestamptz, revoked_at timestamptz, used_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, t.name, k.name, k.role, k.prefix, k.project_id, k.created_at, k.expires_at, k.revoked_at, k.used_at
    FROM wharf.api_keys k LEFT JOIN wharf.tenants t ON t.id = k.tenant_id
    WHERE k.id < coalesce(before, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY k.id DESC LIMIT most
$$;

-- A page of the tenants, by name.
CREATE FUNCTION wharf.tenants_after(past text, most integer)
RETURNS TABLE (id uuid, name text, limits jsonb, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.id, t.name, t.limits, t.created_at FROM wharf.tenants t
    WHERE t.id <> '00000000-0000-0000-0000-000000000000' AND t.name > coalesce(past, '')
    ORDER BY t.name LIMIT most
$$;

REVOKE EXECUTE ON FUNCTION wharf.use_key, wharf.newest_keys, wharf.tenants_after FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.use_key, wharf.newest_keys, wharf.tenants_after TO wharf_app;
