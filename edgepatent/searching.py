"""A search from what a person asked for to what was found, before anybody looks at it."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime import dates, domain, drawing, locarno, patent_id, query
from edgepatent_runtime.bundle import INFO, digest
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.filters import Filters
from edgepatent_runtime.errors import CollectionError, DrawingError, InputError
from edgepatent_runtime.query import Answer, Hit

if TYPE_CHECKING:
    from edgepatent_runtime.encoder import Encoder

Page = npt.NDArray[np.uint8]
Embeddings = npt.NDArray[np.float32]


class Query(msgspec.Struct, frozen=True):
    """One query image: a file, or "-" for standard input; the part of it that is meant.

    ``page`` counts from 0; ``crop`` is x, y, width, height in pixels of the page.
    """

    path: str
    page: int = 0
    crop: tuple[int, int, int, int] | None = None

    def __str__(self) -> str:
        text = "standard input" if self.path == "-" else self.path
        if self.page:
            text += f"#page={self.page + 1}"
        if self.crop:
            text += "#xywh={},{},{},{}".format(*self.crop)
        return text


class Request(msgspec.Struct, frozen=True):
    """Everything that decides the result of a search.

    The views ``queries`` of one design, or those of the indexed patent ``like``, or ``text``
    alone. ``text`` beside images filters, or is fused with their ranking (``fuse``).
    """

    indexes: tuple[str, ...]
    queries: tuple[Query, ...] = ()
    like: str | None = None
    text: str | None = None
    fuse: bool = False
    top: int = 10
    by: Literal["patent", "drawing"] = "patent"
    plan: str = "auto"
    any_rotation: bool = False
    anyway: bool = False
    locarno: tuple[str, ...] = ()
    not_locarno: tuple[str, ...] = ()
    since: str | None = None
    before: str | None = None
    patents: tuple[str, ...] = ()
    not_patents: tuple[str, ...] = ()

    def filters(self) -> Filters:
        """The filters, codes and ids in their canonical spelling, dates in ISO.

        Raises `InputError` for a date that is none.
        """
        return Filters(
            locarno=tuple(map(_code, self.locarno)),
            not_locarno=tuple(map(_code, self.not_locarno)),
            since=_date(self.since),
            before=_date(self.before),
            patents=tuple(map(patent_id.canonical, self.patents)),
            not_patents=tuple(map(patent_id.canonical, self.not_patents)),
            text=self.text if self._images and not self.fuse else None,
        )

    @property
    def _images(self) -> bool:
        return bool(self.queries) or self.like is not None


@dataclass(frozen=True)
class View:
    """A query view as it was searched.

    ``sha256`` is of its file; ``page`` the part that was meant, [H, W]; ``drawing`` the same
    normalised, [S, S]; ``quarters`` turns to the left of the page were searched with.
    """

    name: str
    sha256: str
    page: Page
    drawing: Page
    quarters: int = 0


@dataclass(frozen=True)
class Result:
    """What came of a request. ``timings_ms`` are milliseconds of wall time."""

    request: Request
    views: list[View]
    answer: Answer
    timings_ms: dict[str, float]


class Searcher:
    """Open collections with their model, for one or many searches. Close it, or use ``with``.

    ``resident`` loads the graphs, for a process that searches more than once. Raises
    `CollectionError` where a collection is missing or empty, `SpaceMismatchError` where they do
    not share a model.
    """

    def __init__(self, indexes: Sequence[str], *, threads: int = 1, resident: bool = False) -> None:
        self._stack = ExitStack()
        self.collections: list[Collection] = []
        self.threads = threads
        try:
            for folder in indexes:
                opened = Collection.open(Path(folder), resident=resident)
                self._stack.enter_context(opened)
                opened.require_space(
                    self.collections[0].space if self.collections else opened.space
                )
                self.collections.append(opened)
            if not any(self._drawings(collection) for collection in self.collections):
                raise CollectionError(
                    f"nothing is indexed in {', '.join(indexes)}: edgepatent index add SOURCE"
                )
        except BaseException:
            self.close()
            raise
        self.bundle = self.collections[0].bundle
        self._encoder: Encoder | None = None

    def close(self) -> None:
        """Close the collections."""
        self._stack.close()

    def __enter__(self) -> "Searcher":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def run(self, request: Request, standard_input: bytes = b"") -> Result:
        """Search. Raises `DrawingError` for a query that is no drawing, `InputError` for more."""
        started = time.perf_counter()
        timings = dict.fromkeys(("decode", "encode", "search", "total"), 0.0)
        filters = request.filters()
        views: list[View] = []
        if request.like is not None:
            embeddings, filters = self._stored_views(request.like, filters)
        elif request.queries:
            views = self._read(request.queries, standard_input, request.anyway)
            decoded = time.perf_counter()
            timings["decode"] = (decoded - started) * 1000
            if request.any_rotation:
                embeddings, views = self._upright(views, filters)
            else:
                embeddings = self._encode(np.stack([view.drawing for view in views]))
            timings["encode"] = (time.perf_counter() - decoded) * 1000
        elif request.text is None:
            raise InputError(
                "nothing to search for: name an image, --like PATENT_ID or --text WORDS"
            )
        before = time.perf_counter()
        if request.like is None and not request.queries:
            assert request.text is not None
            answer = self._words(request.text, request.top, filters)
        else:
            answer = self._images(request, embeddings, filters, views)
        now = time.perf_counter()
        timings["search"] = (now - before) * 1000
        timings["total"] = (now - started) * 1000
        return Result(request, views, answer, timings)

    def _images(
        self, request: Request, embeddings: Embeddings, filters: Filters, views: list[View]
    ) -> Answer:
        exclude = [bytes.fromhex(view.sha256) for view in views]

        def find(vectors: Embeddings, top: int, allowed: Filters) -> Answer:
            return query.search(
                self.collections,
                vectors,
                top=top,
                filters=allowed,
                plan=request.plan,
                exclude=exclude,
            )

        if request.by == "drawing":
            answers = [find(vector[None], request.top, filters) for vector in embeddings]
            return _by_drawing(answers, request.top)
        if request.text is None or not request.fuse:
            return find(embeddings, request.top, filters)
        from edgepatent_runtime import words

        images = find(embeddings, words.DEPTH, filters)
        texts = self._words(request.text, words.DEPTH, filters)
        ranked = {hit.patent_id for hit in images.hits}
        missing = tuple(hit.patent_id for hit in texts.hits if hit.patent_id not in ranked)
        if missing:
            # Found by words alone: their drawings' scores are still worth showing.
            scored = find(embeddings, len(missing), replace(filters, patents=missing))
            by_number = {hit.patent_id: hit for hit in scored.hits}
            texts = replace(
                texts,
                hits=[
                    replace(hit, drawings=by_number[hit.patent_id].drawings)
                    if hit.patent_id in by_number
                    else hit
                    for hit in texts.hits
                ],
            )
        return words.fuse(images, texts, top=request.top)

    def _words(self, text: str, top: int, filters: Filters) -> Answer:
        from edgepatent_runtime import words

        return words.search_words(self.collections, text, top=top, filters=filters)

    def _upright(self, views: list[View], filters: Filters) -> tuple[Embeddings, list[View]]:
        """Each view turned to where its best match in the collections scores highest."""
        chosen, turned = [], []
        for view in views:
            turns = [np.rot90(view.drawing, quarters) for quarters in range(4)]
            vectors = self._encode(np.stack(turns))
            best = []
            for vector in vectors:
                answer = query.search(self.collections, vector[None], top=1, filters=filters)
                best.append(answer.hits[0].score if answer.hits else -1.0)
            quarters = int(np.argmax(best))
            chosen.append(vectors[quarters])
            turned.append(replace(view, page=np.rot90(view.page, quarters), quarters=quarters))
        return np.stack(chosen), turned

    def _stored_views(self, number: str, filters: Filters) -> tuple[Embeddings, Filters]:
        """The stored embeddings of a patent, and filters that leave it out itself."""
        collection, rows = self._rows_of(number)
        with collection.reading() as (_, taken):
            taken.vectors.require(rows)
            # Rows are kept rotated; a query is not.
            vectors = taken.vectors.read(rows) @ taken.rotation
        hidden = (*filters.not_patents, patent_id.canonical(number))
        return vectors, replace(filters, not_patents=hidden)

    def embed(
        self, queries: Sequence[Query], *, standard_input: bytes = b"", anyway: bool = False
    ) -> tuple[list[View], Embeddings]:
        """Query views and their embeddings [V, D]. Raises `DrawingError` as `read_view` does."""
        views = self._read(queries, standard_input, anyway)
        return views, self._encode(np.stack([view.drawing for view in views]))

    def _read(self, queries: Sequence[Query], standard_input: bytes, anyway: bool) -> list[View]:
        size = self.bundle.info.size
        return [
            read_view(one, size, standard_input=standard_input, anyway=anyway) for one in queries
        ]

    def drawings_of(self, number: str) -> Hit:
        """All stored drawings of a patent, unscored. Raises `InputError` where it is unknown."""
        from edgepatent_runtime.words import unscored_hit

        collection, rows = self._rows_of(number)
        with collection.reading() as (catalog, _):
            stored = catalog.stored(rows.tolist())
        return unscored_hit(str(collection.folder), [stored[row] for row in rows.tolist()], 1.0)

    def _rows_of(self, number: str) -> tuple[Collection, npt.NDArray[np.int64]]:
        """The first collection that holds a patent, and the rows of its drawings."""
        number = patent_id.canonical(number)
        for collection in self.collections:
            with collection.reading() as (catalog, _):
                rows = catalog.matching(Filters(patents=(number,)))
            if len(rows):
                return collection, rows
        raise InputError(f"{number} is not indexed: --like takes the number of an indexed patent")

    def _encode(self, drawings: Page) -> Embeddings:
        if self._encoder is None:
            # A search by words or by an indexed patent needs no model: onnxruntime stays out.
            from edgepatent_runtime.encoder import Encoder

            self._encoder = Encoder(self.bundle, threads=self.threads)
        return self._encoder.encode(drawings)

    @staticmethod
    def _drawings(collection: Collection) -> int:
        with collection.reading() as (_, taken):
            return taken.live


def bundle_digest(searcher: Searcher) -> str:
    """The SHA-256 of the description of the model that a searcher uses."""
    return digest((searcher.bundle.folder / INFO).read_bytes())


def read_view(one: Query, size: int, *, standard_input: bytes = b"", anyway: bool = False) -> View:
    """Read a query image and normalise it to [size, size].

    Raises `DrawingError`, which names the query, for what cannot be used, and unless ``anyway``
    for what looks like anything but a drawing.
    """
    source = standard_input if one.path == "-" else Path(one.path)
    try:
        page = drawing.crop(drawing.decode(source, one.page), one.crop)
        normal = drawing.normalise(page, size)
        seen = domain.assess(page)
    except DrawingError as error:
        if one.path in error.detail:
            raise
        detail = f"{one} ({error.detail})" if error.detail else str(one)
        raise DrawingError(error.reason, detail) from error
    if seen.kind != "drawing" and not anyway:
        # The first page of a patent as PDF is its front page, not a drawing.
        pages = drawing.pages(source)
        other = f", --page (1 to {pages}) takes another page" if pages > 1 else ""
        raise DrawingError(
            f"looks like {domain.NAMES[seen.kind]}, not a drawing",
            f"{one}; --anyway uses it all the same{other}",
        )
    data = source if isinstance(source, bytes) else source.read_bytes()
    return View(str(one), hashlib.sha256(data).hexdigest(), page, normal)


def _by_drawing(answers: Sequence[Answer], top: int) -> Answer:
    """The best drawings of all views' answers, each a hit of its own."""
    hits: dict[tuple[str, int], Hit] = {}
    for answer in answers:
        for hit, found in _drawings_of(answer):
            key = (hit.collection, found.row)
            if key not in hits or found.score > hits[key].score:
                hits[key] = replace(hit, score=found.score, drawings=[found])
    ranked = sorted(hits.values(), key=lambda hit: -hit.score)[:top]
    return replace(
        answers[0],
        hits=[replace(hit, rank=rank) for rank, hit in enumerate(ranked, start=1)],
        milliseconds=sum(answer.milliseconds for answer in answers),
    )


def _drawings_of(answer: Answer) -> Iterator[tuple[Hit, query.DrawingHit]]:
    for hit in answer.hits:
        for found in hit.drawings:
            yield hit, found


def _code(text: str) -> str:
    """A Locarno code in its canonical spelling, or the label of a source's own taxonomy."""
    return locarno.parse(text) or text.strip()


def _date(text: str | None) -> str | None:
    if text is None:
        return None
    found = dates.parse(text)
    if found is None:
        raise InputError(f"{text!r} is not a date: write YYYY-MM-DD")
    return found
