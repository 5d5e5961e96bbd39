"""The text side of a model: where in its embeddings drawings of what a text names lie.

A text is a bag of hashed words, pairs of words and groups of three and four letters, rare ones
weighing more; a linear map leads from there to the kin part of embeddings (`bundle.kin`). A bundle
carries it as ``words.npz``, half a megabyte; `edgepatent_train.wording` fits it to titles and their
drawings. ``benchmarks/untitled.md`` measures what it finds.
"""

import io
import re
import zipfile
import zlib
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.arrays import DAMAGE
from edgepatent_runtime.errors import InputError

BINS = 8192
"""So many hashed parts of a text are told apart."""

SURE = 0.5
"""A text is placed where its map is at least so long, of what titles usually have: words that
nothing is known of stay near the origin (`benchmarks/untitled.md`)."""

_MOST_BYTES = 1 << 26
_SHORTEST = 3

Floats = npt.NDArray[np.float32]


class Placed(NamedTuple):
    """A text among drawings.

    ``direction`` [K] is of unit length, None where nothing is known of the text; ``unknown`` are
    its words that no title had.
    """

    direction: Floats | None
    unknown: list[str]


class Wording:
    """The map: parts of texts → ``rarity`` [B], ``codes`` int8 [B, R], ``axes`` [R, K], ``offset``
    [K]. ``usual`` is how far titles usually lie from the origin, ``known`` the sorted hashes of
    words that titles had, uint32 [W].
    """

    def __init__(
        self,
        *,
        rarity: npt.NDArray[np.float16],
        codes: npt.NDArray[np.int8],
        axes: Floats,
        offset: Floats,
        known: npt.NDArray[np.uint32],
        usual: Floats,
    ) -> None:
        self.rarity = rarity
        self.codes = codes
        self.axes = axes
        self.offset = offset
        self.known = known
        self.usual = usual

    @classmethod
    def from_bytes(cls, data: bytes, dimensions: int) -> "Wording":
        """Read ``words.npz`` for a kin part of so many dimensions K.

        Raises `InputError` where ``data`` is anything else.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                # Before numpy unpacks them: zeros compress a thousandfold.
                if sum(member.file_size for member in packed.infolist()) > _MOST_BYTES:
                    raise ValueError("its arrays are too large")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in _KINDS}
            for name, kind in _KINDS.items():
                if found[name].dtype != kind:
                    raise ValueError(f"its {name} are not {np.dtype(kind)}")
            bins, kept = found["codes"].shape
            shapes = {
                "rarity": (bins,), "codes": (bins, kept), "axes": (kept, dimensions),
                "offset": (dimensions,), "known": (len(found["known"]),), "usual": (),
            }  # fmt: skip
            for name, shape in shapes.items():
                if found[name].shape != shape:
                    raise ValueError(f"its {name} have the shape {list(found[name].shape)}")
                if not np.isfinite(found[name]).all():
                    raise ValueError(f"its {name} are no numbers")
            if not bins or found["usual"] <= 0:
                raise ValueError("it places nothing")
        except DAMAGE as error:
            raise InputError(f"the text side of the model is damaged: {error}") from error
        return cls(**found)

    def to_bytes(self) -> bytes:
        """What `from_bytes` reads."""
        out = io.BytesIO()
        arrays = {name: getattr(self, name) for name in _KINDS}
        np.savez_compressed(out, allow_pickle=False, **arrays)
        return out.getvalue()

    def place(self, text: str) -> Placed:
        """Where drawings of what ``text`` names lie, and which of its words no title had."""
        bag = unit(bags([text], len(self.rarity)) * self.rarity.astype(np.float32))[0]
        there = np.flatnonzero(bag)
        found = bag[there] @ self.codes[there].astype(np.float32) @ self.axes - self.offset
        length = float(np.linalg.norm(found))
        unknown = [word for word in _words(text) if not self._knows(word)]
        sure = length >= SURE * float(self.usual)
        return Placed((found / length).astype(np.float32) if sure else None, unknown)

    def _knows(self, word: str) -> bool:
        """Whether a title had a word, in its singular or plural; short ones tell nothing."""
        forms = [word, word.removesuffix("s"), f"{word}s"]
        return len(word) < _SHORTEST or bool(np.isin(hashes(forms), self.known).any())


_KINDS = {
    "rarity": np.float16, "codes": np.int8, "axes": np.float32, "offset": np.float32,
    "known": np.uint32, "usual": np.float32,
}  # fmt: skip


def _words(text: str) -> list[str]:
    """The words of a text, each once, in order; an OR between alternatives is none."""
    return list(dict.fromkeys(re.findall(r"[a-z]+", re.sub(r"\bOR\b", " ", text).lower())))


def known_words(texts: list[str]) -> npt.NDArray[np.uint32]:
    """The sorted hashes of all words of ``texts``, as `Wording` keeps them."""
    return np.unique(hashes([word for text in texts for word in _words(text)]))


def hashes(parts: list[str]) -> npt.NDArray[np.uint32]:
    """CRC-32 of each part, as UTF-8."""
    return np.array([zlib.crc32(part.encode()) for part in parts], np.uint32)


def bags(texts: list[str], bins: int = BINS) -> Floats:
    """Texts → [N, ``bins``], 1 where something of them is hashed to."""
    found = np.zeros((len(texts), bins), np.float32)
    for row, text in enumerate(texts):
        words = _words(text)
        framed = [f"<{word}>" for word in words]
        letters = [
            f"c{w[i : i + n]}" for w in framed for n in (3, 4) for i in range(len(w) - n + 1)
        ]
        pairs = [f"{one} {other}" for one, other in pairwise(words)]
        found[row, hashes([*words, *pairs, *letters]) % bins] = 1
    return found


def unit(rows: Floats) -> Floats:
    """Rows [N, D] taken to length 1; zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), np.float32)
