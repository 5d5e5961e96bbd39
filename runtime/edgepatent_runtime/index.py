"""`Index`: drawings made searchable, for programs as for the command line."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Unpack, cast

import msgspec

from edgepatent_runtime import patent_id
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.errors import CollectionError, InputError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.search.request import Options, Request
from edgepatent_runtime.search.results import Drawing, Patent, Result, View
from edgepatent_runtime.search.searchable import Moment, Searchable
from edgepatent_runtime.stores import Store, engine, is_address

if TYPE_CHECKING:
    from edgepatent_runtime.collection import Collection
    from edgepatent_runtime.collection.check import Problem
    from edgepatent_runtime.collection.collection import Info
    from edgepatent_runtime.collection.ingest import Added
    from edgepatent_runtime.search.calibration import Confidence
    from edgepatent_runtime.search.embedder import Embedder
    from edgepatent_runtime.search.facets import Facets
    from edgepatent_runtime.search.kinds import Classifier, Suggestion
    from edgepatent_runtime.search.occlusion import Occlusion
    from edgepatent_runtime.search.searchable import Floats
    from edgepatent_runtime.search.views import Given, Page, Viewed
    from edgepatent_runtime.sources.source import Source

# So many patents are looked up at once by who goes through all of them.
_BLOCK = 256


class Classification(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Suggested Locarno subclasses, likeliest first, and how sure they are to be taken."""

    views: "list[View]"
    suggestions: "list[Suggestion]"
    calibration: "Confidence"


