"""What ranking needs of a store of drawings, so that another store can stand where a folder does.

A store is asked through one `Moment` a question: everything that a moment tells is of one state,
whatever is written meanwhile. Rows are a moment's own numbers for stored drawings, ascending in
the order in which they came; they mean nothing in another moment.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import ImageRef, Record

if TYPE_CHECKING:
    from edgepatent_runtime.collection.info import Info

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

PLANS = ("auto", "exact", "scan", "graph")
"""How candidates may be found: every row, signs straight from the disk, or a graph in memory."""


class Facts(Protocol):
    """What a store knows of one drawing; ``path`` is relative to the source it came from."""

    @property
    def record(self) -> Record:
        """The drawing as its source described it, its image where it should lie now."""
        ...

    @property
    def path(self) -> str:
        """Its path below the folder of its source."""
        ...


class Views(msgspec.Struct, frozen=True):
    """Views [V, D] of a design, what each counts [V], and what it should not be like [U, D]."""

    queries: Floats
    shares: Floats
    unlike: Floats | None


class Ranked(msgspec.Struct, frozen=True):
    """The best patents for `Views`, best first, with all their drawings in scope.

    ``scores`` [P] are the patents' own. The ``rows`` [N] of each follow each other from ``starts``
    [P] on, with the best score [N] of each with any view; ``facts`` is what is known of them.
    ``near`` are the scores of the best `scale.FIELD` patents, falling.
    """

    scores: Floats
    starts: Rows
    rows: Rows
    best: Floats
    near: Floats
    facts: Mapping[int, Facts]


class Scope(Protocol):
    """The drawings of one moment that a question may find, and the plan to find them by."""

    @property
    def size(self) -> int:
        """How many rows may be found (excluded ones counted in where nothing else is filtered)."""
        ...

    @property
    def plan(self) -> str:
        """The plan that is carried out, one of `PLANS` but "auto"; another store's own may be."""
        ...

    def rows(self) -> Rows:
        """All rows that may be found, ascending."""
        ...

    def nearest(self, query: Floats, count: int) -> tuple[Rows, Floats, bool]:
        """About the ``count`` best rows for ``query`` [D], in no order, and their cosines [N].

        Also whether no row but these may be found. "exact" never misses one of the best.
        """
        ...

    def siblings(self, rows: Rows) -> tuple[Rows, Rows]:
        """All rows in scope of the patents that have one at ``rows``.

        Keys of the patents [N] and rows [N], sorted by key, then by row; a key is good for
        telling patents of this moment apart and for nothing else.
        """
        ...

    def words(self, text: str, count: int) -> list[tuple[float, Rows]]:
        """The ``count`` patents whose words match ``text`` best.

        All words must occur, in the title or in a figure description, in any form that stems
        alike; of two words with OR between them one, of words in double quotes all in this order.
        With each patent its BM25 (larger is better, titles weigh twice) and all its rows.
        """
        ...


@runtime_checkable
class Ranks(Protocol):
    """A scope that ranks for itself, where its drawings are far away: one question for many."""

    def ranked(self, views: Views, top: int) -> Ranked:
        """What `ranking.ranked` would find here."""
        ...


class Moment(Protocol):
    """One consistent state of a store. Every call may raise `CollectionError` for damage."""

    @property
    def generation(self) -> int:
        """A number that grows with every change."""
        ...

    @property
    def mark(self) -> int | str:
        """This moment as `Filters.added` takes it, for what comes after: its generation, mostly."""
        ...

    def counts(self) -> tuple[int, int]:
        """How many drawings and how many patents there are."""
        ...

    def patents(self) -> list[tuple[str, str | None]]:
        """Id and subclass of every patent, in the order in which they came."""
        ...

    def unheld(self, text: str) -> Mapping[str, Sequence[str]]:
        """The words of ``text`` that are not held here, each with those that are and that may be
        meant: one typing error away, as they are written somewhere; none, too.
        """
        ...

    def tally(
        self, fields: Sequence[str], filters: Filters
    ) -> list[tuple[tuple[str | None, ...], int]]:
        """How many patents that pass ``filters`` have which values of ``fields``.

        A field is "klass", "subclass", "year", "applicant", "country", "uspc" or "uspc class"; what
        is not known is None. A patent with several applicants or US classes counts for each.
        Without a field, all.
        """
        ...

    def scope(self, filters: Filters, exclude: Sequence[bytes] = (), plan: str = "auto") -> Scope:
        """The drawings that pass ``filters``, without those from files with a digest to exclude.

        ``exclude`` are SHA-256 digests. A ``plan`` that cannot be carried out, for want of a
        graph say, falls back to another one.
        """
        ...

    def scores(self, queries: Floats, rows: Rows) -> Floats:
        """Cosines [V, N] of ``queries`` [V, D] with the stored embeddings of ``rows`` [N]."""
        ...

    def embeddings(self, rows: Rows) -> Floats:
        """The stored embeddings [N, D] of ``rows`` [N], as the model made them but for rounding."""
        ...

    def require(self, rows: Rows) -> None:
        """Raise `CollectionError` where the embedding of one of ``rows`` is not what was written.

        A store whose engine sees to that does nothing.
        """
        ...

    def facts(self, rows: Sequence[int]) -> Mapping[int, Facts]:
        """What is known of the drawings at ``rows``."""
        ...


class Searchable(Protocol):
    """A store of drawings with their embeddings. Safe to share between threads."""

    @property
    def name(self) -> str:
        """What people call it: a folder, an address."""
        ...

    @property
    def space(self) -> str:
        """Which embeddings may be compared with the stored ones (`BundleInfo.space`)."""
        ...

    @property
    def dimensions(self) -> int:
        """D."""
        ...

    @property
    def bundle(self) -> Bundle:
        """The model that made the embeddings."""
        ...

    def info(self) -> "Info":
        """What it holds."""
        ...

    def calibration(self) -> bytes | None:
        """What `search.calibration` measured last and had kept; None where there is nothing."""
        ...

    def moment(self) -> AbstractContextManager[Moment]:
        """One consistent state, for one question: give it back soon."""
        ...

    def thumbnail(self, row: int, image: ImageRef) -> bytes | None:
        """The PNG of the drawing ``image`` that was at ``row``; None where there is none (now)."""
        ...
