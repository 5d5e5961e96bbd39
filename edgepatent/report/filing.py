"""``search --record`` and ``replay``: a search as it goes into the file of an application."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from edgepatent import __version__, kept
from edgepatent.report.document import drawing_name
from edgepatent_runtime import whole
from edgepatent_runtime.bundle import INFO, digest
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.index import Index
from edgepatent_runtime.search.request import Request
from edgepatent_runtime.search.results import Result
from edgepatent_runtime.stores import absolute

FORMAT = 2
"""1: sheets were searched whole, of several pages the first, and a file never found itself."""

# Scores of another processor may differ in the last digits; the ranking is what counts.
SAME_SCORE = 5e-4


class FiledView(msgspec.Struct, frozen=True):
    """One query image: what it was called, the digest of its file, how it was turned."""

    name: str
    sha256: str
    quarters: int = 0


class FiledIndex(msgspec.Struct, frozen=True):
    """One collection, as it was."""

    path: str
    generation: int
    drawings: int
    patents: int


class FiledHit(msgspec.Struct, frozen=True):
    """One hit; ``drawing`` is where its best drawing lies."""

    rank: int
    score: float
    patent_id: str
    drawing: str


class FiledModel(msgspec.Struct, frozen=True):
    """The model that the collections carry; ``digest`` is the SHA-256 of its ``bundle.json``."""

    name: str
    space: str
    digest: str


class FiledSearch(msgspec.Struct, frozen=True):
    """Everything needed to say what was searched, with what, and what came of it.

    ``created`` is UTC, ISO 8601; ``request`` holds every option that decides the result. `plain`
    says how it differs from what is written.
    """

    format: int
    edgepatent: str
    created: str
    model: FiledModel
    indexes: list[FiledIndex]
    queries: list[FiledView]
    request: Request
    hits: list[FiledHit]
    timings_ms: dict[str, float]


def file(result: Result, index: Index) -> FiledSearch:
    """A result as it goes on file; ``index`` is what was searched."""
    info = index.bundle.info
    indexes = []
    for store in index.stores:
        with store.moment() as moment:
            drawings, patents = moment.counts()
            indexes.append(FiledIndex(absolute(store.name), moment.generation, drawings, patents))
    queries, unlike = (
        tuple(
            msgspec.structs.replace(
                one, path=one.path if one.path == "-" else str(Path(one.path).absolute())
            )
            for one in some
        )
        for some in (result.request.queries, result.request.unlike)
    )
    return FiledSearch(
        format=FORMAT,
        edgepatent=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=FiledModel(info.name, info.space, digest((index.bundle.folder / INFO).read_bytes())),
        indexes=indexes,
        queries=[FiledView(view.name, view.sha256, view.quarters) for view in result.views],
        request=msgspec.structs.replace(result.request, queries=queries, unlike=unlike),
        hits=[
            FiledHit(hit.rank, round(hit.score, 6), hit.patent_id, drawing_name(hit))
            for hit in result.hits
        ],
        timings_ms={name: round(value, 2) for name, value in result.timings_ms.items()},
    )


def plain(filed: FiledSearch) -> dict[str, Any]:
    """A filed search as it is written: in its file the request names the indexes."""
    document: dict[str, Any] = msgspec.to_builtins(filed)
    request = {"indexes": [index.path for index in filed.indexes], **document["request"]}
    return {**document, "request": request}


def write(filed: FiledSearch, path: Path) -> None:
    """Write a search as JSON that a person can read."""
    whole.write(path, encode(filed))


def encode(filed: FiledSearch) -> bytes:
    """A search as JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(plain(filed)), indent=2) + b"\n"


def read(path: Path) -> FiledSearch:
    """Read a filed search. Raises `InputError` for what is none, or one of a newer format."""
    try:
        document = msgspec.json.decode(kept.content(path))
        if document["format"] == 1:
            _from_format_1(document["request"])
        filed = msgspec.convert(document, FiledSearch)
        folders = msgspec.convert(document["request"].get("indexes", []), list[str])
    except FileNotFoundError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError, LookupError, TypeError,
            AttributeError) as error:  # fmt: skip
        raise InputError(f"{path} is not a search record: {error}") from error
    if filed.format > FORMAT:
        raise InputError(f"{path} has record format {filed.format}: upgrade edgepatent")
    asked = filed.request
    if not filed.indexes or len(filed.indexes) != len(folders):
        raise InputError(f"{path} is not a search record: its collections are not those searched")
    if len(filed.queries) < (0 if asked.like else len(asked.queries)):
        raise InputError(f"{path} is not a search record: its views are not those searched with")
    return filed


def _from_format_1(request: dict[str, Any]) -> None:
    """What the first format meant, said in the words of this one. Its pages counted from 0."""
    request["whole"] = request["not_itself"] = True
    for query in request.get("queries", ()):
        query["page"] = query.get("page", 0) + 1


def changes(old: FiledSearch, new: FiledSearch) -> list[str]:
    """What is not as it was when ``old`` was filed: model, collections, query images."""
    found = []
    if old.model != new.model:
        found.append(
            f"the model was {old.model.name} ({old.model.digest[:12]}), "
            f"is {new.model.name} ({new.model.digest[:12]})"
        )
    for before, now in zip(old.indexes, new.indexes, strict=True):
        if before.generation != now.generation:
            found.append(
                f"{now.path} held {before.drawings} drawings of {before.patents} patents, "
                f"holds {now.drawings} of {now.patents} (generation {before.generation}, "
                f"now {now.generation})"
            )
    if [one.sha256 for one in old.queries] != [one.sha256 for one in new.queries]:
        known = {one.sha256 for one in old.queries}
        others = dict.fromkeys(one.name for one in new.queries if one.sha256 not in known)
        found += [f"{name} is not the image that was searched with" for name in others] or [
            f"{len(old.queries)} views were searched with, are {len(new.queries)}"
        ]
    return found


def differences(old: FiledSearch, new: FiledSearch) -> list[str]:
    """How the hits differ, in words; empty where the search still gives the same."""

    def keyed(filed: FiledSearch) -> dict[str, FiledHit]:
        if filed.request.by == "drawing":
            return {f"{hit.patent_id} ({hit.drawing})": hit for hit in filed.hits}
        return {hit.patent_id: hit for hit in filed.hits}

    before, now = keyed(old), keyed(new)
    found = []
    for name, hit in before.items():
        other = now.get(name)
        if other is None:
            found.append(f"{name} was hit {hit.rank}, is no longer among the hits")
        elif other.rank != hit.rank:
            found.append(f"{name} was hit {hit.rank}, is hit {other.rank}")
        elif abs(other.score - hit.score) > SAME_SCORE:
            found.append(f"{name} scored {hit.score:.4f}, scores {other.score:.4f}")
    found += [f"{name} is new, hit {hit.rank}" for name, hit in now.items() if name not in before]
    return found
