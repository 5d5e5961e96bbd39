"""Rows of letters as patent sheets carry them, drawn by fonts, and what they say.

Captions in every spelling, numerals, other words, words upside down, and rows that are no letters
at all, found in synthetic drawings by the very steps that find captions on a sheet. Nothing here is
taken from a patent.
"""

import string
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from edgepatent_runtime.figures.ink import ink_of
from edgepatent_runtime.figures.lines import rows_of_letters
from edgepatent_runtime.figures.reader import ALPHABET, framed
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.lettering import draw_lettering, lettered

Page = npt.NDArray[np.uint8]

_PREFIXES = (
    *("FIG. ",) * 10,
    *("FIG.", "Fig. ", "FIG ", "Fig.") * 2,
    *("FIG-", "Fig ", "Figure ", "FIGURE ", "FIG, ", "FIGS. ", "fig. ", "FIG . "),
)
_WORDS = [
    *("PRIOR ART", "SECTION", "DETAIL", "SCALE", "US PATENT", "Sheet", "of", "view", "FRONT"),
    *("REAR", "TOP", "LEFT", "RIGHT", "SIDE", "BOTTOM", "OPEN", "CLOSED", "ON", "OFF", "START"),
    *("STOP", "MENU", "POWER", "VOL", "MODE", "Model", "No.", "Inventor", "Date", "ATTORNEY"),
]


