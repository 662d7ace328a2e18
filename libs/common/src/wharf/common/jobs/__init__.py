"""Jobs: their states, kinds, payloads, how they are submitted, steered and shown."""
