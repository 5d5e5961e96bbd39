"""What is indexed, and work on it: adding a folder, checking every byte.

Work on an index needs a person at the machine: it is refused to clients that come over a network.
"""

import os
from pathlib import Path

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from edgepatent.web.desk import Desk
from edgepatent.web.jobs import JobEntry, Kind
from edgepatent.web.operations import Operation
from edgepatent.web.security import is_loopback
from edgepatent_runtime.errors import InputError

# Entries of a folder that are looked at; a folder of a million sheets is not listed for a hint.
_MOST_ENTRIES = 5000
_SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pdf", ".zip", ".tar", ".gz"
}  # fmt: skip


class IndexEntry(msgspec.Struct, frozen=True):
    """An open index: what it holds, from where, and whether it can be worked on from here."""

    place: int
    path: str
    patents: int
    drawings: int
    bytes: int
    model: str
    generation: int
    graph: str
    roots: dict[str, str]
    changeable: bool


class IndexesEntry(msgspec.Struct, frozen=True):
    """The open indexes, and the work on them."""

    indexes: list[IndexEntry]
    jobs: list[JobEntry]


class JobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Work on an index: ``folder`` goes with "add"."""

    kind: Kind
    folder: str | None = None


class FolderEntry(msgspec.Struct, frozen=True):
    """A folder on this machine."""

    name: str
    path: str


class FoldersEntry(msgspec.Struct, frozen=True):
    """A folder, the folders in it, and how many images it has (``more``: at least)."""

    folder: str
    parent: str | None
    folders: list[FolderEntry]
    images: int
    more: bool


async def indexes(desk: Desk, request: Request) -> IndexesEntry:
    """What is indexed."""

    def work() -> list[IndexEntry]:
        found = []
        for place, one in enumerate(desk.each):
            info = one.info()
            found.append(
                IndexEntry(
                    place,
                    one.name,
                    info.patents,
                    info.drawings,
                    info.bytes,
                    info.model,
                    info.generation,
                    info.graph,
                    info.roots,
                    one.changeable,
                )
            )
        return found

    return IndexesEntry(await desk.ask(work), desk.jobs.entries())


async def start(desk: Desk, request: Request) -> JobEntry:
    """Start work on an index."""
    _at_the_machine(request)
    place = request.path_params["place"]
    if place >= len(desk.each):
        raise HTTPException(404, "there is no such index here")
    desk.each[place].require_changeable()
    wanted = await desk.bodies.json(request, JobRequest)
    folder = None
    if wanted.kind == "add":
        folder = str(_folder(wanted.folder or ""))
    return await desk.ask(lambda: desk.jobs.start(wanted.kind, place, desk.names[place], folder))


async def job(desk: Desk, request: Request) -> JobEntry:
    """How far work has come."""
    return _found(desk.jobs.entry(request.path_params["job"]))


async def cancel(desk: Desk, request: Request) -> JobEntry:
    """End work; what it has done so far stays."""
    _at_the_machine(request)
    return _found(desk.jobs.cancel(request.path_params["job"]))


async def folders(desk: Desk, request: Request) -> FoldersEntry:
    """The folders in a folder, to choose one from."""
    _at_the_machine(request)
    folder = _folder(request.query_params.get("under") or str(Path.home()))

    def work() -> FoldersEntry:
        below, images, seen = [], 0, 0
        try:
            with os.scandir(folder) as entries:
                for seen, one in enumerate(entries):
                    if seen >= _MOST_ENTRIES:
                        break
                    if one.name.startswith("."):
                        continue
                    if one.is_dir():
                        below.append(FolderEntry(one.name, one.path))
                    elif Path(one.name).suffix.lower() in _SUFFIXES:
                        images += 1
        except OSError as error:
            raise InputError(f"{folder} cannot be opened: {error.strerror}") from error
        below.sort(key=lambda one: one.name.casefold())
        parent = None if folder.parent == folder else str(folder.parent)
        return FoldersEntry(str(folder), parent, below, images, seen >= _MOST_ENTRIES)

    return await desk.ask(work)


def _folder(text: str) -> Path:
    folder = Path(text)
    if not text or not folder.is_absolute() or "\0" in text:
        raise InputError("name a folder by its full path")
    folder = folder.resolve()
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder on this machine")
    return folder


def _found(entry: JobEntry | None) -> JobEntry:
    if entry is None:
        raise HTTPException(404, "there is no such work")
    return entry


def _at_the_machine(request: Request) -> None:
    if request.client is None or not is_loopback(request.client.host):
        raise HTTPException(403, "folders are looked at and added on the machine itself")


OPERATIONS = [
    Operation("GET", "/api/indexes", indexes, "What is indexed", IndexesEntry),
    Operation(
        "POST",
        "/api/indexes/{place:int}/jobs",
        start,
        "Add a folder to an index, or check every byte of it",
        JobEntry,
        body=JobRequest,
    ),
    Operation("GET", "/api/jobs/{job}", job, "How far work has come", JobEntry),
    Operation("DELETE", "/api/jobs/{job}", cancel, "End work; what is done stays", JobEntry),
    Operation(
        "GET",
        "/api/folders",
        folders,
        "The folders in a folder, to choose one from",
        FoldersEntry,
        query={"under": "the folder; the person's own without"},
    ),
]
