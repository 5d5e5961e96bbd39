"""Ready embeddings as files: a .npy beside a .jsonl that says what they are of."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.arrays import DAMAGE
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.record import Record


def read(
    embeddings: Path, metadata: Path | None = None
) -> tuple[Iterator[Record], npt.NDArray[np.float32]]:
    """Records, and their embeddings [N, D], mapped rather than read.

    ``metadata`` holds a record a line, by default FILE.jsonl beside FILE.npy (`edgepatent embed`
    writes both). Raises `InputError` where one of them cannot be used, for a record when it comes
    to it.
    """
    try:
        vectors = np.lib.format.open_memmap(embeddings, mode="r")
    except DAMAGE as error:
        raise InputError(f"{embeddings} is no file of embeddings: {error}") from error
    if vectors.dtype.kind != "f" or vectors.ndim != 2:
        raise InputError(
            f"{embeddings} is no file of embeddings: it holds {vectors.dtype} "
            f"{list(vectors.shape)}, not float32 [N,D]"
        )
    return _records(metadata or embeddings.with_suffix(".jsonl")), vectors


def _records(path: Path) -> Iterator[Record]:
    decoder = msgspec.json.Decoder(Record)
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield decoder.decode(line)
                except (msgspec.DecodeError, RecursionError) as error:
                    raise InputError(f"{path}, line {number}: {error}") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): name the records with --metadata"
        ) from error
