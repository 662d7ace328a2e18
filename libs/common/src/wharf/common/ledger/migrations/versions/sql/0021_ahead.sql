-- What a list of one state shows, where that state is rare: the completed ones are most, and the newest of all lead to them.
CREATE INDEX IF NOT EXISTS ix_jobs_failed ON wharf.jobs (tenant_id, created_at DESC, id DESC)
    WHERE status = 'failed' AND part IS NULL;
-- next
CREATE INDEX IF NOT EXISTS ix_jobs_cancelled ON wharf.jobs (tenant_id, created_at DESC, id DESC)
    WHERE status = 'cancelled' AND part IS NULL;
-- next
-- What is not over: few among many, of all that a tenant has. Progress and checkpoints touch none of its columns.
CREATE INDEX IF NOT EXISTS ix_jobs_open ON wharf.jobs (tenant_id, status, created_at DESC, id DESC)
    WHERE status IN ('queued', 'running', 'retrying', 'cancelling') AND part IS NULL;
-- next
-- What ended in a time: the console's charts. A row gets into it once, at its end.
CREATE INDEX IF NOT EXISTS ix_jobs_ended ON wharf.jobs (tenant_id, finished_at) WHERE finished_at IS NOT NULL;
