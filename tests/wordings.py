"""A text side for tests: made-up titles whose drawings lie where their words say."""

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.bundle import WORDS, Bundle, write_info
from edgepatent_runtime.wording import Wording
from edgepatent_train.wording import fit

THINGS = ("chair", "kettle", "lantern", "shoe", "bottle", "camera", "guitar", "helmet")
KINDS = ("folding", "electric", "garden", "small", "striped", "round", "tall", "portable")
Floats = npt.NDArray[np.float32]


def titles() -> list[str]:
    """Every kind of every thing."""
    return [f"{kind} {thing}" for thing in THINGS for kind in KINDS]


def centres(dimensions: int) -> Floats:
    """Where the drawings of each thing lie: orthonormal [things, D]."""
    q = np.linalg.qr(np.random.default_rng(5).standard_normal((dimensions, len(THINGS))))[0]
    return np.asarray(q.T, np.float32)


def around(things: list[str], dimensions: int, seed: int = 0) -> Floats:
    """A drawing of each of ``things``: unit vectors [N, D] near where its kind lies."""
    rng = np.random.default_rng(seed)
    found = centres(dimensions)[[THINGS.index(thing) for thing in things]]
    found = found + 0.3 * rng.standard_normal(found.shape) / np.sqrt(dimensions)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def fitted(dimensions: int) -> Wording:
    """What is learned from a drawing of every title."""
    return fit(titles(), around([title.split()[1] for title in titles()], dimensions))


def taught(bundle: Bundle) -> Bundle:
    """``bundle`` with a text side, in its own folder."""
    (bundle.folder / WORDS).write_bytes(fitted(len(bundle.info.kin)).to_bytes())
    write_info(bundle.folder, bundle.info)
    return Bundle(bundle.folder)
