"""``search --record`` and ``--replay``: a search as it goes into the file of an application."""

from pathlib import Path

import msgspec

from edgepatent.searching import Request
from edgepatent_runtime import whole
from edgepatent_runtime.errors import InputError

FORMAT = 1
# Scores of another processor may differ in the last digits; the ranking is what counts.
SAME_SCORE = 5e-4


class RecordedView(msgspec.Struct, frozen=True):
    """One query image: what it was called, the digest of its file, how it was turned."""

    name: str
    sha256: str
    quarters: int = 0


class RecordedIndex(msgspec.Struct, frozen=True):
    """One collection, as it was."""

    path: str
    generation: int
    drawings: int
    patents: int


class RecordedHit(msgspec.Struct, frozen=True):
    """One hit; ``drawing`` is where its best drawing lies."""

    rank: int
    score: float
    patent_id: str
    drawing: str


class RecordedModel(msgspec.Struct, frozen=True):
    """The model that the collections carry; ``digest`` is the SHA-256 of its ``bundle.json``."""

    name: str
    space: str
    digest: str


class SearchRecord(msgspec.Struct, frozen=True):
    """Everything needed to say what was searched, with what, and what came of it.

    ``created`` is UTC, ISO 8601; ``request`` holds every option that decides the result.
    """

    format: int
    edgepatent: str
    created: str
    model: RecordedModel
    indexes: list[RecordedIndex]
    queries: list[RecordedView]
    request: Request
    hits: list[RecordedHit]
    timings_ms: dict[str, float]


def write(record: SearchRecord, path: Path) -> None:
    """Write the record as JSON that a person can read."""
    whole.write(path, msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def read(path: Path) -> SearchRecord:
    """Read a record. Raises `InputError` for what is none, or one of a newer format."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=SearchRecord)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"{path} is not a search record: {error}") from error
    if record.format > FORMAT:
        raise InputError(f"{path} has record format {record.format}: upgrade edgepatent")
    asked = record.request
    if not asked.indexes or len(record.indexes) != len(asked.indexes):
        raise InputError(f"{path} is not a search record: its collections are not those searched")
    if len(record.queries) != (0 if asked.like else len(asked.queries)):
        raise InputError(f"{path} is not a search record: its views are not those searched with")
    return record


def changes(old: SearchRecord, new: SearchRecord) -> list[str]:
    """What is not as it was when ``old`` was recorded: model, collections, query images."""
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
    for then, query in zip(old.queries, new.queries, strict=True):
        if then.sha256 != query.sha256:
            found.append(f"{query.name} is not the image that was searched with")
    return found


def differences(old: SearchRecord, new: SearchRecord) -> list[str]:
    """How the hits differ, in words; empty where the search still gives the same."""

    def keyed(record: SearchRecord) -> dict[str, RecordedHit]:
        if record.request.by == "drawing":
            return {f"{hit.patent_id} ({hit.drawing})": hit for hit in record.hits}
        return {hit.patent_id: hit for hit in record.hits}

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
