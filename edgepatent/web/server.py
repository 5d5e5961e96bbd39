"""The server: a socket, a few limits, and the application."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from edgepatent.web.security import Door
from edgepatent_runtime.errors import InputError

# How long a connection may take to say what it wants.
PATIENCE_S = 15.0
# Further connections are told to come back.
CONNECTIONS = 400
_BACKLOG = 256


class Impatient(H11Protocol):
    """Closes a connection that has not said what it wants for `PATIENCE_S`."""

    def connection_made(self, transport: Any) -> None:
        """Start waiting."""
        super().connection_made(transport)
        self._waiting = asyncio.get_running_loop().call_later(PATIENCE_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._waiting.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any. Raises `InputError` where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise InputError(
            f"port {port} of {host} cannot be listened on ({error.strerror}): use --port"
        ) from error
    return listener


def serve(app: ASGIApp, door: Door, listener: socket.socket) -> None:
    """Serve until the process is told to end. Nothing that was asked is logged."""
    config = uvicorn.Config(
        app,
        host=door.host,
        port=door.port,
        http=Impatient,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=3,
    )
    # Ctrl-C is how people end it: that is no failure.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
