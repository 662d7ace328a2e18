-- Knowing a job's values a plan is a trace cheaper by estimate, so the server made a new one at each end: a fifth of its
-- time. All of its statements ask by keys, for which there is one plan. Who replaces the function says this again.
ALTER FUNCTION wharf.finish(uuid, bigint, text, jsonb, jsonb, jsonb, jsonb, double precision)
    SET plan_cache_mode = 'force_generic_plan';
