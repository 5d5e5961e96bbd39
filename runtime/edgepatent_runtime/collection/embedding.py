"""Drawings as they are stored: encoded, figures of sheets in two sizes."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection.vectors import Floats
from edgepatent_runtime.drawing.normal import Page, beside
from edgepatent_runtime.record import ImageRef


class Encodes(Protocol):
    """What turns drawings [N, 1, S, S] uint8 into unit embeddings [N, D]: an `Encoder`."""

    bundle: Bundle

    def encode(self, drawings: Page) -> Floats:
        """Embed drawings."""
        ...


def embed(encoder: Encodes, drawings: Sequence[Page], images: Sequence[ImageRef]) -> Floats:
    """Unit embeddings [N, D] of drawings [S, S], each that of ``images`` [N].

    A part of a page, a figure, is stored in the middle between two drawings of it: as large as
    the frame, as it looks by itself, and as small as it looks beside others on a sheet. So it is
    found by either (``benchmarks/figures_search.md``).
    """
    figures = [place for place, image in enumerate(images) if image.box is not None]
    smaller = [beside(drawings[place]) for place in figures]
    encoded = encoder.encode(np.stack([*drawings, *smaller])[:, None])
    out = encoded[: len(drawings)].copy()
    middle = out[figures] + encoded[len(drawings) :]
    out[figures] = middle / np.linalg.norm(middle, axis=1, keepdims=True)
    return out
