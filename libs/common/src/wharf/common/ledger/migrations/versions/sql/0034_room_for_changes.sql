-- A row that is changed is a new row beside the old one. Where its page has room for it, no index is written, and what the
-- old one took is free again with the next one that changes: docs/decisions/0025.
CREATE FUNCTION wharf.leave_room(place text, tab text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I.%I SET (fillfactor = 50)', place, tab);
END $$;

DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT schema_name, table_name FROM wharf.datasets WHERE jsonb_array_length(definition -> 'key') > 0 LOOP
        PERFORM wharf.leave_room(found.schema_name, found.table_name);
    END LOOP;
END $$;

-- As before, and with room for changes where rows can be changed.
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
        PERFORM wharf.leave_room(place, tab);
    END IF;
    PERFORM wharf.protect(place, tab, tenant);
    PERFORM wharf.hide_unfinished(place, tab);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO wharf_app', place, tab);
    EXECUTE format('GRANT INSERT ON %I.%I TO wharf_loader', place, tab);
END $$;

REVOKE EXECUTE ON FUNCTION wharf.leave_room FROM PUBLIC;
