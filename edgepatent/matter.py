"""A matter: what was asked, found, rated and noted in one case, as a folder of plain files.

    matter.json         what the matter is called, when it was begun
    queries/            the query images, named by their content
    searches/           one record a search, as `search --record` writes it
    classifications/    one file for each time that a drawing was classified
    decisions.jsonl     ratings, notes and the shortlist: one line a change, the last one counts

Every file is readable by its owner alone. A file appears whole or not at all; a line of decisions
that a crash cut off is passed over and the next one starts on a line of its own. Any number of
programs may read and write at once: changes take turns by a lock that the operating system takes
back from a program that dies.
"""

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec

from edgepatent import kept, queries
from edgepatent.queries import KeptQueries
from edgepatent.report import filing
from edgepatent.report.classified import ClassifyDocument
from edgepatent.report.filing import FiledSearch
from edgepatent_runtime import whole
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.search.request import Query, Request

FORMAT = 1
Rating = Literal["relevant", "background", "noise"]
RATINGS: tuple[Rating, ...] = get_args(Rating)

_INFO, _SEARCHES, _DECISIONS = "matter.json", "searches", "decisions.jsonl"
_CLASSIFIED = "classifications"
_LOCK = "matter.lock"


class Info(msgspec.Struct, frozen=True):
    """What the matter is called; ``created`` is UTC, ISO 8601."""

    format: int
    title: str
    created: str


class Decision(msgspec.Struct, frozen=True):
    """What was decided about a design. ``changed`` is UTC, ISO 8601."""

    patent_id: str
    rating: Rating | None = None
    note: str = ""
    shortlisted: bool = False
    changed: str = ""

    @property
    def in_words(self) -> str:
        """Shortlist and rating, in a word or two; "" where nothing was decided."""
        return ", ".join(word for word in (self.shortlisted and "shortlist", self.rating) if word)


class Classified(msgspec.Struct, frozen=True):
    """What a drawing was classified as. ``created`` is UTC, ``queries`` are its views' copies."""

    created: str
    queries: tuple[str, ...]
    document: ClassifyDocument


