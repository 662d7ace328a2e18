-- Keys and tenants: what happens before a tenant is known, and what the platform's owner may do.

CREATE FUNCTION wharf.find_key(wanted text)
RETURNS TABLE (id uuid, tenant_id uuid, tenant_name text, schema_name text, digest bytea, role text, project_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, k.tenant_id, t.name, t.schema_name, k.digest, k.role, k.project_id
    FROM wharf.api_keys k LEFT JOIN wharf.tenants t ON t.id = k.tenant_id
    WHERE k.prefix = wanted AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
$$;

CREATE FUNCTION wharf.create_tenant(new_id uuid, new_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text := 't_' || replace(new_id::text, '-', '');
BEGIN
    INSERT INTO wharf.tenants (id, name, schema_name) VALUES (new_id, new_name, place);
    INSERT INTO wharf.projects (tenant_id, slug) VALUES (new_id, 'default');
    EXECUTE format('CREATE SCHEMA %I', place);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO wharf_app, wharf_loader', place);
END $$;

CREATE FUNCTION wharf.list_tenants()
RETURNS TABLE (id uuid, name text, limits jsonb, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.id, t.name, t.limits, t.created_at FROM wharf.tenants t ORDER BY t.name
$$;

CREATE FUNCTION wharf.create_key(
    new_id uuid, of_tenant text, new_prefix text, new_digest bytea, new_name text, new_role text,
    in_project text, until timestamptz)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner uuid;
BEGIN
    IF of_tenant IS NOT NULL THEN
        SELECT t.id INTO owner FROM wharf.tenants t WHERE t.name = of_tenant;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
    END IF;
    INSERT INTO wharf.api_keys (id, tenant_id, prefix, digest, name, role, project_id, expires_at)
    VALUES (new_id, owner, new_prefix, new_digest, new_name, new_role, in_project, until)
    ON CONFLICT (prefix) DO NOTHING;
    RETURN true;
END $$;

CREATE FUNCTION wharf.list_keys()
RETURNS TABLE (id uuid, tenant text, name text, role text, prefix text, project_id text,
               created_at timestamptz, expires_at timestamptz, revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, t.name, k.name, k.role, k.prefix, k.project_id, k.created_at, k.expires_at, k.revoked_at
    FROM wharf.api_keys k LEFT JOIN wharf.tenants t ON t.id = k.tenant_id
$$;

CREATE FUNCTION wharf.revoke_key(wanted uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = wanted RETURNING true
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA wharf FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA wharf TO wharf_app;
