-- Counting a project's rows takes as long as it has rows, and every import of a few would wait for it under the turn lock.
CREATE SEQUENCE wharf.data_updates_nth_seq;
GRANT USAGE ON SEQUENCE wharf.data_updates_nth_seq TO wharf_app;
-- First without, then with its default: accounts of before have no number, whose order nobody knows.
ALTER TABLE wharf.data_updates ADD COLUMN nth bigint;
ALTER TABLE wharf.data_updates ALTER COLUMN nth SET DEFAULT nextval('wharf.data_updates_nth_seq'); -- contract: only adds
ALTER SEQUENCE wharf.data_updates_nth_seq OWNED BY wharf.data_updates.nth;
