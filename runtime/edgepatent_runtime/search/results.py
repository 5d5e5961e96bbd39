"""What comes of a question: patents with their drawings, complete from the moment they exist."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import msgspec

from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.record import NO_BIBLIOGRAPHY, Bibliography, ImageRef, Record
from edgepatent_runtime.search.request import Request
from edgepatent_runtime.search.verdict import Verdict, in_words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgepatent_runtime.search.searchable import Facts, Searchable

    Page = npt.NDArray[np.uint8]


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """A stored drawing.

    ``path`` is relative to the source it came from, ``image`` where it should lie on this
    machine; ``row`` is the store's number for it, until the store changes.
    """

    path: str
    figure: str | None
    view: str | None
    text: str | None
    image: ImageRef
    row: int
    store: "Searchable"

    @classmethod
    def of(cls, store: "Searchable", row: int, facts: "Facts", **found: Any) -> Self:
        """The drawing at ``row`` of ``store``; ``found`` are the fields that a hit has besides."""
        record = facts.record
        return cls(
            path=facts.path,
            figure=record.figure,
            view=record.view,
            text=record.text,
            image=record.image,
            row=row,
            store=store,
            **found,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.image)!r})"

    def thumbnail(self) -> bytes | None:
        """Its small picture as the store keeps it, a PNG; None where there is none."""
        return self.store.thumbnail(self.row, self.image)

    def pixels(self) -> "Page | None":
        """Its pixels [H, W], paper 255: its file if it is here, else its thumbnail, else None."""
        from edgepatent_runtime import drawing, sources

        try:
            return drawing.crop(sources.read_page(self.image), self.image.box)
        except DrawingError:
            png = self.thumbnail()
        return None if png is None else _grey(png)


class DrawingHit(Drawing, frozen=True, kw_only=True):
    """A drawing of a patent that was found; ``score`` is its best cosine with any query view.

    It is NaN where nothing was compared (a search by words).
    """

    score: float


class Patent(msgspec.Struct, frozen=True, kw_only=True):
    """A patent with its drawings, in the order in which they came; ``index`` is who holds it.

    ``locarno``, ``klass``, ``subclass``, ``date`` and ``bibliography`` as in `Record`.
    """

    patent_id: str
    locarno: str | None
    klass: str | None
    subclass: str | None
    title: str | None
    date: str | None
    bibliography: Bibliography = NO_BIBLIOGRAPHY
    index: str
    drawings: Sequence[Drawing]

    @classmethod
    def of(
        cls, store: "Searchable", record: Record, drawings: Sequence[Drawing], **found: Any
    ) -> Self:
        """The patent that ``record`` is of; ``found`` are the fields that a hit has besides."""
        return cls(
            patent_id=record.patent_id,
            locarno=record.locarno,
            klass=record.klass,
            subclass=record.subclass,
            title=record.title,
            date=record.date,
            bibliography=record.bibliography,
            index=store.name,
            drawings=drawings,
            **found,
        )


class Hit(Patent, frozen=True, kw_only=True):
    """A patent that was found, with its drawings, best first.

    ``rank`` counts from 1. ``score`` is what it was ranked by: ``cosine``, BM25 where words alone
    were searched, or a sum of reciprocal ranks where both were fused. ``cosine`` in [-1, 1] is how
    alike it is to the query images; None where it was compared with none. ``probability`` is how
    likely it is the same design; None where that cannot be told (`Answer.doubt` says why).
    ``like`` is the id of a better hit that it is a near copy of, or of one family with; None for
    most. ``found_by`` says how a search for words found it: its "words", or without these its
    "look"; None where an image alone did.
    """

    rank: int
    score: float
    drawings: Sequence[DrawingHit]
    cosine: float | None = None
    probability: float | None = None
    like: str | None = None
    found_by: Literal["words", "look"] | None = None

    @property
    def verdict(self) -> Verdict | None:
        """The probability in words."""
        return None if self.probability is None else in_words(self.probability)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Hits by falling score, and the plan that found them.

    ``milliseconds`` is wall time; ``searched`` is how many drawings could have been found.
    ``field`` are the scores of the best patents, more than are hits; ``doubt`` is why some hits
    have no verdict, in a line; ``notes`` are lines on what was made of the words.
    """

    hits: list[Hit]
    plan: str
    milliseconds: float
    searched: int
    field: tuple[float, ...] = ()
    doubt: str | None = None
    notes: tuple[str, ...] = ()


PRODUCT = "a photograph of a product"
"""What a view looks like, in words, that is one: beside it there is one of its contours."""


class View(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A query image as it was searched.

    ``sha256`` is of its file; ``page`` the part that was meant, [H, W]; ``drawing`` the same
    normalised, [S, S]; ``quarters`` turns to the left of the page were searched with. ``weight``
    is what it counts beside other views, ``of`` the name of the sheet that it is a figure of.
    ``looks`` is what it looks like, "a photograph" say, where that is not a drawing; ``taken`` is
    the photograph [H, W] in which the sheet lay that was laid flat, or the product stood whose
    background was taken away. ``contours``: it was drawn from the photograph ``of`` a product.
    ``emphasis`` is the weight that its query was given.
    """

    name: str
    sha256: str
    page: "Page"
    drawing: "Page"
    quarters: int = 0
    weight: float = 1.0
    of: str | None = None
    looks: str | None = None
    taken: "Page | None" = None
    contours: bool = False
    emphasis: float = 1.0


class Result(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What came of a request: a sequence of hits, best first.

    ``indexes`` are the names of what was searched, ``space`` is that of their model,
    ``timings_ms`` are milliseconds of wall time.
    """

    request: Request
    views: list[View]
    answer: Answer
    timings_ms: dict[str, float]
    indexes: tuple[str, ...]
    space: str

    @property
    def hits(self) -> list[Hit]:
        """The hits of the answer."""
        return self.answer.hits

    @property
    def folded(self) -> list[Hit]:
        """The hits that are no close match, to be folded away where people read.

        Not those that the words found, where they ranked beside images: these were asked for. None
        where the request says how sure hits have to be, and none where nothing is closer: the
        nearest designs are then all that there is to see.
        """
        if self.request.min_confidence is not None or self.nothing_close:
            return []
        far = [hit for hit in self._heads() if hit.verdict == "no close match"]
        return [hit for hit in far if hit.found_by != "words"]

    @property
    def nothing_close(self) -> bool:
        """Whether there are hits, and each of them is no close match."""
        return bool(self.hits) and all(hit.verdict == "no close match" for hit in self.hits)

    @property
    def unfolded(self) -> list[Hit]:
        """The other hits, without those that are like a better one."""
        folded = {hit.rank for hit in self.folded}
        return [hit for hit in self._heads() if hit.rank not in folded]

    def like(self, head: Hit) -> list[Hit]:
        """The hits that are copies of ``head``, or of one family with it."""
        return [hit for hit in self.hits if hit.like == head.patent_id]

    def _heads(self) -> list[Hit]:
        there = {hit.patent_id for hit in self.hits}
        return [hit for hit in self.hits if hit.like not in there]

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> list[Hit]: ...
    def __getitem__(self, place: int | slice) -> Hit | list[Hit]:
        return self.hits[place]


def _grey(png: bytes) -> "Page":
    from io import BytesIO

    import numpy as np
    from PIL.PngImagePlugin import PngImageFile

    return np.asarray(PngImageFile(BytesIO(png)).convert("L"))
