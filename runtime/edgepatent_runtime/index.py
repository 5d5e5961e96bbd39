"""`Index`: drawings made searchable, for programs as for the command line."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.search.reader import Reader
from edgepatent_runtime.stores import Store, engine, exists, is_address, opened

if TYPE_CHECKING:
    from edgepatent_runtime.collection import Collection
    from edgepatent_runtime.collection.check import Problem
    from edgepatent_runtime.collection.embedding import Encodes
    from edgepatent_runtime.collection.info import Info
    from edgepatent_runtime.collection.ingest import Added
    from edgepatent_runtime.encoder import Encoder
    from edgepatent_runtime.search.searchable import Floats, Searchable
    from edgepatent_runtime.sources.source import Source


class Index(Reader):
    """One or several indexes of one model, open for search; one alone can be changed, too.

    Each question sees one state, whatever is written meanwhile by this or another process. Safe to
    share between threads. Close it, or use ``with``; after that every call raises
    `CollectionError`. Whatever is wrong with what was passed in raises `InputError`, one line.
    """

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
            stores = [stack.enter_context(opened(folder, resident=resident)) for folder in named]
            index = cls(stores, threads=threads)
            index._stack = stack.pop_all()
        return index

    @classmethod
    def create(
        cls, folder: Path | str, model: Bundle | Path | str = "starter", *, threads: int = 1
    ) -> "Index":
        """Make an empty index in a new or empty folder, and open it.

        ``model`` is a bundle, its folder, or the name of one that comes with the runtime; the index
        keeps a copy of it. Raises `CollectionError` where the folder holds something (an index,
        too), `BundleError` for a damaged bundle.
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

    def info(self) -> "Info":
        """What the index holds. Raises `InputError` where several are open."""
        return self._alone().info()

    def verify(self, progress: Progress = silent) -> "list[Problem]":
        """Everything that is wrong with the stored bytes; none is a sound index.

        Raises `InputError` where that is not for us to look at (`changeable`).
        """
        return self._one().verify(progress)

    # -- changing

    @property
    def changeable(self) -> bool:
        """Whether this can be changed, and verified, from here; a cluster is only asked."""
        return all(hasattr(store, "finish") for store in self.stores)

    def require_changeable(self) -> None:
        """Raise `InputError` where this is only asked from here, or where several are open."""
        store = self._alone()
        if not self.changeable:
            raise InputError(
                f"{store.name} can only be asked from here: change and verify its shards where "
                "they lie, by --index DIR/SHARD"
            )

    def add(
        self,
        *what: "Path | str | Source | Iterable[Record]",
        embeddings: "Floats | None" = None,
        prune: bool = False,
        allow_empty: bool = False,
        thumbnails: bool = True,
        figures: bool | None = None,
        encoder: "Encodes | None" = None,
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
        ``threads`` 0 takes all cores, for an encoder of the index's own; a program that adds to
        many may bring an ``encoder`` of their model. ``totals`` is how many drawings a source has,
        by its ``spec``, for ``progress``.

        Works in a script without a guard for ``__main__``. Raises `SourceError` for what cannot be
        read at all, `LockedError` where another process writes.
        """
        from edgepatent_runtime.collection.ingest import Added
        from edgepatent_runtime.sources import given

        skipped = Skipped() if skipped is None else skipped
        sources = [given.opened(one) for one in what]
        result = Added()
        with self._writing() as collection:
            if embeddings is not None:
                if len(sources) != 1 or isinstance(what[0], Path | str):
                    raise InputError("embeddings go with one iterable of as many records")
                source = sources[0]
                result += collection.add_embeddings(
                    source.records(skipped),
                    embeddings,
                    root=source.root,
                    skipped=skipped,
                    progress=progress,
                )
            elif sources:
                encoder = encoder or _adding(collection.bundle, threads)
                for source in sources:
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
            finish(collection, progress, threads)
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
            finish(collection, progress)
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
        def reading(other: "Index | Path | str") -> Iterator[Collection]:
            if isinstance(other, Index):
                yield other._folder("merge the folders or shards that it was filled from")
            else:
                with Collection.open(other) as collection:
                    yield collection

        result = Added()
        with self._writing() as target:
            for other in others:
                with reading(other) as collection:
                    collection.require_space(target.space)
            for other in others:
                with reading(other) as collection:
                    result += target.merge(collection, progress, only)
            finish(target, progress)
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
                bundle = collection.bundle if model is None else _bundle(model)
                encoder = _adding(bundle, threads)
                if model is not None:
                    collection.rebuild(encoder, skipped, progress)
                if figures:
                    added = collection.take_apart(encoder, skipped, progress)
            finish(collection, progress, threads)
        return added

    def _alone(self) -> "Searchable":
        """The one store that this is. Raises `InputError` for several."""
        self._require_open()
        if len(self.stores) > 1:
            raise InputError("several indexes are open as one: open the one that you mean")
        return self.stores[0]

    def _one(self) -> Store:
        """The one store that this is. Raises `InputError` for several, or one that is only read."""
        self.require_changeable()
        return cast(Store, self._alone())

    def _folder(self, instead: str) -> "Collection":
        """The one folder that this is. Raises `InputError` for several, or another store.

        ``instead`` says what to do with another store.
        """
        from edgepatent_runtime.collection import Collection

        store = self._one()
        if not isinstance(store, Collection):
            raise InputError(f"{store.name} is no folder, which this goes with: {instead}")
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

        folder = self._folder(
            "a database gives room back by itself; for another model, or for figures, add the "
            "sources to a new one"
        ).folder
        with self._turn, Collection.open(folder, write=True) as collection:
            yield collection


def finish(store: Store, progress: Progress = silent, threads: int = 0) -> None:
    """What is due after changes, in the store and in what the index knows of itself."""
    from edgepatent_runtime.search import measuring

    store.finish(progress, threads)
    measured = measuring.due(store, progress)
    if measured is not None:
        store.keep_calibration(measured)


def _bundle(model: Bundle | Path | str) -> Bundle:
    return model if isinstance(model, Bundle) else Bundle.named(model)


def _adding(bundle: Bundle, threads: int) -> "Encoder":
    """The model that encodes what is added, on ``threads`` cores.

    0 is what was saved for this machine (see `device`), else all of them.
    """
    from edgepatent_runtime import device
    from edgepatent_runtime.bundle import MODEL
    from edgepatent_runtime.encoder import Encoder

    saved = device.setting(bundle.info.files[MODEL])
    return Encoder(bundle, threads=threads or (saved and saved.adding) or os.cpu_count() or 1)
