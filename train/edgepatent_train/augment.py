"""Changes that leave a patent drawing the same design: on uint8 [S, S], paper 255, ink 0.

Every function takes a generator and is a pure function of it and of the drawing, so that a batch
is the same whichever worker makes it. Scale crops and rotations are off by default: in published
work on DeepPatent they cost 10 to 15 points (line width and upright views carry information).
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_train.recipe import AugmentRecipe

Drawing = npt.NDArray[np.uint8]
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
)
INK = 160  # darker than this is a stroke


def augment(drawing: Drawing, recipe: AugmentRecipe, rng: np.random.Generator) -> Drawing:
    """One augmented copy of a drawing [S, S]."""
    steps: list[tuple[float, Callable[[Drawing], Drawing]]] = [
        (recipe.remove_caption, remove_captions),
        (recipe.flip, lambda d: d[:, ::-1]),
        (recipe.rotate, lambda d: warp(d, rng, angle=15.0)),
        (recipe.scale, lambda d: warp(d, rng, zoom=1.3)),
        (recipe.shift, lambda d: shift(d, rng, recipe.shift_by)),
        (recipe.line_width, lambda d: line_width(d, rng)),
        (recipe.add_caption, lambda d: add_caption(d, rng)),
        (recipe.erase, lambda d: erase(d, rng, recipe.erase_area)),
    ]
    # One draw a step whether it is on or not: switching one off leaves the others as they were.
    for (probability, step), draw in zip(steps, rng.random(len(steps)), strict=True):
        if draw < probability:
            drawing = step(drawing)
    return np.ascontiguousarray(drawing)


def line_width(drawing: Drawing, rng: np.random.Generator) -> Drawing:
    """Thicken or thin strokes by up to about one pixel, in fractions of it."""
    amount = rng.uniform(-0.5, 1.0)
    kernel = np.ones((3, 3), np.uint8)
    changed = cv2.erode(drawing, kernel) if amount > 0 else cv2.dilate(drawing, kernel)
    return cv2.addWeighted(drawing, 1 - abs(amount), changed, abs(amount), 0).astype(np.uint8)


def erase(drawing: Drawing, rng: np.random.Generator, area: float) -> Drawing:
    """Paint a rectangle of up to ``area`` of the drawing white (Zhong et al. 2020)."""
    size = drawing.shape[0]
    share, aspect = rng.uniform(0.2, 1.0) * area, np.exp(rng.uniform(-1.0, 1.0))
    height = max(1, min(size, round(size * np.sqrt(share * aspect))))
    width = max(1, min(size, round(size * np.sqrt(share / aspect))))
    top, left = rng.integers(size - height + 1), rng.integers(size - width + 1)
    erased = drawing.copy()
    erased[top : top + height, left : left + width] = 255
    return erased


def shift(drawing: Drawing, rng: np.random.Generator, most: float) -> Drawing:
    """Move by up to ``most`` of the side; what comes in is paper."""
    dx, dy = rng.uniform(-most, most, 2) * drawing.shape[0]
    return _affine(drawing, np.array([[1, 0, dx], [0, 1, dy]], np.float64))


def warp(
    drawing: Drawing, rng: np.random.Generator, *, angle: float = 0.0, zoom: float = 1.0
) -> Drawing:
    """Rotate by up to ``angle`` degrees and scale by up to ``zoom``, about the centre."""
    centre = (drawing.shape[0] - 1) / 2
    factor = np.exp(rng.uniform(-1, 1) * np.log(zoom))
    turn = rng.uniform(-angle, angle)
    return _affine(
        drawing, np.asarray(cv2.getRotationMatrix2D((centre, centre), turn, factor), np.float64)
    )


def _affine(drawing: Drawing, matrix: npt.NDArray[np.float64]) -> Drawing:
    size = drawing.shape[0]
    moved = cv2.warpAffine(
        drawing, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(255.0,)
    )
    return moved.astype(np.uint8, copy=False)


def remove_captions(drawing: Drawing) -> Drawing:
    """Paint white what looks like a caption ("FIG. 3"): a short line of text, alone on paper.

    Strokes closer than a letter space are joined; a joined piece is taken for a caption when it
    is small (a side of at most 1/14, the other of at most 1/4 of the drawing), holds at least
    three separate strokes, and most of the ink lies elsewhere.
    """
    size = drawing.shape[0]
    ink = (drawing < INK).astype(np.uint8)
    gap = max(3, round(size / 32))
    joined = cv2.dilate(ink, np.ones((gap, gap), np.uint8))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(joined)
    _, strokes = cv2.connectedComponents(ink)
    cleaned = drawing.copy()
    total = int(ink.sum())
    for piece in range(1, count):
        left, top, width, height, _ = (int(v) for v in stats[piece])
        short, long = sorted((width - gap + 1, height - gap + 1))
        if not (short <= size / 14 and 1.5 * short <= long <= size / 4):
            continue
        window = np.s_[top : top + height, left : left + width]
        inside = pieces[window] == piece
        letters = np.unique(strokes[window][inside & (ink[window] > 0)])
        if len(letters) >= 3 and int(ink[window][inside].sum()) < total / 4:
            cleaned[window][inside] = 255
    return cleaned


def add_caption(drawing: Drawing, rng: np.random.Generator) -> Drawing:
    """Write a "FIG. n" of random font, size and direction where the paper is empty.

    A caption's font is its patent's own: where any drawing may carry any caption, it tells
    nothing. Without an empty place the drawing stays as it is.
    """
    size = drawing.shape[0]
    text = f"{rng.choice(('FIG. ', 'Fig. ', 'FIG.', 'FIGURE '))}{rng.integers(1, 13)}"
    font, scale = FONTS[rng.integers(len(FONTS))], size / rng.uniform(450, 900)
    (width, height), base = cv2.getTextSize(text, font, scale, 1)
    label = np.full((height + base + 2, width + 2), 255, np.uint8)
    cv2.putText(label, text, (1, height + 1), font, scale, (0,), 1, cv2.LINE_AA)
    if rng.random() < 0.2:
        label = np.rot90(label)
    rows, columns = label.shape
    if rows >= size or columns >= size:
        return drawing
    for _ in range(8):
        top, left = rng.integers(size - rows), rng.integers(size - columns)
        if drawing[top : top + rows, left : left + columns].min() == 255:
            written = drawing.copy()
            written[top : top + rows, left : left + columns] = label
            return written
    return drawing
