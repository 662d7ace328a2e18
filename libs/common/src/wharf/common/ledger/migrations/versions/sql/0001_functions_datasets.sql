-- Tables of the tenants' own. Their definition comes as JSON; names are checked and quoted here, types come from a list.

CREATE FUNCTION wharf.column_type(kind text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE kind
        WHEN 'text' THEN 'text' WHEN 'integer' THEN 'bigint' WHEN 'decimal' THEN 'numeric'
        WHEN 'timestamp' THEN 'timestamptz' WHEN 'boolean' THEN 'boolean' WHEN 'list' THEN 'text[]' END;
END $$;

CREATE FUNCTION wharf.column_list(definition jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    listed text;
BEGIN
    IF EXISTS (SELECT FROM jsonb_array_elements(definition -> 'columns') c
               WHERE c ->> 'name' !~ '^[a-z][a-z0-9_]{0,62}$' OR wharf.column_type(c ->> 'type') IS NULL) THEN
        RAISE EXCEPTION 'a column of this profile has no usable name or type';
    END IF;
    SELECT string_agg(format('%I %s', c ->> 'name', wharf.column_type(c ->> 'type')), ', ' ORDER BY nth)
    INTO listed FROM jsonb_array_elements(definition -> 'columns') WITH ORDINALITY AS e (c, nth);
    RETURN listed;
END $$;

CREATE FUNCTION wharf.tenant_schema() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text;
BEGIN
    SELECT schema_name INTO place FROM wharf.tenants WHERE id = NULLIF(current_setting('wharf.tenant', true), '')::uuid;
    IF place IS NULL THEN
        RAISE EXCEPTION 'no tenant is set in this transaction';
    END IF;
    RETURN place;
END $$;

-- Row security of a table in a tenant's schema.
CREATE FUNCTION wharf.protect(place text, tab text, tenant uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', place, tab);
    EXECUTE format('ALTER TABLE %I.%I FORCE ROW LEVEL SECURITY', place, tab);
    EXECUTE format(
        'CREATE POLICY tenant ON %I.%I TO wharf_app '
        'USING (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid)) '
        'WITH CHECK (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid))', place, tab);
END $$;

CREATE FUNCTION wharf.ensure_dataset(of_profile text, definition jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text := wharf.tenant_schema();
    tenant uuid := current_setting('wharf.tenant')::uuid;
    tab text := of_profile;
    key_columns text;
BEGIN
    IF of_profile !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'a profile needs a name of a-z, 0-9 and _';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(place || '.' || tab, 0));
    IF EXISTS (SELECT FROM wharf.datasets d WHERE d.tenant_id = tenant AND d.profile = of_profile) THEN
        RETURN place;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I.%I (tenant_id uuid NOT NULL DEFAULT %L, project_id text NOT NULL, %s, properties jsonb, '
        '_import_id uuid NOT NULL, _line bigint NOT NULL)', place, tab, tenant, wharf.column_list(definition));
    SELECT string_agg(quote_ident(k), ', ' ORDER BY nth) INTO key_columns
    FROM jsonb_array_elements_text(definition -> 'key') WITH ORDINALITY AS e (k, nth);
    IF key_columns IS NOT NULL THEN
        EXECUTE format('CREATE UNIQUE INDEX %I ON %I.%I (project_id, %s) NULLS NOT DISTINCT', tab || '_key', place, tab, key_columns);
    END IF;
    PERFORM wharf.protect(place, tab, tenant);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO wharf_app', place, tab);
    EXECUTE format('GRANT INSERT ON %I.%I TO wharf_loader', place, tab);
    INSERT INTO wharf.datasets (tenant_id, profile, schema_name, table_name, definition) VALUES (tenant, of_profile, place, tab, definition);
    RETURN place;
END $$;

-- One staging table for one import: unlogged, since the upload is the durable copy of what is in it.
CREATE FUNCTION wharf.create_staging(import uuid, definition jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text := wharf.tenant_schema();
    tenant uuid := current_setting('wharf.tenant')::uuid;
    tab text := 'staging_' || replace(import::text, '-', '');
BEGIN
    IF to_regclass(format('%I.%I', place, tab)) IS NULL THEN
        EXECUTE format(
            'CREATE UNLOGGED TABLE %I.%I (%s, properties jsonb, _line bigint NOT NULL, _rejected_at bigint, '
            'tenant_id uuid NOT NULL DEFAULT %L) WITH (autovacuum_enabled = off)', place, tab, wharf.column_list(definition), tenant);
        PERFORM wharf.protect(place, tab, tenant);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON %I.%I TO wharf_app', place, tab);
        EXECUTE format('GRANT INSERT ON %I.%I TO wharf_loader', place, tab);
    END IF;
    RETURN format('%I.%I', place, tab);
END $$;

CREATE FUNCTION wharf.drop_staging(import uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I.%I', wharf.tenant_schema(), 'staging_' || replace(import::text, '-', ''));
END $$;

-- Staging tables of imports none of whose jobs can run any more (a worker that died for good left them).
CREATE FUNCTION wharf.sweep_staging() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
    dropped bigint := 0;
BEGIN
    SET LOCAL lock_timeout = '200ms';
    FOR found IN
        SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN wharf.tenants t ON t.schema_name = n.nspname
        WHERE c.relkind = 'r' AND c.relname ~ '^staging_[0-9a-f]{32}$' AND NOT EXISTS (
            SELECT FROM wharf.jobs j
            WHERE j.tenant_id = t.id AND j.status IN ('queued', 'running', 'retrying', 'cancelling')
              AND j.payload ->> 'import_id' = substr(c.relname, 9)::uuid::text)
    LOOP
        BEGIN
            EXECUTE format('DROP TABLE IF EXISTS %I.%I', found.nspname, found.relname);
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            -- A worker that has lost its lease still holds it; the next sweep finds it again.
            NULL;
        END;
    END LOOP;
    RETURN dropped;
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA wharf FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.ensure_dataset, wharf.create_staging, wharf.drop_staging TO wharf_app;
GRANT EXECUTE ON FUNCTION wharf.sweep_staging TO wharf_dispatch;
