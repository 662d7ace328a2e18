-- Imports that write their rows straight into a dataset, part by part: until their row here is deleted nobody sees them.
-- `moved`: another import needed a key of theirs, and has put the rows into the staging table of the one that wrote them.
CREATE TABLE wharf.unfinished (
    import_id uuid PRIMARY KEY REFERENCES wharf.imports (id),
    tenant_id uuid NOT NULL DEFAULT NULLIF(current_setting('wharf.tenant', true), '')::uuid REFERENCES wharf.tenants (id),
    job_id uuid NOT NULL,
    profile text NOT NULL,
    project_id text NOT NULL,
    numbered text[] NOT NULL DEFAULT '{}',
    moved boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_unfinished_dataset ON wharf.unfinished (tenant_id, profile, project_id);
ALTER TABLE wharf.unfinished ENABLE ROW LEVEL SECURITY;
ALTER TABLE wharf.unfinished FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON wharf.unfinished TO wharf_app
    USING (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON wharf.unfinished TO wharf_app;

-- Rows that are not finished are shown only to one that asks for them.
CREATE FUNCTION wharf.hide_unfinished(place text, tab text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format(
        'CREATE POLICY finished ON %I.%I AS RESTRICTIVE FOR SELECT TO wharf_app '
        'USING ((SELECT current_setting(''wharf.unfinished'', true)) = ''shown'' '
        'OR _import_id <> ALL (ARRAY(SELECT u.import_id FROM wharf.unfinished u)))', place, tab);
END $$;

DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT schema_name, table_name FROM wharf.datasets LOOP
        PERFORM wharf.hide_unfinished(found.schema_name, found.table_name);
    END LOOP;
END $$;

-- As before, and its unfinished rows are hidden.
CREATE OR REPLACE FUNCTION wharf.make_dataset(place text, tab text, tenant uuid, definition jsonb) RETURNS void
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
    PERFORM wharf.hide_unfinished(place, tab);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO wharf_app', place, tab);
    EXECUTE format('GRANT INSERT ON %I.%I TO wharf_loader', place, tab);
END $$;

REVOKE EXECUTE ON FUNCTION wharf.hide_unfinished FROM PUBLIC;
