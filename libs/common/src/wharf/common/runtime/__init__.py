"""What surrounds a job function in every worker: claim, lease, fence, retry, progress, logs, metrics."""
