"""Synthetic drawings by which a device finds out whether it computes what was certified."""

import numpy as np

from edgepatent_runtime import drawing
from edgepatent_runtime.encoder import Drawings
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources import open_source, read_page

COUNT = 8
SPEC = "synthetic:designs=8,views=1,seed=20240229"


def golden_drawings(size: int) -> Drawings:
    """Drawings uint8 [8, 1, size, size], the same every time; never anybody's real ones.

    Every second one is the middle of a drawing: its ink runs over the border, where a network
    that pads with something else than paper, or a device that does, would differ.
    """
    found = []
    for number, record in enumerate(open_source(SPEC).records(Skipped())):
        page = read_page(record.image)
        found.append(drawing.normalise(page, size) if number % 2 == 0 else _middle(page, size))
    return np.stack(found)[:, None]


def _middle(page: "np.typing.NDArray[np.uint8]", size: int) -> "np.typing.NDArray[np.uint8]":
    """The middle of a normalised drawing at twice the size: ink reaches all four borders."""
    large = drawing.normalise(page, 2 * size)
    start = size // 2
    return large[start : start + size, start : start + size]
