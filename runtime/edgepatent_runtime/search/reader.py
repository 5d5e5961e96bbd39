"""`Reader`: one or several stores of one model, open for questions."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self, Unpack

import msgspec

from edgepatent_runtime import patent_id
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.errors import CollectionError, InputError
from edgepatent_runtime.search import lookup
from edgepatent_runtime.search.request import Options, Request
from edgepatent_runtime.search.results import Patent, Result, View
from edgepatent_runtime.search.searchable import Searchable

if TYPE_CHECKING:
    from edgepatent_runtime.search.calibration import Confidence
    from edgepatent_runtime.search.embedder import Embedder
    from edgepatent_runtime.search.facets import Facets
    from edgepatent_runtime.search.kinds import Classifier, Suggestion
    from edgepatent_runtime.search.occlusion import Occlusion
    from edgepatent_runtime.search.views import Given, Page, Viewed


class Classification(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Suggested Locarno subclasses, likeliest first, and how sure they are to be taken."""

    views: "list[View]"
    suggestions: "list[Suggestion]"
    calibration: "Confidence"


class Reader:
    """One or several indexes of one model, open for search: what `index.Index` answers.

    Each question sees one state, whatever is written meanwhile by this or another process. Safe to
    share between threads. Close it, or use ``with``; after that every call raises
    `CollectionError`. Whatever is wrong with what was passed in raises `InputError`, one line.
    """

    def __init__(self, stores: Sequence[Searchable], *, threads: int = 1) -> None:
        """Search ``stores`` as one; ``threads`` is how many cores one query's model may use.

        Raises `SpaceMismatchError` where they do not share a model.
        """
        from edgepatent_runtime.search.ranking import require_one_space

        if not stores:
            raise InputError("no index to open: name a folder")
        require_one_space(stores)
        self.stores = tuple(stores)
        self.threads = threads
        self._stack = ExitStack()
        self._closed = False
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._embedder: Embedder | None = None
        self._classifiers: dict[int, tuple[tuple[int, ...], Classifier]] = {}

    def close(self) -> None:
        """Close what is open."""
        self._closed = True
        self._stack.close()

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _require_open(self) -> None:
        if self._closed:
            raise CollectionError(f"{self!r} is closed: open it again")

    @property
    def name(self) -> str:
        """What people call it: its folder or its address, without a password."""
        return os.pathsep.join(store.name for store in self.stores)

    @property
    def bundle(self) -> Bundle:
        """The model of the index."""
        return self._embed().bundle

    # -- asking

    def search(
        self,
        views: "Request | Viewed | Sequence[Viewed] | None" = None,
        *,
        given: "Mapping[str, Given] | None" = None,
        **options: Unpack[Options],
    ) -> Result:
        """The patents whose drawings look like one or several ``views`` of a design, best first.

        A view is a path, the bytes of a file, a `Query` (a page or a part of a file), a PIL image,
        an array of pixels (uint8 [H, W], [H, W, 3 or 4]) or a ready embedding (floats [D], unit
        length). Without any, ``like`` or ``text`` says what to search for. ``options`` are the
        fields of a `Request`; a `Request` in place of the views says all of it at once, and
        ``given`` holds the images that its queries name where they are no files ("-" among them).

        An indexed query image is found, too, unless ``not_itself``. Raises `InputError` for what
        cannot be searched with, `DrawingError` (one of them) for a view that is no drawing,
        `CollectionError` where nothing is indexed.
        """
        from edgepatent_runtime.search.asking import Question

        self._require_open()
        if isinstance(views, Request):
            if options:
                raise InputError("a request says it all: change its fields, not the keywords")
            request = views
        else:
            from edgepatent_runtime.search.views import named

            queries, found = ((), {}) if views is None else named(views)
            request = Request(queries=queries, **options)
            given = {**(given or {}), **found}
        problem = request.contradiction()
        if problem is not None:
            raise InputError(problem)
        self._require_content()
        return Question(self.stores, self._embed(), request, given or {}).ask()

    def classify(
        self,
        views: "Viewed | Sequence[Viewed]",
        *,
        anyway: bool = False,
        given: "Mapping[str, Given] | None" = None,
    ) -> Classification:
        """Locarno subclasses for the views of one design, suggested by its neighbours.

        Views as in `search`. The confidence is what the index has measured on its own patents; one
        that has not measures for this call, which may take seconds. Raises `CollectionError` where
        fewer than two patents have a subclass.
        """
        from edgepatent_runtime.search.views import named

        self._require_open()
        self._require_content()
        queries, found = named(views)
        given = {**(given or {}), **found}
        embedder = self._embed()
        seen = embedder.read(queries, given, anyway=anyway, whole=True)
        embeddings = embedder.embed(queries, seen, given)
        classifier = self._classifier(len(embeddings))
        exclude = [bytes.fromhex(view.sha256) for view in seen]
        return Classification(
            views=seen,
            suggestions=classifier.suggest(embeddings, exclude),
            calibration=classifier.calibration,
        )

    def _require_content(self) -> None:
        if not any(self._counts(store)[0] for store in self.stores):
            names = ", ".join(store.name for store in self.stores)
            raise CollectionError(f"nothing is indexed in {names}: edgepatent index add SOURCE")

    def facets(self, request: Request) -> "Facets":
        """How many patents a request may find, by kind, year and index: see `facets.facets`."""
        from edgepatent_runtime.search.facets import facets

        self._require_open()
        return facets(self.stores, request)

    def occlusion(self, page: "Page", other: "Page") -> "Occlusion":
        """Which parts of ``page`` carry its score with ``other``, both uint8 [H, W].

        At most eighteen encodings: see `occlusion.occlusion`. Raises `DrawingError` for a page
        without ink.
        """
        from edgepatent_runtime.drawing import normalise
        from edgepatent_runtime.search.occlusion import occlusion

        embedder = self._embed()
        size = embedder.bundle.info.size
        query = embedder.encode(normalise(other, size)[None])[0]
        return occlusion(page, query, embedder.encode, size)

    def only(self, places: Sequence[int]) -> Self:
        """Some of the indexes that are open here, by their places, with the same model.

        They stay open as long as this one; closing the part closes nothing.
        """
        self._require_open()
        part = type(self)([self.stores[place] for place in places], threads=self.threads)
        part._embedder = self._embed()
        return part

    def _classifier(self, views: int) -> "Classifier":
        from edgepatent_runtime.search import calibration
        from edgepatent_runtime.search.kinds import Classifier, measure

        generations = []
        for store in self.stores:
            with store.moment() as moment:
                generations.append(moment.generation)
        state = tuple(generations)
        with self._guard:
            kept = self._classifiers.get(views)
            if kept is None or kept[0] != state:
                stored = [found for store in self.stores if (found := calibration.of(store))]
                measured = [one for found in stored if (one := found.confidence(views))]
                # Of several indexes, the largest says how sure suggestions are.
                confidence = max(measured, key=lambda one: one.patents, default=None)
                kept = (state, Classifier(self.stores, confidence or measure(self.stores, views)))
                self._classifiers[views] = kept
            return kept[1]

    def _embed(self) -> "Embedder":
        self._require_open()
        with self._guard:
            if self._embedder is None:
                from edgepatent_runtime.search.embedder import Embedder

                self._embedder = Embedder(self.stores[0].bundle, threads=self.threads)
            return self._embedder

    # -- looking things up

    @staticmethod
    def _counts(store: Searchable) -> tuple[int, int]:
        with store.moment() as moment:
            return moment.counts()

    def __len__(self) -> int:
        """How many patents there are."""
        self._require_open()
        if len(self.stores) == 1:
            return self._counts(self.stores[0])[1]
        return len(lookup.numbers(self.stores))

    def __bool__(self) -> bool:
        # An empty index is an index still.
        return True

    def __contains__(self, number: object) -> bool:
        """Whether a patent is indexed, by its number in any usual spelling."""
        self._require_open()
        if isinstance(number, Patent):
            number = number.patent_id
        if not isinstance(number, str):
            return False
        return lookup.patents(self.stores, [patent_id.canonical(number)]) != []

    def __getitem__(self, number: str) -> Patent:
        """A patent with its drawings, by its number in any usual spelling.

        Raises `InputError` where it is not indexed.
        """
        self._require_open()
        if not isinstance(number, str):
            raise InputError(f"patents are looked up by their number, not by {number!r}")
        found = lookup.patents(self.stores, [patent_id.canonical(number)])
        if not found:
            raise InputError(f"{patent_id.canonical(number)} is not indexed")
        return found[0]

    def get(self, number: str) -> Patent | None:
        """A patent by its number in any usual spelling; None where it is not indexed."""
        self._require_open()
        return next(iter(lookup.patents(self.stores, [patent_id.canonical(number)])), None)

    def __iter__(self) -> Iterator[Patent]:
        """All patents with their drawings, in the order in which they came.

        One that goes while this goes on is left out, one that comes may be.
        """
        self._require_open()
        return lookup.everything(self.stores)
