-- As before, but a part that did not complete ends those of its own division only: its job may have been tried again
-- meanwhile, and divided anew, while this one was still stopping.
CREATE OR REPLACE FUNCTION wharf.part_ended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM wharf.jobs WHERE id = NEW.parent_id FOR UPDATE;
    IF NEW.status <> 'completed' THEN
        -- One that somebody holds is about to end by itself; or it sees by its parent that nobody needs it.
        PERFORM wharf.cancel_parts(ARRAY(
            SELECT id FROM wharf.jobs WHERE parent_id = NEW.parent_id AND part IS NOT NULL
              AND payload ->> 'generation' IS NOT DISTINCT FROM NEW.payload ->> 'generation'
              AND status IN ('queued', 'retrying', 'running') FOR UPDATE SKIP LOCKED));
    END IF;
    IF NOT wharf.has_parts_to_do(NEW.parent_id) THEN
        UPDATE wharf.jobs SET status = 'queued', waits = false, available_at = clock_timestamp()
        WHERE id = NEW.parent_id AND waits AND status = 'running';
        PERFORM pg_notify('wharf_dispatch', '');
    END IF;
    RETURN NULL;
END $$;
