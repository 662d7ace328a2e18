"""A day of load against the policy that scales workers: where the chart's defaults come from."""
