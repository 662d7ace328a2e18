-- One that is removed is only marked, so that no job's end waits while its deliveries go: housekeeping takes them, and
-- then the row. No tenant sees it any more, in whichever version of a service; its name is free.
ALTER TABLE wharf.webhooks ADD COLUMN removed_at timestamptz;
ALTER TABLE wharf.webhooks DROP CONSTRAINT webhooks_tenant_id_name_key; -- contract: the index below takes its place
CREATE UNIQUE INDEX ix_webhooks_name ON wharf.webhooks (tenant_id, name) WHERE removed_at IS NULL;
ALTER POLICY tenant ON wharf.webhooks
    USING (tenant_id = (SELECT NULLIF(current_setting('wharf.tenant', true), '')::uuid) AND removed_at IS NULL);

-- With its secrets. False where the transaction's tenant has no such webhook. What changes is part of no key: no job's end
-- waits for it.
CREATE FUNCTION wharf.remove_webhook(webhook uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE wharf.webhooks w
    SET enabled = false, disabled_reason = coalesce(w.disabled_reason, 'asked'), secret = '', previous_secret = NULL,
        removed_at = now(), updated_at = now()
    WHERE w.id = webhook AND w.removed_at IS NULL AND w.tenant_id = NULLIF(current_setting('wharf.tenant', true), '')::uuid
    RETURNING true
$$;
REVOKE EXECUTE ON FUNCTION wharf.remove_webhook FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wharf.remove_webhook TO wharf_app;
