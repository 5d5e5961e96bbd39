"""What a store holds, in figures."""

from pathlib import Path

import msgspec

from edgepatent_runtime import names
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.collection.upkeep import is_fresh


class Info(msgspec.Struct, frozen=True):
    """What a collection holds; ``bytes`` is all of its folder, its model included."""

    drawings: int
    patents: int
    dimensions: int
    space: str
    bytes: int
    generation: int
    graph: str
    model: str
    dead: int
    roots: dict[str, str]


def of(folder: Path, known: Catalog, taken: Snapshot) -> Info:
    """What the state ``taken`` of the collection in ``folder`` holds, as its catalog tells it."""
    drawings, patents = known.counts()
    graph = known.derived("graph")
    return Info(
        drawings=drawings,
        patents=patents,
        dimensions=taken.state.dimensions,
        space=taken.state.space,
        bytes=names.size(folder),
        generation=taken.state.generation,
        graph="fresh" if is_fresh(graph, taken.state) else "stale" if graph else "none",
        model=Bundle(folder / taken.state.bundle).info.name,
        dead=len(taken.dead),
        roots=known.roots(),
    )
