CREATE TABLE wharf.own_package_types (
    tenant_id uuid NOT NULL REFERENCES wharf.tenants (id),
    name text NOT NULL,
    declaration jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, name)
);
ALTER TABLE wharf.own_package_types ENABLE ROW LEVEL SECURITY;
ALTER TABLE wharf.own_package_types FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON wharf.own_package_types TO wharf_app
    USING (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON wharf.own_package_types TO wharf_app;
