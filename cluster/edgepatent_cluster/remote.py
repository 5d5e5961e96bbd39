"""A store that is elsewhere: `Searchable` by way of calls, however these are sent."""

import math
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from edgepatent_cluster import calls
from edgepatent_cluster.calls import PROTOCOL, Answer, Asked, Known, State, Within
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection.info import Info
from edgepatent_runtime.errors import CollectionError
from edgepatent_runtime.filters import Filters, of_shards
from edgepatent_runtime.record import ImageRef
from edgepatent_runtime.search.searchable import Floats, Ranked, Rows, Views

Send = Callable[[bytes], bytes]
"""Takes an `Asked` to where it is answered with an `Answer`."""


class Remote:
    """A store that answers what ``send`` is given. Safe to share between threads where that is.

    Raises `CollectionError` where it is of another version.
    """

    def __init__(self, name: str, send: Send) -> None:
        self.name = name
        self._send = send
        self.space = ""
        known = self.about()
        if known.protocol != PROTOCOL:
            raise CollectionError(
                f"{name} speaks version {known.protocol}, this edgepatent version {PROTOCOL}: "
                "install the same on both sides"
            )
        self.space = known.space
        self.dimensions = known.dimensions

    def ask(self, call: calls.Call, state: State = ()) -> tuple[State, Any]:
        """What a call is answered with, and the state that the answer is of."""
        answer: Answer = calls.decode(
            self._send(calls.encode(Asked(PROTOCOL, self.space, state, call))), Answer
        )
        return answer.state, calls.opened(answer, call)

    def about(self) -> Known:
        """What the store is."""
        known: Known = self.ask(calls.About())[1]
        return known

    def info(self) -> Info:
        """What the shards hold."""
        told: Info = self.ask(calls.Tell())[1]
        return told

    def calibration(self) -> bytes | None:
        """What was measured last."""
        return self.about().calibration

    @cached_property
    def bundle(self) -> Bundle:
        """The model, fetched once. Raises `BundleError` where it is damaged."""
        files: dict[str, bytes] = self.ask(calls.Model())[1]
        folder = Path(tempfile.mkdtemp(prefix="edgepatent-model-"))
        # Gone with the store, or with the program.
        weakref.finalize(self, shutil.rmtree, folder, True)
        for name, data in files.items():
            if "/" in name or "\\" in name or name.startswith("."):
                raise CollectionError(f"{self.name} sends a model with a file called {name!r}")
            (folder / name).write_bytes(data)
        return Bundle(folder)

    @contextmanager
    def moment(self) -> Iterator["RemoteMoment"]:
        """One state: the one of the first call."""
        yield RemoteMoment(self)

    def thumbnail(self, row: int, image: ImageRef) -> bytes | None:
        """The PNG of the drawing ``image`` that was at ``row``."""
        found: bytes | None = self.ask(calls.Thumbnail(row, image))[1]
        return found

    def close(self) -> None:
        """Close what is open."""


class RemoteMoment:
    """One state of a store that is elsewhere."""

    def __init__(self, store: Remote) -> None:
        self._store = store
        self._state: State = ()

    def ask(self, call: calls.Call) -> Any:
        """What a call is answered with in this state, which the first one finds."""
        state, value = self._store.ask(call, self._state)
        self._state = self._state or state
        return value

    @property
    def generation(self) -> int:
        """The sum of those of the shards."""
        if not self._state:
            self.counts()
        return sum(self._state)

    @property
    def mark(self) -> int | str:
        """Those of the shards."""
        if not self._state:
            self.counts()
        return of_shards(self._state)

    def counts(self) -> tuple[int, int]:
        """How many drawings and how many patents there are."""
        drawings, patents = self.ask(calls.Counts())
        return drawings, patents

    def patents(self) -> list[tuple[str, str | None]]:
        """Id and subclass of every patent, shard by shard."""
        found: list[tuple[str, str | None]] = self.ask(calls.Patents())
        return found

    def unheld(self, text: str) -> dict[str, list[str]]:
        """The words of ``text`` that no shard holds, each with those one typing error away."""
        found: dict[str, list[str]] = self.ask(calls.Unheld(text))
        return found

    def tally(
        self, fields: Sequence[str], filters: Filters
    ) -> list[tuple[tuple[str | None, ...], int]]:
        """How many patents that pass ``filters`` have which values of ``fields``."""
        found: list[tuple[tuple[str | None, ...], int]]
        found = self.ask(calls.Tally(tuple(fields), filters))
        return found

    def scope(
        self, filters: Filters, exclude: Sequence[bytes] = (), plan: str = "auto"
    ) -> "RemoteScope":
        """The drawings that pass ``filters``."""
        return RemoteScope(self, Within(filters, tuple(exclude), plan))

    def scores(self, queries: Floats, rows: Rows) -> Floats:
        """Cosines [V, N]."""
        found: Floats = self.ask(calls.Scores(queries, rows))
        return found

    def embeddings(self, rows: Rows) -> Floats:
        """The stored embeddings [N, D]."""
        found: Floats = self.ask(calls.Embeddings(rows))
        return found

    def require(self, rows: Rows) -> None:
        """Raise `CollectionError` for damaged rows."""
        self.ask(calls.Require(rows))

    def facts(self, rows: Sequence[int]) -> dict[int, calls.Fact]:
        """What is known of the drawings at ``rows``."""
        found: dict[int, calls.Fact] = self.ask(calls.Facts(tuple(rows)))
        return found


class RemoteScope:
    """What a question may find in a store that is elsewhere."""

    def __init__(self, moment: RemoteMoment, within: Within) -> None:
        self._moment = moment
        self._within = within
        self._known: tuple[int, str] | None = None

    def _size_and_plan(self) -> tuple[int, str]:
        if self._known is None:
            size, plan = self._moment.ask(calls.Size(self._within))
            self._known = size, plan
        return self._known

    @property
    def size(self) -> int:
        """How many rows may be found."""
        return self._size_and_plan()[0]

    @property
    def plan(self) -> str:
        """The plan of the shards, several joined by +."""
        return self._size_and_plan()[1]

    def rows(self) -> Rows:
        """All rows that may be found, ascending."""
        found: Rows = self._moment.ask(calls.Rows(self._within))
        return found

    def nearest(self, query: Floats, count: int) -> tuple[Rows, Floats, bool]:
        """About the ``count`` best rows."""
        rows, scores, complete = self._moment.ask(
            calls.Nearest(self._within, np.asarray(query, np.float32), count)
        )
        return rows, scores, complete

    def siblings(self, rows: Rows) -> tuple[Rows, Rows]:
        """All rows in scope of the patents that have one at ``rows``, after their keys."""
        keys, found = self._moment.ask(calls.Siblings(self._within, rows))
        return keys, found

    def words(self, text: str, count: int) -> list[tuple[float, Rows]]:
        """The ``count`` patents whose words match ``text`` best."""
        found: list[tuple[float, Rows]] = self._moment.ask(calls.Words(self._within, text, count))
        return found

    def ranked(self, views: Views, top: int) -> Ranked:
        """The best ``top`` patents, ranked where they are."""
        call = calls.Rank(self._within, views.queries, views.shares, views.unlike, top)
        found: calls.Best = self._moment.ask(call)
        self._known = found.size, found.plan
        if not all(map(math.isfinite, found.scores.tolist())):
            raise CollectionError("a shard answered with scores that are no numbers")
        return Ranked(found.scores, found.starts, found.rows, found.best, found.near, found.facts)
