"""Captions in letters of strokes, as draughtsmen letter them: upright, slanted, bold, with serifs.

Drawn here rather than with OpenCV's fonts, which differ between its versions 4 and 5.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_synthetic.draw import Draw

Page = npt.NDArray[np.uint8]

# Strokes of each letter on a grid of x 0–4, y 0–6 upward, as pairs of digits.
_GLYPHS = {
    "A": "00 26 40,12 32",
    "B": "00 06 36 45 44 33 03,33 42 41 30 00",
    "C": "45 36 16 05 01 10 30 41",
    "D": "00 06 26 45 41 20 00",
    "E": "46 06 00 40,03 33",
    "F": "46 06 00,03 33",
    "G": "45 36 16 05 01 10 30 41 43 23",
    "H": "06 00,46 40,03 43",
    "I": "26 20",
    "J": "46 41 30 10 01",
    "K": "06 00,46 02,13 40",
    "L": "06 00 40",
    "M": "00 06 22 46 40",
    "N": "00 06 40 46",
    "O": "16 36 45 41 30 10 01 05 16",
    "P": "00 06 36 45 44 33 03",
    "Q": "16 36 45 41 30 10 01 05 16,22 40",
    "R": "00 06 36 45 44 33 03,23 40",
    "S": "45 36 16 05 04 13 33 42 41 30 10 01",
    "T": "06 46,26 20",
    "U": "06 01 10 30 41 46",
    "V": "06 20 46",
    "W": "06 10 24 30 46",
    "X": "06 40,46 00",
    "Y": "06 23 46,23 20",
    "Z": "06 46 00 40",
    "i": "24 20,25 26",
    "g": "44 14 03 01 10 40,44 4- 1-",
    "0": "16 36 45 41 30 10 01 05 16",
    "1": "15 26 20",
    "2": "05 16 36 45 44 00 40",
    "3": "05 16 36 45 44 33 23,33 42 41 30 10 01",
    "4": "30 36 02 42",
    "5": "46 06 03 33 42 41 30 10 01",
    "6": "45 36 16 05 01 10 30 41 42 33 13 02",
    "7": "06 46 10",
    "8": "13 04 05 16 36 45 44 33 13 02 01 10 30 41 42 33",
    "9": "01 10 30 41 45 36 16 05 04 13 33 44",
    ".": "20 21",
    ",": "21 1-",
    "-": "03 43",
}
_NARROW = {"I": 0.3, "i": 0.3, "1": 0.6, ".": 0.35, ",": 0.35, " ": 0.5}
_SERIFED = set("ABDEFGHIKLMNPRTUVWXY147")


@dataclass(frozen=True)
class Lettering:
    """One face.

    ``height`` of a capital in pixels, ``weight`` of a stroke as a share of it, ``width`` of a
    letter as a share of its height, ``slant`` in x per y, ``tremble`` of the hand.
    """

    height: float = 18
    weight: float = 0.09
    width: float = 0.62
    slant: float = 0.0
    serifs: bool = False
    round: bool = True
    tremble: float = 0.0


def draw_lettering(draw: Draw, height: float) -> Lettering:
    """A face at random; ``height`` of a capital in pixels."""
    return Lettering(
        height=height,
        weight=draw.choice((0.05, 0.05, 0.06, 0.06, 0.07, 0.08, 0.1, 0.15)),
        width=draw.real(0.5, 0.75),
        slant=draw.choice((0.0, 0.0, 0.0, 0.22)),
        serifs=draw.chance(0.35),
        round=draw.chance(0.7),
        tremble=draw.choice((0.0, 0.0, 0.0, 0.03)),
    )


def lettered(text: str, face: Lettering, draw: Draw) -> Page:
    """The text [H, W] in ink 0 on paper 255, trimmed to itself."""
    unit = face.height / 6
    bold = face.weight * face.height
    # As with the lines of a figure: a stroke thinner than a pixel is grey.
    shade = round(255 * (1 - min(bold, 1.0)))
    pad = int(bold + face.height * 0.6) + 2
    advance = sum(_advance(c, face) for c in text)
    width = int(advance + abs(face.slant) * face.height) + 2 * pad
    page = np.full((int(face.height * 1.5) + 2 * pad, width), 255, np.uint8)
    base, x = pad + face.height, float(pad)
    for letter in text:
        step = _advance(letter, face)
        wide = face.width * face.height / 4
        left = x + (step - 4 * wide) / 2 - 0.04 * face.height
        for stroke in _strokes(letter, face):
            shake = np.array([[draw.real(-1, 1), draw.real(-1, 1)] for _ in stroke])
            at = stroke + shake * face.tremble * 6
            points = np.column_stack(
                [left + at[:, 0] * wide + at[:, 1] * unit * face.slant, base - at[:, 1] * unit]
            )
            fixed = np.rint(points * 16).astype(np.int32)
            cv2.polylines(page, [fixed], False, shade, max(1, round(bold)), cv2.LINE_AA, 4)
        x += step
    rows, columns = np.flatnonzero((page < 240).any(1)), np.flatnonzero((page < 240).any(0))
    if not len(rows):
        return page[:1, :1]
    return page[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _advance(letter: str, face: Lettering) -> float:
    return (face.width * _NARROW.get(letter, 1.0) + 0.18 + face.weight) * face.height


def _strokes(letter: str, face: Lettering) -> list[npt.NDArray[np.float64]]:
    """The strokes of a letter [P, 2] on the grid, rounded and with serifs as the face has them."""
    strokes = []
    for text in filter(None, _GLYPHS.get(letter, "").split(",")):
        points = np.array(
            [(int(p[0]), -1 if p[1] == "-" else int(p[1])) for p in text.split()], np.float64
        )
        if face.round and len(points) > 3 and letter not in "MNWEFZ4":
            points = _softened(points)
        strokes.append(points)
        if face.serifs and letter in _SERIFED:
            for x, y in (points[0], points[-1]):
                if y in (0, 6):
                    strokes.append(np.array([[x - 0.8, y], [x + 0.8, y]]))
    return strokes


def _softened(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cut every obtuse corner twice (Chaikin 1974); right angles stay."""
    for _ in range(2):
        out = [points[:1]]
        for a, b, c in zip(points, points[1:], points[2:], strict=False):
            u, v = b - a, c - b
            if (u * v).sum() > 0.2 * np.sqrt((u * u).sum() * (v * v).sum()):
                out.append(np.stack([b - 0.25 * u, b + 0.25 * v]))
            else:
                out.append(b[None])
        points = np.concatenate([*out, points[-1:]])
    return points