class _Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of decisions: the fields that were set, the others stay as they were."""

    patent_id: str
    changed: str
    rating: Rating | msgspec.UnsetType | None = msgspec.UNSET
    note: str | msgspec.UnsetType = msgspec.UNSET
    shortlisted: bool | msgspec.UnsetType = msgspec.UNSET


class Matter:
    """An existing matter. Raises `InputError` where ``folder`` holds none, or a newer one."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        kept.require_inside(self.folder, write=False)
        self._queries = KeptQueries(self.folder)
        path = self.folder / _INFO
        try:
            self.info = kept.read(path, Info)
        except FileNotFoundError as error:
            raise InputError(f"there is no matter in {self.folder} ({error.strerror})") from error
        if self.info.format > FORMAT:
            raise InputError(f"{path} has format {self.info.format}: upgrade edgepatent")

    @classmethod
    def create(cls, folder: Path | str, title: str = "") -> "Matter":
        """Begin a matter, or open the one that is there.

        Raises `InputError` where ``folder`` holds anything else.
        """
        folder = Path(folder)
        if (folder / _INFO).is_file():
            return cls(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        strange = next((p.name for p in folder.iterdir() if not _is_ours(p.name)), None)
        if strange is not None:
            raise InputError(f"{folder} holds other files ({strange}): name a new folder")
        with kept.turn(folder, _LOCK):
            if not (folder / _INFO).is_file():
                for name in (queries.FOLDER, _SEARCHES):
                    (folder / name).mkdir(mode=0o700, exist_ok=True)
                info = Info(FORMAT, title or folder.name, kept.now())
                whole.write(folder / _INFO, msgspec.json.encode(info))
        return cls(folder)

    # -- decisions

    def decisions(self) -> dict[str, Decision]:
        """What was decided, by patent, in the order in which each was first decided about."""
        found: dict[str, Decision] = {}
        for change in self._changes():
            known = found.get(change.patent_id, Decision(change.patent_id))
            changes = {
                name: value
                for name in ("rating", "note", "shortlisted")
                if (value := getattr(change, name)) is not msgspec.UNSET
            }
            found[change.patent_id] = msgspec.structs.replace(
                known, changed=change.changed, **changes
            )
        return found

    def decide(
        self,
        patent_id: str,
        *,
        rating: Rating | msgspec.UnsetType | None = msgspec.UNSET,
        note: str | msgspec.UnsetType = msgspec.UNSET,
        shortlisted: bool | msgspec.UnsetType = msgspec.UNSET,
    ) -> Decision:
        """Change what is decided about a design; what is not named stays.

        On the disk when this returns. Raises `InputError` for a rating that there is not.
        """
        if rating is not msgspec.UNSET and rating is not None and rating not in RATINGS:
            raise InputError(f"there is no rating {rating!r}: use one of {', '.join(RATINGS)}")
        change = _Change(patent_id, kept.now(), rating, note, shortlisted)
        with kept.turn(self.folder, _LOCK):
            _append(self.folder / _DECISIONS, msgspec.json.encode(change))
        return self.decisions()[patent_id]

    def noise(self) -> frozenset[str]:
        """The designs that a later search shall hide."""
        return frozenset(k for k, d in self.decisions().items() if d.rating == "noise")

    def without_noise(self, request: Request) -> Request:
        """The same request, which leaves out what is rated noise."""
        hidden = dict.fromkeys((*request.not_patents, *sorted(self.noise())))
        return msgspec.structs.replace(request, not_patents=tuple(hidden))

    def _changes(self) -> Iterator[_Change]:
        try:
            lines = kept.content(self.folder / _DECISIONS).split(b"\n")
        except FileNotFoundError:
            return
        for line in lines:
            try:
                yield msgspec.json.decode(line, type=_Change)
            # Empty, or cut off by a crash.
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                continue

    # -- queries and searches

    def keep_query(self, data: bytes, name: str = "") -> Path:
        """Keep a query image, once; where it lies. ``name`` lends its suffix."""
        return self._queries.keep(data, name)

    def keep_queries(self, request: Request, given: Mapping[str, bytes] | None = None) -> Request:
        """The same request, of images that the matter keeps; ``given`` are those that are no files.

        Raises `OSError` where an image cannot be read.
        """
        return self._queries.keep_all(request, given or {})

    def query(self, digest: str) -> Path | None:
        """The query image whose SHA-256 starts with the 32 digits ``digest``; None: not kept."""
        return self._queries.find(digest)

    def keep_search(self, record: FiledSearch) -> str:
        """Keep a search; the name it has from now on.

        Its queries must be images that the matter keeps (`keep_queries`): they are named relative
        to it, so that the folder can be moved.
        """
        asked = self._queries.relative(record.request)
        relative = msgspec.structs.replace(record, request=asked)
        with kept.turn(self.folder, _LOCK):
            path = _free(self.folder / _SEARCHES, record.created)
            whole.write(path, filing.encode(relative))
        return path.stem

    def keep(self, record: FiledSearch, given: Mapping[str, bytes] | None = None) -> str:
        """Keep a search with copies of its query images: see `keep_queries` and `keep_search`."""
        request = self.keep_queries(record.request, given)
        return self.keep_search(msgspec.structs.replace(record, request=request))

    def keep_classified(
        self, document: ClassifyDocument, images: Sequence[str], given: Mapping[str, bytes]
    ) -> str:
        """Keep what a drawing was classified as, with copies of its views; the name it has then."""
        request = Request(queries=tuple(Query(image) for image in images))
        copies = self._queries.relative(self.keep_queries(request, given)).queries
        classified = Classified(kept.now(), tuple(one.path for one in copies), document)
        text = msgspec.json.format(msgspec.json.encode(classified), indent=2) + b"\n"
        with kept.turn(self.folder, _LOCK):
            folder = self.folder / _CLASSIFIED
            folder.mkdir(mode=0o700, exist_ok=True)
            path = _free(folder, classified.created)
            whole.write(path, text)
        return path.stem

    def classified(self) -> "list[Classified]":
        """What drawings were classified as, oldest first. Raises `InputError` for damage."""
        return [
            kept.read(path, Classified)
            for path in sorted((self.folder / _CLASSIFIED).glob("*.json"))
        ]

    def searches(self) -> list[str]:
        """The names of the searches, oldest first."""
        return sorted(p.stem for p in (self.folder / _SEARCHES).glob("*.json"))

    def search(self, name: str) -> FiledSearch:
        """A kept search, as it can be replayed. Raises `InputError` where there is none."""
        if name not in self.searches():
            raise InputError(f"there is no search {name!r} in {self.folder}")
        filed = filing.read(self.folder / _SEARCHES / f"{name}.json")
        return msgspec.structs.replace(filed, request=self._queries.absolute(filed.request))


_OURS = {_INFO, queries.FOLDER, _SEARCHES, _CLASSIFIED, _DECISIONS, _LOCK}


def _is_ours(name: str) -> bool:
    """Whether a matter has such a file; another program may just be writing its first one."""
    return name in _OURS or name.startswith(f".{_INFO}.")


def named(root: Path, name: str) -> Path:
    """The folder of the matter ``name`` below ``root``.

    Raises `InputError` for a name that could be any other file's.
    """
    return root / kept.require_name(name, "a matter")


def exists(folder: Path) -> bool:
    """Whether ``folder`` is a matter."""
    return (folder / _INFO).is_file()


def all_below(root: Path) -> list[str]:
    """The names of the matters below ``root``."""
    return sorted(path.parent.name for path in root.glob(f"*/{_INFO}"))


def _free(folder: Path, created: str) -> Path:
    """A name that no file of ``folder`` has, from the time of what shall have it."""
    stem = created[:19].replace(":", "").replace("-", "")
    number = 1
    while (path := folder / f"{stem}-{number:02}.json").exists():
        number += 1
    return path


def _append(path: Path, line: bytes) -> None:
    """A line at the end of a file, on the disk; what a crash left half is closed off first."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
        data = (b"\n" if torn else b"") + line + b"\n"
        written = os.write(descriptor, data)
        if written != len(data):  # a full disk: half a line shall not look like one
            os.ftruncate(descriptor, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
