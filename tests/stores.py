"""Every store that ranking can ask: to put another one to the contract, name it in `STORES`."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol
from unittest.mock import patch

import numpy as np
import pytest
from ray_front import answering

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import Record
from edgepatent_runtime.search.searchable import Searchable
from edgepatent_runtime.shards import Shard as Part


class Store(Protocol):
    """A store under test: something to search, and how to change it meanwhile."""

    searchable: Searchable
    address: str

    def merge(self, folder: Path) -> None:
        """Store what the index in ``folder`` holds."""

    def add(self, records: list[Record], embeddings: np.ndarray) -> None:
        """Store drawings."""

    def remove(self, filters: Filters) -> None:
        """Forget drawings."""

    def close(self) -> None:
        """Give everything back."""


class FolderStore:
    """A collection, written by one connection and read by another."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self.writer = Collection.create(folder, bundle)
        self.searchable = Collection.open(folder)
        self.address = str(folder)

    def merge(self, folder: Path) -> None:
        with Collection.open(folder) as other:
            self.writer.merge(other)

    def add(self, records: list[Record], embeddings: np.ndarray) -> None:
        self.writer.add_embeddings(records, embeddings)

    def remove(self, filters: Filters) -> None:
        self.writer.remove(filters)
        # The room is given back while readers go on.
        self.writer.compact()

    def close(self) -> None:
        self.searchable.close()
        self.writer.close()


class PostgresStore:
    """A database, written from collections: with its graph, however few drawings it holds."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        pytest.importorskip("edgepatent_postgres.store", reason="edgepatent[postgres] is absent")
        from postgres_server import new_database

        from edgepatent_postgres.store import PostgresStore

        self.address = new_database()
        self.searchable = PostgresStore.create(self.address, bundle)

    def merge(self, folder: Path) -> None:
        with Collection.open(folder) as other:
            self.searchable.merge(other)

    def add(self, records: list[Record], embeddings: np.ndarray) -> None:
        from edgepatent_postgres import writing

        with patch.multiple(writing, SIGNED_ROWS=1, EXACT_ROWS=0):
            self.searchable.add_embeddings(records, embeddings)
            self.searchable.finish()

    def remove(self, filters: Filters) -> None:
        self.searchable.remove(filters)

    def close(self) -> None:
        from postgres_server import drop_database

        self.searchable.close()
        drop_database(self.address)


class ShardsStore:
    """Three shards behind a router that is asked over HTTP: a cluster without its engine."""

    def __init__(self, folder: Path, bundle: Bundle, shards: int = 3) -> None:
        pytest.importorskip("edgepatent_cluster", reason="edgepatent-cluster is absent")
        from edgepatent_cluster.router import Router
        from edgepatent_cluster.shard import Shard
        from edgepatent_cluster.store import RayStore

        self.parts = [Part(number, shards) for number in range(1, shards + 1)]
        self.writers = [Collection.create(folder / one.name, bundle) for one in self.parts]
        self.readers = [Collection.open(folder / one.name) for one in self.parts]
        self.shards = [Shard(one) for one in self.readers]
        starts = [partial(partial, one.answer) for one in self.shards]
        self.stack = ExitStack()
        self.address = self.stack.enter_context(answering(Router(starts).answer))
        self.searchable = RayStore(self.address)

    def merge(self, folder: Path) -> None:
        with Collection.open(folder) as other:
            for part, writer in zip(self.parts, self.writers, strict=True):
                writer.merge(other, only=part.holds)

    def add(self, records: list[Record], embeddings: np.ndarray) -> None:
        for part, writer in zip(self.parts, self.writers, strict=True):
            rows = [row for row, one in enumerate(records) if part.holds(one.patent_id)]
            writer.add_embeddings([records[row] for row in rows], embeddings[rows])

    def remove(self, filters: Filters) -> None:
        for writer in self.writers:
            writer.remove(filters)
            writer.compact()

    def close(self) -> None:
        self.searchable.close()
        self.stack.close()
        for one in (*self.shards, *self.readers, *self.writers):
            one.close()


STORES: dict[str, Callable[[Path, Bundle], Store]] = {
    "folder": FolderStore,
    "postgres": PostgresStore,
    "shards": ShardsStore,
}
