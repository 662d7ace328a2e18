-- A row that is changed is a new row beside the old one. Where its page has room for it, no index is written, and what the
-- old one took is free again with the next one that changes: docs/decisions/0025.
-- `definition`: the dataset's; without a key no row is ever changed, and a profile may say that none is.
CREATE FUNCTION wharf.leave_room(place text, tab text, definition jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changes boolean := jsonb_array_length(coalesce(definition -> 'key', '[]')) > 0 AND coalesce((definition ->> 'room_for_changes')::boolean, true);
BEGIN
    EXECUTE format('ALTER TABLE %I.%I SET (fillfactor = %s)', place, tab, CASE WHEN changes THEN 50 ELSE 100 END);
END $$;

DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT d.schema_name, d.table_name, d.definition FROM wharf.datasets d LOOP
        PERFORM wharf.leave_room(found.schema_name, found.table_name, found.definition);
    END LOOP;
END $$;

-- As before, and with room for changes, from the beginning or when its profile says otherwise later.
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
        PERFORM wharf.leave_room(place, tab, definition);
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
    IF coalesce(there ->> 'room_for_changes', 'true') <> coalesce(definition ->> 'room_for_changes', 'true') THEN
        PERFORM wharf.leave_room(place, tab, definition);
        UPDATE wharf.datasets d SET definition = d.definition || jsonb_build_object('room_for_changes', ensure_dataset.definition -> 'room_for_changes')
        WHERE d.tenant_id = tenant AND d.profile = of_profile;
    END IF;
    PERFORM wharf.make_door(place, tab); -- a ledger that was moved to such a server has datasets without one
    RETURN place;
END $$;

REVOKE EXECUTE ON FUNCTION wharf.leave_room FROM PUBLIC;
