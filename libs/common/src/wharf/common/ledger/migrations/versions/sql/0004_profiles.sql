CREATE TABLE wharf.profiles (
    tenant_id uuid NOT NULL REFERENCES wharf.tenants (id),
    name text NOT NULL,
    declaration jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE wharf.mappings (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES wharf.tenants (id),
    profile text NOT NULL,
    fingerprint text NOT NULL,
    headers text[] NOT NULL,
    mapping jsonb NOT NULL,
    import_id uuid NOT NULL REFERENCES wharf.imports (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, profile, fingerprint)
);
CREATE INDEX ix_mappings_newest ON wharf.mappings (tenant_id, used_at DESC);

DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['profiles', 'mappings'] LOOP
        EXECUTE format('ALTER TABLE wharf.%I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE wharf.%I FORCE ROW LEVEL SECURITY', tab);
        EXECUTE format(
            'CREATE POLICY tenant ON wharf.%I TO wharf_app USING (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid)) '
            'WITH CHECK (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid))', tab);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON wharf.%I TO wharf_app', tab);
    END LOOP;
END $$;

CREATE FUNCTION wharf.make_dataset(place text, tab text, tenant uuid, definition jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key_columns text;
BEGIN
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
END $$;

-- A dataset has what its profile declares, now or at any time before: columns are added, never changed or taken away.
-- One whose key or types differ is another table; the gateway refuses such a change, and here it ends an import.
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
        EXECUTE format('ALTER TABLE %I.%I ADD COLUMN %s', place, tab,
                       replace(wharf.column_list(jsonb_build_object('columns', missing)), ', ', ', ADD COLUMN '));
        UPDATE wharf.datasets d SET definition = jsonb_set(there, '{columns}', (there -> 'columns') || missing)
        WHERE d.tenant_id = tenant AND d.profile = of_profile;
    END IF;
    RETURN place;
END $$;
REVOKE EXECUTE ON FUNCTION wharf.make_dataset FROM PUBLIC;
