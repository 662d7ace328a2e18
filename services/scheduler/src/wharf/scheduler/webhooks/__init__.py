"""Webhooks: the sender, what it says to a receiver, and how it connects."""
