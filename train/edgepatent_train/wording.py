"""Fits the text side of a model: from titles to where their drawings lie.

Two ridges in closed form. One leads from titles, many of them without any drawing, to their US
classes: what it predicts of a title stands beside the title's own words. The other leads from
there to the kin part of the drawings that have a title. Both are linear, and become one map.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import uspc, whole
from edgepatent_runtime.bundle import CARD, WORDS, Bundle, write_info
from edgepatent_runtime.errors import BundleError, InputError
from edgepatent_runtime.wording import BINS, Wording, bags, known_words, unit
from edgepatent_train.ridge import Floats, one_hot, regression
from edgepatent_train.whiten import Doubles

KEPT = 48
"""Principal axes of the map: beyond them lies a hundredth of what it finds, for twice the bytes."""

RIDGE = 1.0
_SECTION = "\n## Words\n\n"
FEWEST = 50
Titles = Sequence[tuple[str, str]]


def read_titles(file: Path) -> list[tuple[str, str]]:
    """Titles with the class of each, from a CSV file.

    Its columns are ``title`` and ``class``, or ``uspc_d`` as IMPACT writes US classes ("D13108",
    several after commas).

    Raises `InputError` where the file cannot be read or holds no such titles.
    """
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} cannot be read as CSV: {error}") from error
    found = [(row.get("title") or "", _class(row)) for row in rows]
    titles = [(title, klass) for title, klass in found if title.strip() and klass]
    if not titles:
        raise InputError(f"{file} holds no titles with a class: it needs the columns title, class")
    return titles


def _class(row: dict[str, str]) -> str:
    known = row.get("class") or ""
    if not known and (code := uspc.parse((row.get("uspc_d") or "").split(",")[0])):
        known = uspc.klass(code)
    return known.strip()


class Taught(NamedTuple):
    """What titles with classes teach: how rare each part of a title is [B], the map of titles to
    their classes [B, C], and these titles.
    """

    rarity: npt.NDArray[np.float16]
    to_class: Doubles
    titles: list[str]

    def weighed(self, titles: Sequence[str]) -> Doubles:
        """Titles as bags [N, B] of unit length, rare parts weighing more."""
        return unit(bags(list(titles)) * self.rarity.astype(np.float32)).astype(np.float64)


def by_class(classes: Titles) -> Taught:
    """The first ridge: from titles to the class of each."""
    titles = [title for title, _ in classes]
    taught = Taught(_rarity(titles), np.zeros((BINS, 0)), titles)
    label = np.unique([klass for _, klass in classes], return_inverse=True)[1]
    hot = one_hot(label.astype(np.int64))
    return taught._replace(to_class=regression(taught.weighed(titles), hot, RIDGE))


def _rarity(titles: Sequence[str]) -> npt.NDArray[np.float16]:
    often = bags(list(titles)).sum(0)
    rarity = np.where(often > 0, np.log((1 + len(titles)) / np.maximum(1 + often, 1)), 0)
    return rarity.astype(np.float16)


def fit(titles: Sequence[str], kin: Floats, taught: Taught | None = None) -> Wording:
    """The text side for drawings with ``titles`` [N], of which ``kin`` [N, K] is the kin part.

    ``taught`` is what further titles have told (`by_class`). Raises `InputError` where there are
    too few titles to learn from.
    """
    if len(set(titles)) < FEWEST:
        raise InputError(
            f"{len(set(titles))} titles are too few to learn words from: it takes {FEWEST}, and "
            "serves with a thousand"
        )
    if taught is None:
        taught = Taught(_rarity(titles), np.zeros((BINS, 0)), [])
    mine, theirs = taught.weighed(titles), taught.weighed(taught.titles)
    told = np.hstack([mine, mine @ taught.to_class])
    middle = told.mean(0)
    way = regression(told - middle, kin - kin.mean(0), RIDGE)
    straight = way[:BINS] + taught.to_class @ way[BINS:]
    known = known_words([*titles, *taught.titles])
    return _narrowed(straight, middle @ way, mine, theirs, taught.rarity, known)


def _narrowed(
    straight: Doubles,
    offset: Doubles,
    mine: Doubles,
    theirs: Doubles,
    rarity: npt.NDArray[np.float16],
    known: npt.NDArray[np.uint32],
) -> Wording:
    """The map ``straight`` [B, K] on the principal axes of what it predicts, in 8 bits."""
    predicted = np.vstack([mine, theirs]) @ straight
    axes = np.linalg.eigh(predicted.T @ predicted)[1][:, ::-1][:, :KEPT]
    narrow = straight @ axes
    scale = np.maximum(np.abs(narrow).max(0) / 127, 1e-12)
    codes = np.rint(narrow / scale).astype(np.int8)
    lengths = np.linalg.norm(mine @ (codes * scale) @ axes.T - offset, axis=1)
    return Wording(
        rarity=rarity,
        codes=codes,
        axes=(scale[:, None] * axes.T).astype(np.float32),
        offset=offset.astype(np.float32),
        known=known,
        usual=np.float32(np.median(lengths)),  # type: ignore[arg-type]
    )


def with_words(bundle: Bundle, wording: Wording, out: Path, told: str) -> Bundle:
    """Write ``bundle`` to ``out``, a folder that must not exist yet, with a text side.

    Model and space are the same; a signature stays behind, for it was of another description.
    ``told`` is a paragraph for the model card. Raises `BundleError` for damage, and where ``out``
    cannot be written.
    """
    if out.exists():
        raise BundleError(f"{out} exists already: remove it, or choose another --out")
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        with whole.new_folder(out) as folder:
            for name in bundle.files:
                (folder / name).write_bytes(bundle.read(name))
            (folder / WORDS).write_bytes(wording.to_bytes())
            if CARD in bundle.files:
                card = bundle.read(CARD).decode().partition(_SECTION)[0]
                (folder / CARD).write_text(f"{card}{_SECTION}{told}\n", "utf-8")
            write_info(folder, bundle.info)
    except OSError as error:
        raise BundleError(f"{out} cannot be written: {error.strerror}") from error
    return Bundle(out)
