"""Queues: what waits in each, how fast it goes, who rests."""
