"""`wharf-gateway`: serve the HTTP API."""

from __future__ import annotations

import socket

import uvicorn

from wharf.common.errors import Invalid
from wharf.common.logs import configure_logs
from wharf.common.settings import load
from wharf.common.startup import check, give_up
from wharf.gateway.app import create_app
from wharf.gateway.resources import Resources
from wharf.gateway.settings import GatewaySettings

SOCKET_BYTES = 16 * 1024


class Server(uvicorn.Server):
    """Uvicorn, which waits for open streams at its end: they are told to end first."""

    resources: Resources

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then let the other requests finish."""
        self.resources.events.stop()
        await super().shutdown(sockets)


def make_server(settings: GatewaySettings) -> Server:
    """A server that is ready to run."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        # Lines go through our one pipeline; each request has its own structured one.
        log_config=None,
        access_log=False,
        server_header=False,
        # What clients send through a socket is a key at most; what is sent to them is small and not worth compressing.
        ws_max_size=SOCKET_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=settings.events_keepalive_seconds,
        timeout_keep_alive=settings.keepalive_seconds,
        timeout_graceful_shutdown=settings.stop_seconds,
    )
    server = Server(config)
    server.resources = app.state.resources
    return server


def main() -> None:
    """Serve until SIGTERM; a setting that is missing or wrong is one sentence and exit code 2."""
    try:
        settings = load(GatewaySettings)
        configure_logs("gateway", settings.log_level, settings.log_format)
        check(settings)
        server = make_server(settings)
    except Invalid as error:
        give_up("wharf-gateway", error)
    server.run()


if __name__ == "__main__":
    main()
