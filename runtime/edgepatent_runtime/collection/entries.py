"""What the catalog holds, as types: the state, derived files, stored files and drawings."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from edgepatent_runtime.bundle import MOST_DIMENSIONS
from edgepatent_runtime.record import ImageRef, Record

DIGEST = 16
"""So many bytes of the SHA-256 of a file's content are kept."""

MOST_ROWS = 1 << 32
_MOST_PICTURE = 1 << 20

# What the catalog says is anybody's: a collection may have come by mail. Names of files are those
# that a writer gives, so that none leads out of the folder or to another part of it.
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_ROWS)]
VectorsName = Annotated[str, msgspec.Meta(pattern=r"\Avectors-[0-9]{6,9}\.rows\Z")]
BundleName = Annotated[str, msgspec.Meta(pattern=r"\Abundle-[0-9]{6,9}\Z")]
DerivedName = Annotated[str, msgspec.Meta(pattern=r"\A(signs|graph)-[0-9-]{1,64}\Z")]
Digest = Annotated[bytes, msgspec.Meta(min_length=DIGEST, max_length=DIGEST)]
Words = Annotated[str, msgspec.Meta(pattern=r"\A[^\0]*\Z")]


class State(msgspec.Struct, frozen=True, array_like=True):
    """Which rows exist: ``rows`` of the file ``vectors``, as of ``generation``.

    They are embeddings by the model in the folder ``bundle``.
    """

    space: Words
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=MOST_DIMENSIONS)]
    bundle: BundleName
    vectors: VectorsName
    rows: Count
    generation: Annotated[int, msgspec.Meta(ge=0)]


class Derived(msgspec.Struct, frozen=True, array_like=True):
    """A file computed from the first ``rows`` rows of the file ``vectors``.

    ``digest`` is the graph's SHA-256, and ``basis`` of how many leading dimensions it is; ``mean``
    (float32 [D]) is what signs are taken around, fitted to the first ``basis`` rows.
    """

    file: DerivedName
    vectors: VectorsName
    rows: Count
    digest: str | None = None
    mean: bytes | None = None
    basis: Count | None = None


class File(msgspec.Struct, frozen=True, array_like=True):
    """A stored file: its key, size in bytes, mtime in ns and content digest."""

    key: int
    size: int
    mtime_ns: int
    digest: Digest


@dataclass(frozen=True)
class Stored:
    """A stored drawing: its row and record, its file and ``path`` below ``root``.

    ``thumbnail`` is where its picture lies (see `thumbnails`).
    """

    row: int
    record: Record
    file: File
    root: str
    path: str
    thumbnail: tuple[int, int] | None


class DrawingEntry(msgspec.Struct, frozen=True, array_like=True):
    """A drawing as `Catalog.stored` reads it, column by column."""

    row: Count
    patent_id: Words
    locarno: Words | None
    klass: Words | None
    subclass: Words | None
    title: Words | None
    date: Words | None
    figure: Words | None
    view: Words | None
    text: Words | None
    bibliography: str | None
    file: int
    size: int
    mtime_ns: int
    digest: Digest
    root: int
    path: Words
    part: Words
    thumbnail: Annotated[int, msgspec.Meta(ge=0)] | None
    thumbnail_size: Annotated[int, msgspec.Meta(ge=4, le=_MOST_PICTURE)] | None


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where the thumbnail of a row lies."""

    row: Count
    offset: Annotated[int, msgspec.Meta(ge=0)]
    size: Annotated[int, msgspec.Meta(ge=4, le=_MOST_PICTURE)]


def part_of(image: ImageRef) -> str:
    """What tells a drawing from others of the same file; "" for a file that is one drawing."""
    if not image.member and not image.page and image.box is None:
        return ""
    return msgspec.json.encode((image.member, image.page, image.box)).decode()


class _Part(msgspec.Struct, frozen=True, array_like=True):
    """Which of a file's drawings: see `part_of`."""

    member: tuple[Words, ...]
    page: Annotated[int, msgspec.Meta(ge=0)]
    box: tuple[Count, Count, Count, Count] | None


def image_of(path: str, part: str) -> ImageRef:
    """The reverse of `part_of`: the drawing ``part`` of the file ``path``."""
    if not part:
        return ImageRef(path)
    which = msgspec.json.decode(part, type=_Part)
    return ImageRef(path, which.member, which.page, which.box)
