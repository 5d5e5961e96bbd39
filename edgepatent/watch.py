"""Watches: requests that are kept, and how far each was asked of each index.

    queries/       the query images, named by their content
    watches/       one file a watch: what it asks, of which indexes
    seen.json      per watch: the generation of each index it has seen, the designs it has shown

Every file is readable by its owner alone and appears whole or not at all. Any number of programs
may read and write at once: changes take turns.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import msgspec

from edgepatent import kept, queries
from edgepatent.queries import KeptQueries
from edgepatent_runtime import whole
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.filters import later
from edgepatent_runtime.search.request import Request

FORMAT = 1
_WATCHES, _SEEN, _LOCK = "watches", "seen.json", "watches.lock"


Threshold = Literal["same", "similar", "any"]


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is asked of what is new in ``indexes`` (folders, addresses).

    Shown are all new designs that are at least what ``threshold`` says; the best ``request.top``
    where that is "any", or where an index cannot tell. ``matter`` is the folder of the matter
    whose noise is left out and that keeps what is found.
    """

    name: str
    created: str
    request: Request
    indexes: tuple[str, ...]
    threshold: Threshold = "similar"
    matter: str | None = None
    format: int = FORMAT


class Seen(msgspec.Struct, frozen=True):
    """How far a watch was asked: each index (`Moment.mark`), the designs that were shown.

    ``ran`` is when, UTC; "" for never.
    """

    generations: dict[str, int | str] = {}
    shown: tuple[str, ...] = ()
    ran: str = ""

    def further(self, other: "Seen") -> "Seen":
        """What both have seen."""
        generations = dict(self.generations)
        for index, generation in other.generations.items():
            generations[index] = later(generations.get(index, generation), generation)
        shown = tuple(dict.fromkeys((*self.shown, *other.shown)))
        return Seen(generations, shown, max(self.ran, other.ran))


class Watches:
    """The watches in a folder, which is made where there is none yet."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        kept.require_inside(self.folder, write=False)
        self._queries = KeptQueries(self.folder)

    def names(self) -> list[str]:
        """The names of all watches."""
        return sorted(path.stem for path in (self.folder / _WATCHES).glob("*.json"))

    def get(self, name: str) -> Watch:
        """A watch. Raises `InputError` where there is none, or it is damaged or newer."""
        path = self._path(name)
        try:
            watch = kept.read(path, Watch)
        except FileNotFoundError:
            known = ", ".join(self.names()) or "none yet: edgepatent watch add NAME IMG"
            raise InputError(f"there is no watch {name!r} (there are: {known})") from None
        if watch.name != name:
            raise InputError(f"{path} is damaged: it is of the watch {watch.name!r}")
        if watch.format > FORMAT:
            raise InputError(f"{path} has format {watch.format}: upgrade edgepatent")
        return msgspec.structs.replace(watch, request=self._queries.absolute(watch.request))

    def add(self, watch: Watch, generations: Mapping[str, int | str]) -> None:
        """Keep a watch that has seen the indexes up to ``generations``.

        Its query images must be kept already. Raises `InputError` where there is one of this name.
        """
        path = self._path(watch.name)
        with self._turn():
            if path.exists():
                raise InputError(f"there is a watch {watch.name!r}: remove it, or name another")
            self._see({watch.name: Seen(dict(generations))}, anew=True)
            relative = self._queries.relative(watch.request)
            text = msgspec.json.encode(msgspec.structs.replace(watch, request=relative))
            whole.write(path, msgspec.json.format(text, indent=2) + b"\n")

    def remove(self, name: str) -> None:
        """Forget a watch. Raises `InputError` where there is none."""
        self.get(name)
        with self._turn():
            self._path(name).unlink(missing_ok=True)

    def seen(self) -> dict[str, Seen]:
        """How far each watch was asked. Raises `InputError` where the file is damaged."""
        path = self.folder / _SEEN
        try:
            return kept.read(path, dict[str, Seen])
        except FileNotFoundError:
            return {}
        except InputError as error:
            raise InputError(
                f"{error}: remove it, and watches start again from what is new since a date: "
                "edgepatent watch run --since DATE"
            ) from error

    def see(self, seen: Mapping[str, Seen]) -> None:
        """Remember that watches were asked further, on the disk when this returns."""
        with self._turn():
            self._see(seen, anew=False)

    def keep_queries(self, request: Request, given: Mapping[str, bytes]) -> Request:
        """The same request, of images that are kept here; ``given`` are those that are no files."""
        self._make()
        return self._queries.keep_all(request, given)

    def _see(self, seen: Mapping[str, Seen], *, anew: bool) -> None:
        known = self.seen()
        for name, one in seen.items():
            known[name] = one if anew else known.get(name, Seen()).further(one)
        there = {*self.names(), *(seen if anew else ())}
        kept_ones = {name: one for name, one in known.items() if name in there}
        whole.write(self.folder / _SEEN, msgspec.json.encode(kept_ones))

    def _path(self, name: str) -> Path:
        return self.folder / _WATCHES / f"{kept.require_name(name, 'a watch')}.json"

    def _make(self) -> None:
        for folder in (self.folder, self.folder / _WATCHES, self.folder / queries.FOLDER):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _turn(self) -> AbstractContextManager[None]:
        self._make()
        return kept.turn(self.folder, _LOCK)
