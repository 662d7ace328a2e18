-- The only writer of rejects works for an import that is there, under its fence, and nothing deletes imports: looking the
-- import's row up again for each reject was a third of the time that rejects took.
ALTER TABLE wharf.rejects DROP CONSTRAINT rejects_import_id_fkey;

-- The loader copies rejects past row security. It may not name their tenant: that is always the transaction's.
ALTER TABLE wharf.rejects ALTER tenant_id SET DEFAULT NULLIF(current_setting('wharf.tenant', true), '')::uuid;
GRANT USAGE ON SCHEMA wharf TO wharf_loader;
GRANT INSERT (import_id, byte_offset, line, raw, errors) ON wharf.rejects TO wharf_loader;

-- What Wharf would have given rejected rows, such as their numbers: known only at the end, when the rejects are long
-- written, and an UPDATE would write every one of them a second time.
CREATE TABLE wharf.assigned (
    import_id uuid NOT NULL,
    byte_offset bigint NOT NULL,
    tenant_id uuid NOT NULL DEFAULT NULLIF(current_setting('wharf.tenant', true), '')::uuid,
    cells jsonb NOT NULL,
    PRIMARY KEY (import_id, byte_offset)
);
ALTER TABLE wharf.assigned ENABLE ROW LEVEL SECURITY;
ALTER TABLE wharf.assigned FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON wharf.assigned TO wharf_app
    USING (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid));
GRANT SELECT, INSERT, DELETE ON wharf.assigned TO wharf_app;
