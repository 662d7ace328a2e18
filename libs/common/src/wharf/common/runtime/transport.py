"""Kombu's transports, but for what they do to messages that nobody can read, and for whom they believe.

Garbage in Redis ends a worker of Celery; here it is dropped. Whatever stands in the list may be from another program.
What is lost with it the ledger knows.
"""

from __future__ import annotations

from queue import Empty

from kombu.transport import TRANSPORT_ALIASES, pyamqp, redis

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


class SecureTransport(pyamqp.SSLTransport):  # type: ignore[misc]  # kombu has no types
    """The transport of `amqps://` addresses: the certificate has to be the host's, for which kombu does not ask."""

    def establish_connection(self) -> object:
        """Connect to the host whose turn it is; where no name is said, kombu fills that one in."""
        said = self.client.ssl if isinstance(self.client.ssl, dict) else {}
        self.client.ssl = said | {"server_hostname": None}
        return super().establish_connection()


def use_ours() -> None:
    """From now on kombu takes these transports, in this process."""
    names = {"redis": Transport, "rediss": Transport, "amqps": SecureTransport}
    TRANSPORT_ALIASES.update({scheme: f"{ours.__module__}:{ours.__qualname__}" for scheme, ours in names.items()})
