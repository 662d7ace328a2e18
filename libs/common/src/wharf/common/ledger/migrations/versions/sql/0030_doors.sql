-- COPY does not go into a table with row security, but for a role that bypasses it; many hosted servers let nobody make
-- one. There each table that is loaded gets a door: a partitioned table whose only partition it is. Row security is that of
-- the table that a statement names: the loader may insert by the door and has no right to read by it, and everybody else
-- meets the table itself, with its policies. Where the loader bypasses row security there are no doors.
CREATE FUNCTION wharf.make_door(place text, tab text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    door text := format('%I.%I', place, '_in_' || tab);
    room text := format('%I.%I', place, tab);
    few text;
BEGIN
    IF to_regclass(door) IS NOT NULL OR (SELECT r.rolbypassrls FROM pg_roles r WHERE r.rolname = 'wharf_loader') THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS) PARTITION BY LIST (tenant_id)', door, room);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s DEFAULT', door, room);
    -- Nobody reads by it, its owner neither: the rows behind it are of whom a transaction names.
    EXECUTE format('REVOKE ALL ON %s FROM wharf_owner, wharf_backup', door);
    -- The same right as behind it: into a tenant's table all columns, among rejects not the tenant's.
    IF NOT has_table_privilege('wharf_loader', room, 'INSERT') THEN
        SELECT format('(%s)', string_agg(quote_ident(a.attname), ', ')) INTO few FROM pg_attribute a
        WHERE a.attrelid = room::regclass AND has_column_privilege('wharf_loader', room, a.attname, 'INSERT')
          AND a.attnum > 0 AND NOT a.attisdropped;
    END IF;
    EXECUTE format('GRANT INSERT %s ON %s TO wharf_loader', few, door);
END $$;

-- The table whose columns are to be altered: a partition has those of its door.
CREATE FUNCTION wharf.frame_of(place text, tab text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%I.%I', place, CASE WHEN to_regclass(format('%I.%I', place, '_in_' || tab)) IS NULL THEN tab ELSE '_in_' || tab END)
$$;

-- As before, and with its door.
CREATE OR REPLACE FUNCTION wharf.ensure_dataset(of_profile text, definition jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text := wharf.tenant_schema();
    tenant uuid := current_setting('wharf.tenant')::uuid;
    tab text := of_profile;
    there jsonb;
    missing jsonb;
BEGIN
    IF of_profile !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'a profile needs a name of a-z, 0-9 and _';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(place || '.' || tab, 0));
    SELECT d.definition INTO there FROM wharf.datasets d WHERE d.tenant_id = tenant AND d.profile = of_profile;
    IF there IS NULL THEN
        PERFORM wharf.make_dataset(place, tab, tenant, definition);
        INSERT INTO wharf.datasets (tenant_id, profile, schema_name, table_name, definition)
        VALUES (tenant, of_profile, place, tab, definition);
        PERFORM wharf.make_door(place, tab);
        RETURN place;
    END IF;
    IF coalesce(there -> 'key', '[]') <> coalesce(definition -> 'key', '[]') OR EXISTS (
        SELECT FROM jsonb_array_elements(definition -> 'columns') n
        JOIN jsonb_array_elements(there -> 'columns') o ON o ->> 'name' = n ->> 'name'
        WHERE o ->> 'type' <> n ->> 'type'
    ) THEN
        RAISE EXCEPTION 'the dataset % has another key, or a column of another type', of_profile USING ERRCODE = 'WH001';
    END IF;
    SELECT jsonb_agg(n ORDER BY nth) INTO missing FROM jsonb_array_elements(definition -> 'columns') WITH ORDINALITY AS e (n, nth)
    WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(there -> 'columns') o WHERE o ->> 'name' = n ->> 'name');
    IF missing IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s ADD COLUMN %s', wharf.frame_of(place, tab),
                       replace(wharf.column_list(jsonb_build_object('columns', missing)), ', ', ', ADD COLUMN '));
        UPDATE wharf.datasets d SET definition = jsonb_set(there, '{columns}', (there -> 'columns') || missing)
        WHERE d.tenant_id = tenant AND d.profile = of_profile;
    END IF;
    PERFORM wharf.make_door(place, tab); -- a ledger that was moved to such a server has datasets without one
    RETURN place;
END $$;

CREATE FUNCTION wharf.drop_with_door(place text, tab text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I.%I, %I.%I', place, '_in_' || tab, place, tab); -- contract: no job needs it any more
END $$;

CREATE OR REPLACE FUNCTION wharf.create_staging(import uuid, definition jsonb) RETURNS text
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
    PERFORM wharf.make_door(place, tab);
    RETURN format('%I.%I', place, tab);
END $$;

CREATE OR REPLACE FUNCTION wharf.drop_staging(import uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM wharf.drop_with_door(wharf.tenant_schema(), 'staging_' || replace(import::text, '-', ''));
END $$;

-- Staging tables that no job comes back for; those of a dry run that completed stay for as long as `keep` says.
CREATE OR REPLACE FUNCTION wharf.drop_staging_older(keep interval, most bigint, trial boolean) RETURNS bigint
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
                PERFORM wharf.drop_with_door(found.nspname, found.relname);
            END IF;
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            -- A worker that has lost its lease still holds it; the next sweep finds it again.
            NULL;
        END;
    END LOOP;
    RETURN dropped;
END $$;

REVOKE EXECUTE ON FUNCTION wharf.make_door, wharf.frame_of, wharf.drop_with_door FROM PUBLIC;
