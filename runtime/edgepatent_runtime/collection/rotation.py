"""The stored random rotation under which rows are kept."""

import numpy as np

from edgepatent_runtime.collection.vectors import Floats


def random_rotation(dimensions: int, seed: int = 0) -> Floats:
    """An orthogonal matrix [D, D], uniformly distributed (Mezzadri 2007, section 5).

    It spreads a vector's length evenly over its dimensions: int8 codes then lose less, and signs
    say equally much. It changes no inner product. A collection stores it, since the last digits
    of a QR decomposition depend on the machine.
    """
    gaussian = np.random.default_rng(seed).standard_normal((dimensions, dimensions))
    q, r = np.linalg.qr(gaussian)
    return np.asarray(q * np.sign(np.diag(r)), np.float32)
