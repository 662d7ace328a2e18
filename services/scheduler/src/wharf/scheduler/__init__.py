"""Beat, the dispatcher and the maintenance worker."""