class Samples:
    """Draws samples: a frame uint8 [HEIGHT, WIDTH] as the reader takes it, and its text.

    ``fonts`` is searched for font files at any depth; ``drawings`` are pages without captions.
    """

    def __init__(self, fonts: Path, drawings: list[Page], seed: int) -> None:
        self._draw = np.random.default_rng(seed)
        files = sorted(p for p in fonts.rglob("*") if p.suffix.lower() in (".ttf", ".otf"))
        # One family has fifty files, another one: each family weighs the same.
        families: dict[str, list[Path]] = {}
        for file in files:
            if _draws_letters(file):
                families.setdefault(file.stem.split("-")[0][:10].lower(), []).append(file)
        self._families = list(families.values())
        self._blank: list[Page] = []
        for page in drawings:
            self._blank += _rows(page) + _rows(np.ascontiguousarray(np.rot90(page)))
            self._blank += [self._part(page) for _ in range(20)]

    def draw(self) -> tuple[Page, str]:
        """One sample. What is no text, or stands upside down, reads as ""."""
        chance = self._draw.random()
        if chance < 0.17 and self._blank:
            page = self._blank[self._draw.integers(len(self._blank))]
            if self._draw.random() < 0.5:
                page = page[::-1]
            if self._draw.random() < 0.5:
                page = page[:, ::-1]
            return framed(np.ascontiguousarray(page)), ""
        text, caption = self._text()
        page = self._lettered(text)
        if caption and chance > 0.93:
            return framed(np.ascontiguousarray(page[::-1, ::-1])), ""
        return framed(page), "".join(c for c in text.upper() if c in ALPHABET)

    def _part(self, page: Page) -> Page:
        """Some part of a drawing, of the shape of a caption, cropped to its ink."""
        draw = self._draw
        height = int(page.shape[0] * draw.uniform(0.01, 0.08))
        height, width = max(12, height), max(20, int(height * draw.uniform(1.3, 7)))
        for _ in range(20):
            top = draw.integers(max(1, page.shape[0] - height))
            left = draw.integers(max(1, page.shape[1] - width))
            part = page[top : top + height, left : left + width]
            if (part < 128).mean() > 0.02:
                break
        part = part[_ink_box(part)]
        return part if min(part.shape) > 5 else page[:30, :90]

    def _text(self) -> tuple[str, bool]:
        draw = self._draw
        chance = draw.random()
        if chance < 0.68:
            return str(draw.choice(_PREFIXES)) + self._number(), True
        if chance < 0.78:
            return f"{draw.integers(1, 13)}.{draw.integers(1, 30)}", False
        if chance < 0.81:
            last = int(draw.integers(1, 30))
            of = str(draw.choice(["/", " / ", "/ "]))
            return f"{draw.integers(1, last + 1)}{of}{last}", False
        if chance < 0.88:
            suffix = str(draw.choice(["", "", "", "a", "b", "A", "'"]))
            return f"{int(np.exp(draw.uniform(0, 7)))}{suffix}", False
        if chance < 0.96:
            words = " ".join(draw.choice(_WORDS, draw.integers(1, 3)))
            return words[:14].strip(), False
        letters = list(string.ascii_letters + string.digits + ".-")
        return "".join(draw.choice(letters, draw.integers(1, 9))), False

    def _number(self) -> str:
        draw = self._draw
        high = draw.choice([9, 9, 15, 40, 130])
        number = str(draw.integers(1, high + 1))
        chance = draw.random()
        if chance < 0.12:
            number += str(draw.choice(list("ABCDEFGHIJKLM" if draw.random() < 0.7 else "abcdef")))
        elif chance < 0.15:
            number = f"{number}({draw.choice(list('abcABC'))})"
        elif chance < 0.17:
            number += str(draw.choice(["'", ".", "-1", ".1"]))
        return number

    def _lettered(self, text: str) -> Page:
        """The text in some face, scanned, cropped to its ink."""
        draw = self._draw
        if draw.random() < 0.15:
            return self._scanned(self._stroked(text))
        family = self._families[draw.integers(len(self._families))]
        font = ImageFont.truetype(str(family[draw.integers(len(family))]), 64)
        if draw.random() < 0.25 and " " in text:
            text = text.replace(" ", "  " if draw.random() < 0.5 else "")
        hollow = draw.random() < 0.1
        image = Image.new("L", (int(font.getlength(text)) + 90, 140), 255)
        pen = ImageDraw.Draw(image)
        if hollow:
            width = int(draw.integers(1, 3))
            pen.text((45, 25), text, 255, font, stroke_width=width, stroke_fill=0)
        else:
            pen.text((45, 25), text, 0, font)
        page = np.asarray(image)
        slant, turn = draw.normal(0, 0.04), draw.normal(0, 0.012)
        if draw.random() < 0.25:
            slant = draw.uniform(0, 0.32)
        wide = np.exp(draw.normal(0, 0.15))
        matrix = np.array([[wide, -slant, slant * 70], [turn, 1, -turn * 60]], np.float64)
        size = int(page.shape[1] * max(wide, 1) + 40), 150
        page = cv2.warpAffine(page, matrix, size, borderValue=(255.0,))
        if not hollow:
            page = self._inked(page)
        return self._scanned(page)

    def _stroked(self, text: str) -> Page:
        """The text in letters of strokes, as draughtsmen and their programs letter."""
        draw = Draw(int(self._draw.integers(1 << 31)))
        return lettered(text, draw_lettering(draw, draw.real(14, 90)), draw)

    def _scanned(self, page: Page) -> Page:
        """As large as on a sheet, in its one bit a pixel or in greys."""
        draw = self._draw
        page = page[_ink_box(page)]
        height = int(np.exp(draw.uniform(np.log(16), np.log(100))))
        factor = height / page.shape[0]
        scaled = max(1, round(page.shape[1] * factor)), height
        page = np.asarray(cv2.resize(page, scaled, interpolation=cv2.INTER_AREA), np.uint8)
        if draw.random() < 0.75:
            page = np.where(page < draw.integers(90, 215), 0, 255).astype(np.uint8)
        if draw.random() < 0.3:
            page = self._damaged(page)
        return self._margin(page)

    def _inked(self, page: Page) -> Page:
        """With thinner or thicker strokes."""
        step = int(self._draw.choice([0, 0, 0, 1, 1, 2]))
        if not step:
            return page
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (step + 1, step + 1))
        change = cv2.erode if self._draw.random() < 0.5 else cv2.dilate
        changed = np.asarray(change(page, kernel), np.uint8)
        return changed if (changed < 128).sum() > 0.4 * (page < 128).sum() else page

    def _damaged(self, page: Page) -> Page:
        """With specks of ink and of paper, as fax and scan leave them."""
        draw = self._draw
        page = page.copy()
        specks = draw.random(page.shape)
        share = draw.uniform(0, 0.03)
        page[specks < share / 2] = 255
        page[specks > 1 - share / 4] = 0
        if draw.random() < 0.3:
            row = draw.integers(page.shape[0])
            page[row : row + max(1, page.shape[0] // 30)] = 255
        return page

    def _margin(self, page: Page) -> Page:
        """With the crop a little too large or too small."""
        draw = self._draw
        height = page.shape[0]
        sides = [max(0, int(height * draw.normal(0.03, 0.04))) for _ in range(4)]
        return np.pad(page, (sides[:2], sides[2:]), constant_values=255)


def _rows(page: Page) -> list[Page]:
    ink = ink_of(page)
    found = []
    for left, top, width, height in rows_of_letters(ink, clear=1.0)[:60] * ink.factor:
        found.append(page[top : top + height, left : left + width])
    return found


def _draws_letters(file: Path) -> bool:
    if any(word in file.stem for word in ("Symbol", "Dingbat", "D050000L", "Keyboard")):
        return False
    try:
        font = ImageFont.truetype(str(file), 40)
        boxes = {font.getmask(letter).getbbox() for letter in "FG8"}
    except OSError:
        return False
    masks = [bytes(font.getmask(letter)) for letter in "FIG.38"]
    return None not in boxes and len(set(masks)) == 6


def _ink_box(page: Page) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero((page < 128).any(1)), np.flatnonzero((page < 128).any(0))
    if not len(rows):
        return slice(0, page.shape[0]), slice(0, page.shape[1])
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
