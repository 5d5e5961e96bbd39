"""Stores that other packages bring: an index that has an address instead of a folder.

An entry point of the group "edgepatent.stores" called ``name`` answers for every "name://…".
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.errors import InputError, MissingExtraError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.search.searchable import Floats, Searchable

if TYPE_CHECKING:
    from edgepatent_runtime.collection import Collection
    from edgepatent_runtime.collection.check import Problem
    from edgepatent_runtime.collection.embedding import Encodes
    from edgepatent_runtime.collection.ingest import Added

GROUP = "edgepatent.stores"

# What comes with an extra of ours, where it is installed.
_EXTRAS = {"postgresql": "postgres", "postgres": "postgres", "ray": "ray"}


class Store(Searchable, Protocol):
    """A store that can be written, too, as a `Collection` is: see its methods of these names."""

    def require_space(self, space: str) -> None:
        """Raise `SpaceMismatchError` unless embeddings of ``space`` can be compared with ours."""
        ...

    def add(
        self,
        records: Iterable[Record],
        encoder: "Encodes",
        *,
        root: str = "",
        skipped: Skipped | None = None,
        progress: Progress = ...,
        prune: bool = False,
        allow_empty: bool = False,
        keep_thumbnails: bool = True,
        figures: bool = False,
        total: int | None = None,
    ) -> "Added":
        """Index the drawings of ``records`` whose paths lie below ``root``."""
        ...

    def add_embeddings(
        self,
        records: Iterable[Record],
        embeddings: Floats,
        *,
        root: str = "",
        skipped: Skipped | None = None,
        progress: Progress = ...,
    ) -> "Added":
        """Index ready embeddings [N, D] of this store's model."""
        ...

    def merge(
        self,
        other: "Collection",
        progress: Progress = ...,
        only: Callable[[str], bool] | None = None,
    ) -> "Added":
        """Copy the drawings of a collection in, those of the patents whose id passes ``only``."""
        ...

    def remove(self, filters: Filters) -> int:
        """Forget all drawings that pass ``filters``; how many those were."""
        ...

    def verify(self, progress: Progress = ...) -> "list[Problem]":
        """Everything that is wrong with what is stored."""
        ...

    def keep_calibration(self, data: bytes) -> None:
        """Keep what `search.measuring` measured."""
        ...

    def finish(self, progress: Progress = ..., threads: int = 0) -> None:
        """What is due after changes."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


class Engine(Protocol):
    """What an entry point names: the class of a store."""

    def __call__(self, address: str) -> Store:
        """The index at ``address``, open. Raises `CollectionError` where there is none."""
        ...

    def exists(self, address: str) -> bool:
        """Whether there is an index. Raises `CollectionError` where nobody can tell."""
        ...

    def create(self, address: str, bundle: Bundle) -> Store:
        """Make an empty index for the model ``bundle``, unless there is one, and open it."""
        ...


def is_address(name: Path | str) -> bool:
    """Whether an index is named by an address rather than by a folder."""
    return isinstance(name, str) and "://" in name


def absolute(name: Path | str) -> str:
    """The name of an index as it is understood from every folder: an address stays as it is."""
    return str(name) if is_address(name) else str(Path(name).absolute())


def engine(address: str) -> Engine:
    """What opens ``address``. Raises `MissingExtraError`, `InputError` where nothing does."""
    # Only here: it brings email and sockets with it, 17 ms of a cold search in a folder.
    from importlib.metadata import entry_points

    scheme = address.partition("://")[0]
    for point in entry_points(group=GROUP, name=scheme):
        found: Engine = point.load()
        return found
    if scheme in _EXTRAS:
        raise MissingExtraError(f"an index at {scheme}://…", _EXTRAS[scheme])
    raise InputError(f"there is no index at {scheme}://…: name a folder, postgresql://… or ray://…")


def exists(name: Path | str) -> bool:
    """Whether there is an index in a folder, or at an address."""
    if is_address(name):
        return engine(str(name)).exists(str(name))
    from edgepatent_runtime.collection import connection

    return connection.exists(Path(name))


@contextmanager
def opened(name: Path | str, *, resident: bool) -> Iterator[Searchable]:
    """The index in a folder, or at an address, open for reading."""
    if is_address(name):
        with closing(engine(str(name))(str(name))) as store:
            yield store
    else:
        from edgepatent_runtime.collection import Collection

        with Collection.open(name, resident=resident) as collection:
            yield collection
