"""Webhooks: which events there are, how a message is signed, and where none is ever sent to."""

from __future__ import annotations

from wharf.common.webhooks.addresses import Network, is_refused, networks
from wharf.common.webhooks.events import EVENTS, Event
from wharf.common.webhooks.signing import new_secret, signatures

__all__ = ["EVENTS", "Event", "Network", "is_refused", "networks", "new_secret", "signatures"]
