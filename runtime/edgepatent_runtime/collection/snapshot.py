"""One consistent state of a collection, as a reader sees it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgepatent_runtime.collection import graph, signs
from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.entries import State
from edgepatent_runtime.collection.graph import Graph
from edgepatent_runtime.collection.signs import Words
from edgepatent_runtime.collection.vectors import Floats, Rows, Vectors


@dataclass(frozen=True)
class Snapshot:
    """The rows of one generation, and what helps to find them.

    ``signs`` (with their ``mean``) are None where they are missing, too short or for other rows;
    ``graph`` where it is not loaded. ``dead`` rows are no drawings.
    """

    state: State
    rotation: Floats
    vectors: Vectors
    dead: Rows
    signs: Words | None
    mean: Floats | None
    graph: Graph | None
    graph_file: str | None
    resident: bool

    @property
    def live(self) -> int:
        """How many rows are drawings."""
        return self.state.rows - len(self.dead)

    def live_rows(self) -> Rows:
        """The rows that are drawings, ascending."""
        return np.delete(np.arange(self.state.rows), self.dead)


def take(folder: Path, catalog: Catalog, old: Snapshot | None, resident: bool) -> Snapshot:
    """The state that ``catalog``'s open transaction sees, keeping what ``old`` has mapped.

    ``resident`` says whether to load the graph. Raises `CollectionError` where the rows are
    damaged or missing; missing is also what the writer has removed since: take a newer state then.
    """
    state = catalog.state()
    if old is not None and (old.state, old.resident) == (state, resident):
        return old
    same = old is not None and old.state.vectors == state.vectors
    if old is not None and same and old.state.rows == state.rows:
        vectors = old.vectors
    else:
        vectors = Vectors.open(folder / state.vectors, state.dimensions, state.rows)
    words, mean = _signs(folder, state, catalog)
    net, file = None, None
    derived = catalog.derived("graph")
    if resident and graph.available() and derived and derived.vectors == state.vectors:
        file = derived.file
        if old is not None and old.graph_file == file:
            net = old.graph
        else:
            net = Graph.load(folder / file, derived.basis or 0, derived.rows, derived.digest or "")
    # Another file of rows may be of another rotation, too.
    rotation = old.rotation if old is not None and same else catalog.rotation()
    return Snapshot(state, rotation, vectors, catalog.dead(), words, mean, net, file, resident)


def _signs(folder: Path, state: State, catalog: Catalog) -> tuple[Words | None, Floats | None]:
    derived = catalog.derived("signs")
    if derived is None or (derived.vectors, derived.rows) != (state.vectors, state.rows):
        return None, None
    words = signs.load(folder / derived.file, state.dimensions, state.rows)
    return words, catalog.mean(derived, state.dimensions)
