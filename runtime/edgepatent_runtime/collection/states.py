"""The states that questions see: each one of its own, whatever is written meanwhile."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgepatent_runtime.collection import snapshot
from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.connections import Connections
from edgepatent_runtime.errors import CollectionError


class States:
    """The states of the collection in ``folder``, one after the other.

    What has been mapped is kept from one to the next; ``resident`` says whether the graph is, too.
    Safe to share between threads. Close it.
    """

    def __init__(self, folder: Path, *, resident: bool) -> None:
        self._folder = folder
        self._resident = resident
        self._connections = Connections(str(folder), lambda: Catalog(folder), Catalog.end)
        self._guard = threading.Lock()
        self._snapshot: Snapshot | None = None
        # The same with its graph, once a question asked for it.
        self._graphed: Snapshot | None = None

    def close(self) -> None:
        """Close all connections, and let go what is mapped."""
        self._connections.close()
        with self._guard:
            self._snapshot = self._graphed = None

    @contextmanager
    def one(self) -> Iterator[tuple[Catalog, Snapshot]]:
        """One consistent state: the catalog inside a read transaction, and the rows it speaks of.

        Raises `CollectionError` where it is damaged.
        """
        with self._connections.one() as connection:
            taken = self._begin(connection)
            try:
                yield connection, taken
            except sqlite3.Error as error:
                raise connection.failure(error) from error

    def _begin(self, connection: Catalog) -> Snapshot:
        """Start a read transaction and take the state it sees."""
        generation = -1
        while True:
            try:
                connection.begin_reading()
                try:
                    with self._guard:
                        self._snapshot = taken = snapshot.take(
                            self._folder, connection, self._snapshot, self._resident
                        )
                    return taken
                except CollectionError:
                    # Missing rows are no damage where the writer has compacted since the
                    # transaction began: then there is a newer generation to look at.
                    before, generation = generation, connection.state().generation
                    if before == generation:
                        connection.end()
                        raise
            except sqlite3.Error as error:
                raise connection.failure(error) from error

    def with_graph(self, connection: Catalog, taken: Snapshot) -> Snapshot:
        """The state ``taken``, which ``connection``'s transaction sees, with the graph loaded."""
        if taken.resident:
            return taken
        with self._guard:
            self._graphed = snapshot.take(self._folder, connection, self._graphed or taken, True)
            return self._graphed
