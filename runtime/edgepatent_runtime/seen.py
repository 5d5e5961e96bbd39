"""Which drawings a model was trained on: hashes by which they are known again, no pictures.

A score on drawings that a model has seen says nothing. A run and its bundle carry ``seen.npz``:
for each size of drawing an array uint32 [N], sorted, of the first 32 bits of the BLAKE2b digest of
the normalised pixels. Four bytes a drawing, from which none can be drawn again; of a million
drawings that were never seen, N / 4,300 are taken for seen ones. A drawing is known again in any
file, but only if every pixel is the same: a crop or another scan of it is another drawing.
"""

import io
import zipfile
from collections.abc import Iterable, Mapping
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.arrays import DAMAGE
from edgepatent_runtime.errors import InputError

Hashes = npt.NDArray[np.uint32]
_MOST_BYTES = 1 << 28
_MOST_PIXELS, _MOST_SIZES = 4096, 16  # a bundle may be anybody's


class Seen:
    """``hashes`` holds, by the side of a drawing in pixels, the sorted hashes of those seen."""

    def __init__(self, hashes: Mapping[int, Hashes]) -> None:
        self.hashes = {size: np.unique(values) for size, values in hashes.items()}

    @classmethod
    def from_bytes(cls, data: bytes) -> "Seen":
        """Read ``seen.npz``. Raises `InputError` where ``data`` is anything else."""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                if sum(member.file_size for member in packed.infolist()) > _MOST_BYTES:
                    raise ValueError("its arrays are too large")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                found = {int(name): arrays[name] for name in arrays.files}
            if len(found) > _MOST_SIZES or not all(0 < size <= _MOST_PIXELS for size in found):
                raise ValueError("it speaks of drawings of impossible sizes")
            for values in found.values():
                if values.dtype != np.uint32 or values.ndim != 1:
                    raise ValueError("it holds other arrays than hashes uint32 [N]")
        except DAMAGE as error:
            raise InputError(f"the hashes of training drawings are damaged: {error}") from error
        return cls(found)

    def to_bytes(self) -> bytes:
        """What `from_bytes` reads."""
        out = io.BytesIO()
        np.savez(out, allow_pickle=False, **{str(k): v for k, v in sorted(self.hashes.items())})
        return out.getvalue()

    def joined(self, other: "Seen") -> "Seen":
        """What either has seen."""
        empty = np.zeros(0, np.uint32)
        return Seen(
            {
                size: np.concatenate([part.hashes.get(size, empty) for part in (self, other)])
                for size in self.hashes.keys() | other.hashes.keys()
            }
        )

    def knows(self, drawings: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Of drawings uint8 [N, (1,) S, S], normalised: which were seen, bool [N].

        All False where nothing was seen at their size: ask `sizes` first.
        """
        known: npt.NDArray[np.bool_] = np.isin(
            hashes(drawings), self.hashes.get(drawings.shape[-1], np.zeros(0, np.uint32))
        )
        return known

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes at which drawings were seen."""
        return tuple(size for size, values in self.hashes.items() if len(values))


def hashes(drawings: Iterable[npt.NDArray[np.uint8]]) -> Hashes:
    """The hash of each drawing uint8 [(1,) S, S]: uint32 [N]."""
    digests = (
        blake2b(np.ascontiguousarray(drawing).data, digest_size=4).digest() for drawing in drawings
    )
    return np.frombuffer(b"".join(digests), "<u4").astype(np.uint32)
