"""Connections to a store that questions take turns with."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from edgepatent_runtime.errors import CollectionError


class Closes(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Close it."""
        ...


C = TypeVar("C", bound=Closes)


class Connections(Generic[C]):
    """As many connections as questions were asked at once: each question has one for itself.

    ``connect`` opens one to the store ``name``, ``end`` ends what a question did with it, and
    ``alive`` says whether one that lay idle still leads somewhere. Safe to share between threads.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], C],
        end: Callable[[C], object],
        alive: Callable[[C], bool] = lambda _: True,
    ) -> None:
        self._name = name
        self._connect = connect
        self._end = end
        self._alive = alive
        # Those that no thread uses now.
        self._free: list[C] = []
        self._guard = threading.Lock()
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[C]:
        """A connection for one question. Raises `CollectionError` once closed."""
        connection = self._taken()
        try:
            yield connection
            self._end(connection)
        except BaseException:
            # Whatever went wrong with it, the next question gets a new one.
            connection.close()
            raise
        with self._guard:
            if not self._closed:
                self._free.append(connection)
                return
        connection.close()

    def _taken(self) -> C:
        while True:
            with self._guard:
                if self._closed:
                    raise CollectionError(f"{self._name} is closed: open it again")
                if not self._free:
                    break
                connection = self._free.pop()
            if self._alive(connection):
                return connection
            connection.close()
        return self._connect()

    def close(self) -> None:
        """Close those that are idle now, and each of the others when its question ends."""
        with self._guard:
            self._closed = True
            free, self._free = self._free, []
        for connection in free:
            connection.close()
