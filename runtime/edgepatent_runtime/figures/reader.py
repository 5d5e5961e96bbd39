"""Reading a row of letters: a small network of our own, made by ``recipes/captions``."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_runtime import bundle

if TYPE_CHECKING:
    import onnxruntime

Page = npt.NDArray[np.uint8]

# Small letters read as capitals.
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-/'()"
# The frame a row is brought to; longer ones are squeezed.
HEIGHT, WIDTH = 24, 128
# White above and below the letters within the frame.
_EDGE = 2
_MODEL = Path(__file__).parent / "captions.onnx"


class Reading(NamedTuple):
    """What a row says, and the probability of the least certain of its letters."""

    text: str
    certainty: float


def framed(row: Page) -> Page:
    """A row of letters, grey uint8 [h, w], brought to the frame [HEIGHT, WIDTH] of the network."""
    height, width = row.shape
    inner = HEIGHT - 2 * _EDGE
    factor = inner / height
    wide = min(WIDTH - 2 * _EDGE, max(1, round(width * factor)))
    small = cv2.resize(row, (wide, inner), interpolation=cv2.INTER_AREA)
    frame = np.full((HEIGHT, WIDTH), 255, np.uint8)
    frame[_EDGE : _EDGE + inner, _EDGE : _EDGE + wide] = small
    return frame


def read(frames: Page) -> list[Reading]:
    """Read frames, uint8 [N, HEIGHT, WIDTH]: best path decoding (Graves et al. 2006, 3.2)."""
    if not len(frames):
        return []
    (scores,) = _session().run(None, {"frames": frames[:, None]})
    scores = np.asarray(scores, np.float32)
    odds = np.exp(scores - scores.max(axis=2, keepdims=True))
    odds /= odds.sum(axis=2, keepdims=True)
    return [_decoded(one) for one in odds]


def _decoded(odds: npt.NDArray[np.float32]) -> Reading:
    best = odds.argmax(axis=1)
    # Class 0 is the blank between letters.
    text, certainty = "", 1.0
    before, peak = 0, 0.0
    for step, letter in enumerate([*best.tolist(), 0]):
        if letter != before:
            if before:
                certainty = min(certainty, peak)
            peak = 0.0
            if letter:
                text += ALPHABET[letter - 1]
        if letter:
            peak = max(peak, float(odds[step, letter]))
        before = letter
    return Reading(text, certainty if text else float(odds[:, 0].min()))


@cache
def _session() -> "onnxruntime.InferenceSession":
    # Only here: a page without rows of letters needs no network.
    from edgepatent_runtime.encoder import open_kept

    model = _MODEL.read_bytes()
    return open_kept(model, bundle.digest(model), ours=True)
