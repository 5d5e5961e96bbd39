"""What the page works on: the open indexes, the query images, the matters and the jobs."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from edgepatent import matter
from edgepatent.matter import Matter
from edgepatent.web.bodies import Bodies
from edgepatent.web.images import Image, Images, Reference
from edgepatent.web.jobs import Jobs
from edgepatent.web.reading import Asked, Part, Reader
from edgepatent_runtime.errors import (
    DrawingError,
    EdgepatentError,
    InputError,
    SpaceMismatchError,
)
from edgepatent_runtime.index import Index
from edgepatent_runtime.search.request import Photo
from edgepatent_runtime.search.results import View
from edgepatent_runtime.stores import absolute

R = TypeVar("R")

# Threads that ask the index at once. Each keeps a connection and its cache; more would only wait
# for the same cores.
ASKING = 4
# Views and pictures that are kept ready, in bytes of their pixels.
VIEWS_ROOM = 24 << 20
PICTURES_ROOM = 16 << 20


class Desk:
    """Everything that outlives a request. Close it."""

    def __init__(self, indexes: Sequence[Path | str], matters: Path, *, threads: int = 1) -> None:
        self._open = partial(Index.open, indexes, threads=threads, resident=True)
        self._opening = threading.Lock()
        self._take(self._open())
        self.names = tuple(map(absolute, indexes))
        self._places = {store.name: place for place, store in enumerate(self.index.stores)}
        self.matters = matters
        self.images = Images()
        self.bodies = Bodies()
        self.jobs = Jobs()
        # Queries do not wait behind the pictures of the hits before.
        self.queries = Reader()
        self.pictures = Reader()
        self.drawn: Kept[bytes] = Kept(PICTURES_ROOM)
        self._views: Kept[list[View]] = Kept(VIEWS_ROOM)
        self._asking = ThreadPoolExecutor(ASKING, "edgepatent-asking")
        self._reading = ThreadPoolExecutor(2, "edgepatent-pictures")

    def _take(self, index: Index) -> None:
        """Work on ``index`` from now on."""
        # Each by itself, for what is said of one and done to one.
        self.each = [index.only([place]) for place in range(len(index.stores))]
        self.index = index

    def close(self) -> None:
        """End everything that is under way, and close the indexes."""
        self.jobs.close()
        for pool in (self._asking, self._reading):
            pool.shutdown(wait=True, cancel_futures=True)
        self.queries.close()
        self.pictures.close()
        self.index.close()

    async def ask(self, work: Callable[..., R], *arguments: object) -> R:
        """Do work that asks the index or the disk, beside the loop."""
        return await _beside(self._asking, self._on_one_edition, work, *arguments)

    async def look(self, work: Callable[..., R], *arguments: object) -> R:
        """Do work that makes pictures, beside the loop and beside what asks."""
        return await _beside(self._reading, self._on_one_edition, work, *arguments)

    def _on_one_edition(self, work: Callable[..., R], *arguments: object) -> R:
        """Do work; once more, where an index has got another model since it was opened.

        An update or a rebuild in another process brings one: what is open goes on to the end of
        its questions, and the indexes are opened again.
        """
        index = self.index
        try:
            return work(*arguments)
        except EdgepatentError as error:
            with self._opening:
                if self.index is index:
                    if not isinstance(error, SpaceMismatchError):
                        raise
                    # The old one goes when this one stands: one that cannot be opened says why.
                    self._take(self._open())
                    index.close()
        return work(*arguments)

    def image(self, key: str, case: str | None = None) -> Image:
        """A query image that was sent, or is kept in the matter ``case``.

        Raises `InputError` where it is gone.
        """
        image = self.images.get(key)
        if image is None and case is not None:
            path = self.matter(case).query(key)
            if path is not None:
                data = path.read_bytes()
                return self.images.keep(data, path.name, self.queries.describe(data))
        if image is None:
            raise InputError(
                "this image is no longer here: images are forgotten when there are many, and when "
                "the program ends, unless a matter keeps them. Drop it again."
            )
        return image

    def views(
        self,
        reference: Reference,
        case: str | None,
        *,
        anyway: bool,
        whole: bool,
        photo: Photo = "auto",
    ) -> list[View]:
        """A query as it is searched with. Raises `DrawingError` for what cannot be used."""
        image = self.image(reference.id, case)
        size = self.index.bundle.info.size
        key = (str(reference), anyway, whole, photo, size)
        views = self._views.get(key)
        if views is None:
            part = Part(image.data, reference.page, reference.crop)
            try:
                views = self.queries.views(Asked(part, image.name, size, anyway, whole, photo))
            except DrawingError as error:
                # Its detail speaks of options of the command line.
                said = f"{image.name} cannot be searched with: {error.reason}"
                raise DrawingError(said) from error
            self._views.put(key, views, sum(view.page.nbytes for view in views))
        return views

    def place(self, name: str) -> int:
        """The place of an index, by the name that hits give it."""
        return self._places[name]

    def label(self, place: int) -> str:
        """What people call an index: the end of its path, as much as tells it from the others."""
        parts = [Path(store.name).absolute().parts for store in self.index.stores]
        for count in range(1, len(parts[place]) + 1):
            ends = [one[-count:] for one in parts]
            if ends.count(ends[place]) == 1:
                break
        return "/".join(parts[place][-count:])

    def matter(self, name: str) -> Matter:
        """The matter ``name``. Raises `InputError` where there is none."""
        return Matter(matter.named(self.matters, name))


class Kept(OrderedDict[object, tuple[R, int]]):
    """What was used last, as much as there is room for. Safe from all threads."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room
        self._guard = threading.Lock()

    def get(self, key: object) -> R | None:  # type: ignore[override]
        """What was put there, None where it is gone."""
        with self._guard:
            if key not in self:
                return None
            self.move_to_end(key)
            return self[key][0]

    def put(self, key: object, value: R, size: int) -> None:
        """Keep ``value`` of ``size`` bytes; what was not used for longest makes room."""
        with self._guard:
            self[key] = (value, size)
            while sum(size for _, size in self.values()) > self._room:
                self.popitem(last=False)


async def _beside(pool: ThreadPoolExecutor, work: Callable[..., R], *arguments: object) -> R:
    return await asyncio.get_running_loop().run_in_executor(pool, partial(work, *arguments))
