"""Dead letters: what failed for good, by error."""
