"""An index that a cluster serves: ``ray://HOST:PORT/NAME``, asked over HTTP."""

import http.client
import re
import threading
from contextlib import suppress

from edgepatent_cluster.remote import Remote
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.errors import ClusterError, CollectionError, InputError

_ADDRESS = re.compile(r"ray://(\[[0-9a-fA-F:.]+\]|[^/:\[\]]+)(?::(\d{1,5}))?/([\w.-]+)/?", re.ASCII)
_PORT = 8000
# Longer than the front waits for a shard.
_PATIENCE_S = 150.0
_IDLE = 32
# What a connection that was kept may raise because the other side has closed it meanwhile.
_STALE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class RayStore(Remote):
    """The index at an address, to be searched; whoever keeps its shards changes them.

    Raises `InputError` for what is no address, `CollectionError` where there is no index,
    `ClusterError` where nobody answers.
    """

    def __init__(self, address: str) -> None:
        found = _ADDRESS.fullmatch(address)
        if found is None or not 0 < int(found[2] or _PORT) < 65536:
            raise InputError(f"{address} is no address of an index: write ray://HOST:8000/NAME")
        self._host, self._port = found[1].strip("[]"), int(found[2] or _PORT)
        self._path = f"/{found[3]}/calls"
        self._guard = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        try:
            super().__init__(address.rstrip("/"), self._post)
        except BaseException:
            self.close()
            raise

    @classmethod
    def exists(cls, address: str) -> bool:
        """Whether there is an index."""
        try:
            cls(address).close()
        except CollectionError:
            return False
        return True

    @classmethod
    def create(cls, address: str, bundle: Bundle) -> "RayStore":
        """Refuses: an index is served where its shards lie, not made over the network."""
        raise InputError(
            f"{address} can be searched, not made: make shards with edgepatent cluster embed, and "
            "serve them with edgepatent cluster serve"
        )

    def close(self) -> None:
        """Close all connections."""
        super().close()
        with self._guard:
            while self._idle:
                self._idle.pop().close()

    def _post(self, data: bytes) -> bytes:
        with self._guard:
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is not None:
                with suppress(*_STALE):
                    return self._exchange(connection, data)
                connection.close()
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_PATIENCE_S)
            return self._exchange(connection, data)
        except (OSError, http.client.HTTPException) as error:
            if connection is not None:
                connection.close()
            said = str(error) or type(error).__name__
            raise ClusterError(
                f"{self.name} cannot be reached ({said}): see that edgepatent cluster serve runs "
                "there, and ask again"
            ) from error

    def _exchange(self, connection: http.client.HTTPConnection, data: bytes) -> bytes:
        connection.request("POST", self._path, data, {"content-type": "application/msgpack"})
        response = connection.getresponse()
        body = response.read()
        with self._guard:
            if len(self._idle) < _IDLE:
                self._idle.append(connection)
            else:
                connection.close()
        if response.status == 404:
            raise CollectionError(
                f"there is no index {self.name}: see that edgepatent cluster serve runs there, and "
                "under this name"
            )
        if response.status != 200:
            raise ClusterError(
                f"{self.name} refuses to answer (HTTP {response.status}): ask again, or see that "
                "edgepatent cluster serve runs there"
            )
        return body
