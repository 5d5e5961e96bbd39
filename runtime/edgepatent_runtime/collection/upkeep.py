"""What is due after changes: dead rows left behind, a graph that is not far behind the rows."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.collection import derive, graph
from edgepatent_runtime.collection.entries import Derived, State
from edgepatent_runtime.collection.vectors import Rows
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.whole import sync_folder

if TYPE_CHECKING:
    # What writes comes with its caller: a search, which only asks for the limits, does without.
    from edgepatent_runtime.collection.writer import Writer

EXACT_ROWS = 20_000
"""Up to so many rows a search is exact, and no graph is built."""

GRAPH_LAG = 1_000
"""So many rows may be newer than the graph: a search looks at them one by one, and ten new
drawings do not cost writing hundreds of megabytes.
"""

_DEAD_SHARE = 0.2


def is_fresh(graph: Derived | None, state: State) -> bool:
    """Whether a graph is of these rows, and lags no more than `GRAPH_LAG` of them behind."""
    return (
        graph is not None
        and graph.vectors == state.vectors
        and state.rows - graph.rows <= GRAPH_LAG
    )


def finish(writer: "Writer", progress: Progress = silent, threads: int = 0) -> None:
    """Compact where much is dead, and bring the graph up to date. ``threads`` 0: all cores."""
    dead = len(writer.edits.dead())
    if dead > max(_DEAD_SHARE * writer.state.rows, 1000):
        compact(writer, progress)
    _build_graph(writer, progress, threads or os.cpu_count() or 1)


def compact(writer: "Writer", progress: Progress = silent) -> None:
    """Leave the dead rows behind. Raises `CollectionError` where a living row is damaged."""
    writer.commit()
    writer.rewrite(_living(writer, progress))


def _living(writer: "Writer", progress: Progress) -> Iterator[tuple[Rows, npt.NDArray[np.void]]]:
    from edgepatent_runtime.collection.writer import BLOCK

    rows, live = writer.vectors(), writer.edits.live()
    for start in range(0, len(live), BLOCK):
        numbers = live[start : start + BLOCK]
        rows.require(numbers)
        yield numbers, np.array(rows.rows[numbers])
        progress("compacting", start + len(numbers), len(live))


def _build_graph(writer: "Writer", progress: Progress, threads: int) -> None:
    """Bring the graph up to date; a small collection needs none."""
    old = writer.edits.derived("graph")
    if writer.state.rows <= EXACT_ROWS or not graph.available():
        return
    if is_fresh(old, writer.state):
        return
    new = derive.extend_graph(
        writer.folder, writer.vectors(), writer.rotation, old, threads, progress
    )
    sync_folder(writer.folder)
    writer.set_graph(new)
