"""Tenants and how many of their jobs may be handed over at once: for the platform."""
