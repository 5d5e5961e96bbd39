"""Every store that ranking can ask: to put another one to the contract, name it in `STORES`."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import Record
from edgepatent_runtime.search.searchable import Searchable


class Store(Protocol):
    """A store under test: something to search, and how to change it meanwhile."""

    searchable: Searchable

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

    def add(self, records: list[Record], embeddings: np.ndarray) -> None:
        self.writer.add_embeddings(records, embeddings)

    def remove(self, filters: Filters) -> None:
        self.writer.remove(filters)
        # The room is given back while readers go on.
        self.writer.compact()

    def close(self) -> None:
        self.searchable.close()
        self.writer.close()


STORES: dict[str, Callable[[Path, Bundle], Store]] = {
    "folder": FolderStore,
}
