-- Journal entries that a second connection has written for a merge that has not committed: they count for nothing while their row is here.
-- No reference to the import: the merge may hold its row, and waits for the entries.
CREATE TABLE wharf.journal_drafts (
    turn bigint PRIMARY KEY,
    tenant_id uuid NOT NULL DEFAULT NULLIF(current_setting('wharf.tenant', true), '')::uuid REFERENCES wharf.tenants (id),
    import_id uuid NOT NULL,
    profile text NOT NULL,
    project_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_journal_drafts_import ON wharf.journal_drafts (import_id);
ALTER TABLE wharf.journal_drafts ENABLE ROW LEVEL SECURITY;
ALTER TABLE wharf.journal_drafts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON wharf.journal_drafts TO wharf_app
    USING (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON wharf.journal_drafts TO wharf_app;
