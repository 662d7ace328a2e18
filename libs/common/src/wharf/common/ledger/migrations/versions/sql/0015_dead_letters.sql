-- Prometheus asks for their number every few seconds, however many jobs there ever were.
CREATE INDEX ix_jobs_dead ON wharf.jobs (queue) WHERE status = 'failed' AND discarded_at IS NULL;
