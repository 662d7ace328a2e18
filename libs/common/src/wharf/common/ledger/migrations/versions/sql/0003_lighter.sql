-- A claim is the only writer of these two and has the job's row in its hands: looking the row up again for each was a
-- third of the claim's time.
ALTER TABLE wharf.leases DROP CONSTRAINT leases_job_id_fkey;
ALTER TABLE wharf.attempts DROP CONSTRAINT attempts_job_id_fkey;

-- A lease lives for seconds, a job's row is changed a few times: what they leave is swept before anybody has to read it.
ALTER TABLE wharf.leases SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
                              autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000);
ALTER TABLE wharf.jobs SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
