"""Kombu's Redis transport, but for messages that nobody can read: those end a worker of Celery, here they are dropped.

Whatever stands in the list may be from another program. What is lost with it the ledger knows.
"""

from __future__ import annotations

from queue import Empty

from kombu.transport import TRANSPORT_ALIASES, redis

from wharf.common.logs import get_logger

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
"""What kombu raises for no JSON, for JSON of another shape, and for a body without the fields of a message."""


class Channel(redis.Channel):  # type: ignore[misc]  # kombu has no types
    """A channel that goes on after garbage."""

    def _brpop_read(self, **options: object) -> object:
        try:
            return super()._brpop_read(**options)
        except UNREADABLE as error:
            get_logger().error("broker.unreadable_message", error=type(error).__name__)
            raise Empty from error


class Transport(redis.Transport):  # type: ignore[misc]  # kombu has no types
    """The transport of `redis://` and `rediss://` addresses."""

    Channel = Channel


def use_for_redis() -> None:
    """From now on kombu takes this transport for Redis, in this process."""
    ours = f"{Transport.__module__}:{Transport.__qualname__}"
    TRANSPORT_ALIASES.update({"redis": ours, "rediss": ours})