class Index:
    """One or several indexes of one model, open for search.

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

    @classmethod
    def open(
        cls, folders: Path | str | Sequence[Path | str], *, threads: int = 1, resident: bool = False
    ) -> "Index":
        """Open the index in a folder, or several of one model as one.

        A "folder" may be an address ("postgresql://…"), where a package that knows such is
        installed (see `stores`); ``resident`` loads the graphs, for a process that searches more
        than once. Raises `CollectionError` where there is no index, or one that is damaged or of a
        newer format, `SpaceMismatchError` where they do not share a model.
        """
        with ExitStack() as stack:
            named = [folders] if isinstance(folders, Path | str) else folders
            stores = [stack.enter_context(_store(folder, resident=resident)) for folder in named]
            index = cls(stores, threads=threads)
            index._stack = stack.pop_all()
        return index

    @classmethod
    def create(
        cls, folder: Path | str, model: Bundle | Path | str = "starter", *, threads: int = 1
    ) -> "Index":
        """Make an empty index in a new or empty folder, and open it.

        ``model`` is a bundle, its folder, or "starter"; the index keeps a copy of it. Raises
        `CollectionError` where the folder holds something (an index, too), `BundleError` for a
        damaged bundle.
        """
        if is_address(folder):
            engine(str(folder)).create(str(folder), _bundle(model)).close()
        else:
            from edgepatent_runtime.collection import Collection

            Collection.create(folder, _bundle(model)).close()
        return cls.open(folder, threads=threads)

    @classmethod
    def ready(
        cls,
        folder: Path | str,
        model: Bundle | Path | str | None = None,
        *,
        new: Bundle | Path | str = "starter",
        threads: int = 1,
    ) -> "Index":
        """Open the index in a folder or, where there is none yet, make it: the way to add to it.

        ``model`` None is the index's own, for a new one ``new``. Raises `SpaceMismatchError` where
        the index is there and of another model than the one named; else as `open` and `create`.
        """
        if not exists(folder):
            return cls.create(folder, new if model is None else model, threads=threads)
        if not is_address(folder):
            from edgepatent_runtime.collection import Collection

            # An older format is brought up to date.
            Collection.open(folder, write=True).close()
        index = cls.open(folder, threads=threads)
        try:
            if model is not None:
                index._one().require_space(_bundle(model).info.space)
        except BaseException:
            index.close()
            raise
        return index

    def close(self) -> None:
        """Close what is open."""
        self._closed = True
        self._stack.close()

    def __enter__(self) -> "Index":
        self._require_open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Index {self.name}>"

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

    def only(self, places: Sequence[int]) -> "Index":
        """Some of the indexes that are open here, by their places, with the same model.

        They stay open as long as this one; closing the part closes nothing.
        """
        self._require_open()
        part = Index([self.stores[place] for place in places], threads=self.threads)
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
        return len(self._numbers())

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
        return self._look_up([patent_id.canonical(number)]) != []

    def __getitem__(self, number: str) -> Patent:
        """A patent with its drawings, by its number in any usual spelling.

        Raises `InputError` where it is not indexed.
        """
        self._require_open()
        if not isinstance(number, str):
            raise InputError(f"patents are looked up by their number, not by {number!r}")
        found = self._look_up([patent_id.canonical(number)])
        if not found:
            raise InputError(f"{patent_id.canonical(number)} is not indexed")
        return found[0]

    def get(self, number: str) -> Patent | None:
        """A patent by its number in any usual spelling; None where it is not indexed."""
        self._require_open()
        return next(iter(self._look_up([patent_id.canonical(number)])), None)

    def __iter__(self) -> Iterator[Patent]:
        """All patents with their drawings, in the order in which they came.

        One that goes while this goes on is left out, one that comes may be.
        """
        self._require_open()
        numbers = self._numbers()
        for start in range(0, len(numbers), _BLOCK):
            yield from self._look_up(numbers[start : start + _BLOCK])

    def _numbers(self) -> list[str]:
        """The id of every patent, once."""
        numbers: dict[str, None] = {}
        for store in self.stores:
            with store.moment() as moment:
                numbers.update((number, None) for number, _ in moment.patents())
        return list(numbers)

    def _look_up(self, numbers: Sequence[str]) -> list[Patent]:
        """Those of the patents that are indexed, in this order, each from the first that has it."""
        found: dict[str, Patent] = {}
        for store in self.stores:
            missing = tuple(number for number in numbers if number not in found)
            if missing:
                with store.moment() as moment:
                    found.update(_patents(store, moment, missing))
        return [found[number] for number in numbers if number in found]

    def info(self) -> "Info":
        """What the index holds. Raises `InputError` where several are open."""
        return self._one().info()

    def verify(self, progress: Progress = silent) -> "list[Problem]":
        """Everything that is wrong with the stored bytes; none is a sound index."""
        return self._folder().verify(progress)

    # -- changing

    def add(
        self,
        *what: "Path | str | Source | Iterable[Record]",
        embeddings: "Floats | None" = None,
        prune: bool = False,
        allow_empty: bool = False,
        thumbnails: bool = True,
        figures: bool | None = None,
        threads: int = 0,
        skipped: Skipped | None = None,
        progress: Progress = silent,
        totals: Mapping[str, int] | None = None,
    ) -> "Added":
        """Make drawings searchable: paths, sources, or iterables of records.

        Unchanged files cost a stat, renamed ones are recognised by their content, changed ones are
        replaced; each batch is on the disk before the next, so that an interruption loses little.
        ``embeddings`` [N, D] are those of the one iterable of N records, made by the index's own
        model. ``prune`` removes what has vanished from a source, all of it only with
        ``allow_empty``; without ``thumbnails`` hits can be shown only where their files are.
        ``figures`` takes sheets with several figures apart and stores these beside the sheet; None
        does so where a source holds sheets (grants, PDF, DeepPatent2's originals). What cannot be
        used is counted in ``skipped``.
        ``threads`` 0 takes all cores; ``totals`` is how many drawings a source has, by its
        ``spec``, for ``progress``.

        Works in a script without a guard for ``__main__``. Raises `SourceError` for what cannot be
        read at all, `LockedError` where another process writes.
        """
        from edgepatent_runtime.collection.ingest import Added

        skipped = Skipped() if skipped is None else skipped
        opened = [_opened(one) for one in what]
        result = Added()
        with self._writing() as collection:
            if embeddings is not None:
                if len(opened) != 1 or isinstance(what[0], Path | str):
                    raise InputError("embeddings go with one iterable of as many records")
                source = opened[0]
                result += collection.add_embeddings(
                    source.records(skipped),
                    embeddings,
                    root=source.root,
                    skipped=skipped,
                    progress=progress,
                )
            elif opened:
                from edgepatent_runtime.encoder import Encoder

                encoder = Encoder(collection.bundle, threads=threads or os.cpu_count() or 1)
                for source in opened:
                    result += collection.add(
                        source.records(skipped),
                        encoder,
                        root=source.root,
                        skipped=skipped,
                        progress=progress,
                        prune=prune,
                        allow_empty=allow_empty,
                        keep_thumbnails=thumbnails,
                        figures=getattr(source, "sheets", False) if figures is None else figures,
                        total=(totals or {}).get(source.spec),
                    )
            self._finish(collection, progress, threads)
        return result

    def remove(
        self,
        patents: Sequence[str] = (),
        *,
        locarno: Sequence[str] = (),
        since: str | None = None,
        before: str | None = None,
        progress: Progress = silent,
    ) -> int:
        """Forget the drawings of patents, classes or dates; how many those were.

        Conditions narrow each other. Raises `InputError` where there is none, `LockedError` where
        another process writes.
        """
        filters = Filters.read(patents=patents, locarno=locarno, since=since, before=before)
        if not filters:
            raise InputError("name patents, locarno, since or before: nothing says what to forget")
        with self._writing() as collection:
            removed = collection.remove(filters)
            self._finish(collection, progress)
        return removed

    def merge(
        self,
        *others: "Index | Path | str",
        only: Callable[[str], bool] | None = None,
        progress: Progress = silent,
    ) -> "Added":
        """Copy the drawings of other indexes of the same model in; nothing is encoded again.

        ``only`` says by their ids which patents; all, where it is None. Folders are opened one
        after the other, so that there may be thousands. Raises `SpaceMismatchError`, before
        anything is copied, where one is of another model.
        """
        from edgepatent_runtime.collection import Collection
        from edgepatent_runtime.collection.ingest import Added

        @contextmanager
        def opened(other: "Index | Path | str") -> Iterator[Collection]:
            if isinstance(other, Index):
                yield other._folder()
            else:
                with Collection.open(other) as collection:
                    yield collection

        result = Added()
        with self._writing() as target:
            for other in others:
                with opened(other) as collection:
                    collection.require_space(target.space)
            for other in others:
                with opened(other) as collection:
                    result += target.merge(collection, progress, only)
            self._finish(target, progress)
        return result

    def rebuild(
        self,
        model: Bundle | Path | str | None = None,
        *,
        figures: bool = False,
        threads: int = 0,
        skipped: Skipped | None = None,
        progress: Progress = silent,
    ) -> int:
        """Make the index anew: without the room of removed drawings, or encoded with ``model``.

        With a model every image must still be there. ``figures`` takes sheets apart that were
        stored whole, those that are still there, and stores their figures beside them; how many is
        what comes back. Interrupted, the same call goes on where it stopped. After another model,
        close the index and open it again.
        """
        skipped = Skipped() if skipped is None else skipped
        added = 0
        with self._writing_folder() as collection:
            if model is None and not figures:
                collection.compact(progress)
            else:
                from edgepatent_runtime.encoder import Encoder

                bundle = collection.bundle if model is None else _bundle(model)
                encoder = Encoder(bundle, threads=threads or os.cpu_count() or 1)
                if model is not None:
                    collection.rebuild(encoder, skipped, progress)
                if figures:
                    added = collection.take_apart(encoder, skipped, progress)
            self._finish(collection, progress, threads)
        return added

    @staticmethod
    def _finish(store: Store, progress: Progress, threads: int = 0) -> None:
        """What is due after changes, in the store and in what the index knows of itself."""
        from edgepatent_runtime.search import measuring

        store.finish(progress, threads)
        measured = measuring.due(store, progress)
        if measured is not None:
            store.keep_calibration(measured)

    def _one(self) -> Store:
        """The one store that this is. Raises `InputError` for several, or one that is only read."""
        self._require_open()
        if len(self.stores) > 1:
            raise InputError("several indexes are open as one: open the one that you mean")
        store = self.stores[0]
        if not hasattr(store, "finish"):
            raise InputError(f"{store.name} can be searched, and nothing else")
        return cast(Store, store)

    def _folder(self) -> "Collection":
        """The one folder that this is. Raises `InputError` for several, or another store."""
        from edgepatent_runtime.collection import Collection

        store = self._one()
        if not isinstance(store, Collection):
            raise InputError(f"{store.name} is no folder: this goes with folders only")
        return store

    @contextmanager
    def _writing(self) -> Iterator[Store]:
        """The store, open for writing; threads of this index take turns."""
        from edgepatent_runtime.collection import Collection

        store = self._one()
        if isinstance(store, Collection):
            with self._writing_folder() as collection:
                yield collection
        else:
            with self._turn:
                yield store

    @contextmanager
    def _writing_folder(self) -> "Iterator[Collection]":
        from edgepatent_runtime.collection import Collection

        folder = self._folder().folder
        with self._turn, Collection.open(folder, write=True) as collection:
            yield collection


def exists(name: Path | str) -> bool:
    """Whether there is an index in a folder, or at an address."""
    if is_address(name):
        return engine(str(name)).exists(str(name))
    from edgepatent_runtime.collection import catalog

    return catalog.exists(Path(name))


@contextmanager
def _store(name: Path | str, *, resident: bool) -> Iterator[Searchable]:
    """The index in a folder, or at an address, open for reading."""
    if is_address(name):
        with closing(engine(str(name))(str(name))) as store:
            yield store
    else:
        from edgepatent_runtime.collection import Collection

        with Collection.open(name, resident=resident) as collection:
            yield collection


def _bundle(model: Bundle | Path | str) -> Bundle:
    return model if isinstance(model, Bundle) else Bundle.named(model)


class _Named(msgspec.Struct):
    """Records that somebody passed in, as a source."""

    given: Iterable[Record]
    spec: str = "records"
    root: str = ""

    def records(self, skipped: Skipped) -> Iterator[Record]:
        for record in self.given:
            if not isinstance(record, Record):
                raise InputError(
                    f"add takes paths, sources or iterables of records, got {record!r} in one"
                )
            number = patent_id.canonical(record.patent_id)
            yield (
                record
                if number == record.patent_id
                else msgspec.structs.replace(record, patent_id=number)
            )


def _opened(what: "Path | str | Source | Iterable[Record]") -> "Source":
    if isinstance(what, Path | str):
        from edgepatent_runtime import sources

        return sources.open_source(str(what))
    if not isinstance(what, Iterable):
        if hasattr(what, "records") and hasattr(what, "root"):
            return what
        raise InputError(f"add takes paths, sources or iterables of records, got {what!r:.80}")
    return _Named(what)


def _patents(store: Searchable, moment: Moment, numbers: tuple[str, ...]) -> dict[str, Patent]:
    """Those of the patents that a store holds, by their ids."""
    facts = moment.facts(moment.scope(Filters(patents=numbers)).rows().tolist())
    drawings: dict[str, list[Drawing]] = {}
    known: dict[str, Record] = {}
    for row in sorted(facts):
        record = facts[row].record
        known.setdefault(record.patent_id, record)
        drawings.setdefault(record.patent_id, []).append(
            Drawing(
                path=facts[row].path,
                figure=record.figure,
                view=record.view,
                text=record.text,
                image=record.image,
                row=row,
                store=store,
            )
        )
    return {
        number: Patent(
            patent_id=number,
            locarno=record.locarno,
            klass=record.klass,
            subclass=record.subclass,
            title=record.title,
            date=record.date,
            bibliography=record.bibliography,
            index=store.name,
            drawings=drawings[number],
        )
        for number, record in known.items()
    }
