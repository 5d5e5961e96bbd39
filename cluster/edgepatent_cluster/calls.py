"""What can be asked of a store that is elsewhere: every question of `searchable`, as data.

A call goes as MessagePack, is checked on arrival against its type, and holds nothing that anybody
would execute. Names, numbers, embeddings and facts travel; drawings do not.
"""

from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime import errors
from edgepatent_runtime.collection.info import Info
from edgepatent_runtime.errors import CollectionError, EdgepatentError, SpaceMismatchError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import ImageRef, Record

PROTOCOL = 3
"""Changes whenever a call or its answer does."""

Array = npt.NDArray[Any]
State = tuple[int, ...]
"""The generation of each shard, for a question to stay with; nothing while it has not begun."""

Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
T = TypeVar("T")

_KINDS = ("<f4", "<i8")


class Fact(msgspec.Struct, frozen=True):
    """What is known of a drawing: see `searchable.Facts`."""

    record: Record
    path: str


class About(msgspec.Struct, frozen=True, tag=True):
    """→ `Known`."""


class Known(msgspec.Struct, frozen=True):
    """What a store is, and what it has measured of itself."""

    protocol: int
    space: str
    dimensions: int
    shards: int
    calibration: bytes | None


class Tell(msgspec.Struct, frozen=True, tag=True):
    """→ `collection.Info`."""


class Model(msgspec.Struct, frozen=True, tag=True):
    """→ the files of the model by name."""


class Thumbnail(msgspec.Struct, frozen=True, tag=True):
    """→ a PNG or None."""

    row: int
    image: ImageRef


class Counts(msgspec.Struct, frozen=True, tag=True):
    """→ drawings and patents."""


class Patents(msgspec.Struct, frozen=True, tag=True):
    """→ id and subclass of each."""


class Unheld(msgspec.Struct, frozen=True, tag=True):
    """→ words that are not held, and what may be meant."""

    text: str


class Tally(msgspec.Struct, frozen=True, tag=True):
    """→ values and how many patents have them."""

    fields: tuple[str, ...]
    filters: Filters


class Scores(msgspec.Struct, frozen=True, tag=True):
    """→ cosines [V, N]."""

    queries: Array
    rows: Array


class Embeddings(msgspec.Struct, frozen=True, tag=True):
    """→ embeddings [N, D]."""

    rows: Array


class Require(msgspec.Struct, frozen=True, tag=True):
    """→ None."""

    rows: Array


class Facts(msgspec.Struct, frozen=True, tag=True):
    """→ `Fact` by row."""

    rows: tuple[int, ...]


class Within(msgspec.Struct, frozen=True):
    """What a scope is made of."""

    filters: Filters
    exclude: tuple[bytes, ...]
    plan: str


class Size(msgspec.Struct, frozen=True, tag=True):
    """→ how many rows, and the plan."""

    within: Within


class Rows(msgspec.Struct, frozen=True, tag=True):
    """→ rows [N]."""

    within: Within


class Nearest(msgspec.Struct, frozen=True, tag=True):
    """→ rows [N], cosines [N], whether these are all."""

    within: Within
    query: Array
    count: Count


class Siblings(msgspec.Struct, frozen=True, tag=True):
    """→ keys [N], rows [N]."""

    within: Within
    rows: Array


class Words(msgspec.Struct, frozen=True, tag=True):
    """→ BM25 and rows of each patent."""

    within: Within
    text: str
    count: Count


class Rank(msgspec.Struct, frozen=True, tag=True):
    """→ `Best`."""

    within: Within
    queries: Array
    shares: Array
    unlike: Array | None
    top: Count


class Best(msgspec.Struct, frozen=True):
    """`searchable.Ranked`, with the scope's size and plan."""

    scores: Array
    starts: Array
    rows: Array
    best: Array
    near: Array
    facts: dict[int, Fact]
    size: int
    plan: str


OfStore = About | Tell | Model | Thumbnail
Scoped = Size | Rows | Nearest | Siblings | Words | Rank
OfMoment = Counts | Patents | Unheld | Tally | Scores | Embeddings | Require | Facts | Scoped
Call = OfStore | OfMoment

ANSWERS: dict[type, Any] = {
    About: Known,
    Tell: Info,
    Model: dict[str, bytes],
    Thumbnail: bytes | None,
    Counts: tuple[int, int],
    Patents: list[tuple[str, str | None]],
    Unheld: dict[str, list[str]],
    Tally: list[tuple[tuple[str | None, ...], int]],
    Scores: Array,
    Embeddings: Array,
    Require: None,
    Facts: dict[int, Fact],
    Size: tuple[int, str],
    Rows: Array,
    Nearest: tuple[Array, Array, bool],
    Siblings: tuple[Array, Array],
    Words: list[tuple[float, Array]],
    Rank: Best,
}
"""What each call is answered with."""


class Asked(msgspec.Struct, frozen=True):
    """A call on its way, to a store of ``space``; "" while nobody has told which one that is."""

    protocol: int
    space: str
    state: State
    call: Call


class _Version(msgspec.Struct, frozen=True):
    """What is understood of a call of any version."""

    protocol: int


class Answer(msgspec.Struct, frozen=True):
    """An answer on its way; ``refused`` is the name of an error of ours, ``value`` its words."""

    state: State
    value: msgspec.Raw
    refused: str | None = None


def encode(value: object) -> bytes:
    """Calls, answers, and what is in them."""
    return _ENCODER.encode(value)


def decode(data: bytes | msgspec.Raw, kind: type[T] | Any) -> Any:
    """The same back. Raises `CollectionError` for what is nothing of the kind."""
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=_array)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CollectionError(f"this is no message of a cluster of ours ({error})") from error


def asked(data: bytes) -> Asked:
    """A call that has arrived. Raises `CollectionError` for one of another version, or none."""
    spoken = decode(data, _Version).protocol
    if spoken != PROTOCOL:
        raise CollectionError(
            f"the cluster speaks version {PROTOCOL} and was asked in version {spoken}: install "
            "the same edgepatent on both sides"
        )
    found: Asked = decode(data, Asked)
    return found


def require_space(name: str, space: str, wanted: str) -> None:
    """Raise `SpaceMismatchError` unless a store of ``space`` is what was asked (`Asked.space`)."""
    if wanted and space != wanted:
        raise SpaceMismatchError(
            f"{name} is of another model (space {space[:12]}) than was asked (space "
            f"{wanted[:12]}): open the index again, and see that all shards are of one model"
        )


def refusal(error: EdgepatentError) -> Answer:
    """An error as an answer."""
    return Answer((), msgspec.Raw(encode(str(error))), type(error).__name__)


def opened(answer: Answer, call: Call) -> Any:
    """The value of an answer; what was refused is raised as it was there."""
    if answer.refused is None:
        return decode(answer.value, ANSWERS[type(call)])
    kind = getattr(errors, answer.refused, None)
    words = decode(answer.value, str)
    if isinstance(kind, type) and issubclass(kind, EdgepatentError):
        error = kind.__new__(kind)
        error.args = (words,)
        raise error
    raise CollectionError(words)


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        kind = "<i8" if value.dtype.kind == "i" else "<f4"
        return kind, value.shape, np.ascontiguousarray(value, kind).tobytes()
    if isinstance(value, np.floating | np.integer):
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} does not travel")


def _array(kind: type, value: object) -> object:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("no array")
    name, shape, data = value
    if name not in _KINDS or not isinstance(shape, list) or not isinstance(data, bytes):
        raise ValueError("no array")
    return np.frombuffer(data, name).reshape(shape)


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)
