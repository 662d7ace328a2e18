-- A person's session in the console: the SHA-256 of its token, and the key that it was given for.
CREATE TABLE wharf.sessions (
    digest bytea PRIMARY KEY,
    key_id uuid NOT NULL REFERENCES wharf.api_keys (id),
    tenant_id uuid REFERENCES wharf.tenants (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX ix_sessions_expires ON wharf.sessions (expires_at);

-- Who changed what. `tenant_id` of zeros: the owner of the installation did. There is nothing here that changes or removes a line.
CREATE TABLE wharf.audit (
    id uuid PRIMARY KEY DEFAULT wharf.new_id(),
    tenant_id uuid NOT NULL REFERENCES wharf.tenants (id),
    who uuid NOT NULL,
    who_name text NOT NULL,
    role text NOT NULL,
    project_id text,
    what text NOT NULL,
    noun text NOT NULL GENERATED ALWAYS AS (split_part(what, '.', 1)) STORED,
    target text NOT NULL,
    before jsonb,
    after jsonb,
    request_id text,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_audit_newest ON wharf.audit (tenant_id, id DESC);
-- What one key did, what was done to one kind of thing or to one thing, among all that was done.
CREATE INDEX ix_audit_who ON wharf.audit (tenant_id, who, id DESC);
CREATE INDEX ix_audit_noun ON wharf.audit (tenant_id, noun, id DESC);
CREATE INDEX ix_audit_target ON wharf.audit (tenant_id, target, id DESC);

DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['sessions', 'audit'] LOOP
        EXECUTE format('ALTER TABLE wharf.%I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE wharf.%I FORCE ROW LEVEL SECURITY', tab);
        EXECUTE format(
            'CREATE POLICY tenant ON wharf.%I TO wharf_app USING (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid)) '
            'WITH CHECK (tenant_id = (SELECT NULLIF(current_setting(''wharf.tenant'', true), '''')::uuid))', tab);
    END LOOP;
END $$;
CREATE POLICY definer ON wharf.sessions TO wharf_owner USING (true) WITH CHECK (true);
-- For its owner, too, row security is forced: with a policy for new lines only, no function can change an old one.
CREATE POLICY definer ON wharf.audit FOR INSERT TO wharf_owner WITH CHECK (true);
GRANT SELECT ON wharf.audit TO wharf_app;

-- Begin one; those whose time is over go.
CREATE FUNCTION wharf.begin_session(new_digest bytea, of_key uuid, lasting double precision) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM wharf.sessions s WHERE s.expires_at < now();
    INSERT INTO wharf.sessions (digest, key_id, tenant_id, expires_at)
    SELECT new_digest, k.id, k.tenant_id, now() + make_interval(secs => lasting) FROM wharf.api_keys k WHERE k.id = of_key;
$$;

-- Whose session it is: as its key is now. `used` is false for what goes on by itself, such as a stream that looks up who reads it.
-- A minute's precision is enough, and saves the writing.
CREATE FUNCTION wharf.find_session(wanted bytea, idle double precision, used boolean)
RETURNS TABLE (id uuid, tenant_id uuid, tenant_name text, role text, project_id text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT k.id, k.tenant_id, t.name, k.role, k.project_id
        FROM wharf.sessions s JOIN wharf.api_keys k ON k.id = s.key_id LEFT JOIN wharf.tenants t ON t.id = k.tenant_id
        WHERE s.digest = wanted AND s.expires_at > now() AND s.seen_at > now() - make_interval(secs => idle)
          AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
    IF FOUND AND used THEN
        UPDATE wharf.sessions s SET seen_at = now() WHERE s.digest = wanted AND s.seen_at < now() - interval '1 minute';
    END IF;
END $$;

CREATE FUNCTION wharf.end_session(wanted bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM wharf.sessions s WHERE s.digest = wanted
$$;

-- Note a change, in its transaction. One that names its tenant can note nothing for another.
CREATE FUNCTION wharf.note(of_key uuid, of_tenant uuid, did text, to_what text, was jsonb, became jsonb, request text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(NULLIF(current_setting('wharf.tenant', true), '')::uuid, of_tenant) <> of_tenant THEN
        RAISE EXCEPTION 'a change is noted for the tenant of its transaction' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO wharf.audit (tenant_id, who, who_name, role, project_id, what, target, before, after, request_id)
    SELECT of_tenant, k.id, k.name, k.role, k.project_id, did, to_what, was, became, request
    FROM wharf.api_keys k WHERE k.id = of_key;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a change is noted with the key that made it' USING ERRCODE = 'foreign_key_violation';
    END IF;
END $$;

REVOKE EXECUTE ON FUNCTION wharf.begin_session, wharf.find_session, wharf.end_session, wharf.note FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.begin_session, wharf.find_session, wharf.end_session, wharf.note TO wharf_app;
