"""Webhooks and what was sent: pages for those who want to be told, and for those who wonder why they were not."""
