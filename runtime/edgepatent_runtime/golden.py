"""Whether an encoder gives, where it runs, what the model gave where it was exported.

A bundle brings drawings and the embeddings that they must give. The same file can give other ones:
8 bits on another processor, floats on a GPU.
"""

import numpy as np

from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import BundleError

COSINE = 0.99
"""What the certificate of an INT8 model asks of every drawing; other machines must do no worse."""


def lowest_cosine(encoder: Encoder) -> float:
    """The cosine of what was given with what must be, for the drawing where it is least.

    Raises `BundleError` where the golden drawings are damaged.
    """
    drawings, expected = encoder.bundle.golden
    return float(np.sum(encoder.encode(drawings) * expected, axis=1).min())


def require(encoder: Encoder) -> None:
    """Raise `BundleError` where embeddings would lie in a space of their own."""
    worst = lowest_cosine(encoder)
    # Not "worse than": NaN is refused.
    if not worst >= COSINE:
        raise BundleError(
            f"{encoder.bundle.info.name} ({encoder.precision}) gives other embeddings here than "
            f"where it was exported: lowest cosine {worst:.5f} of golden drawings, below {COSINE}; "
            "edgepatent doctor says more"
        )
