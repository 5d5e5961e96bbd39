"""What figures beside their sheets bring to search, and captions painted white.

    python benchmarks/figures_search.py --shared ../shared --out benchmarks/figures_search.md

All sheets of the shared grants, of uspto-sheets and of DeepPatent2 are the gallery. Queries are the
figures of sheets that show several, cut out by the splitter and worn (reduced to 45 %, turned by
one degree, noisy), and whole sheets. A patent scores by its best drawing; a query's own sheet, with
its figures, is left out where the table says so, for whole sheets always.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent.encoding import open_model, read_records
from edgepatent_runtime import drawing
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.figures import read_sheet, without_captions
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import read_page

Floats = npt.NDArray[np.float32]
Page = npt.NDArray[np.uint8]
FOLDERS = ("uspto-sheets", "uspto-grants", "deeppatent2-sheets")


class Drawings(NamedTuple):
    """Embeddings [N, D] with the patent [N] and the sheet [N] that each drawing belongs to."""

    embeddings: Floats
    patents: npt.NDArray[np.str_]
    sheets: npt.NDArray[np.int64]

    def __add__(self, other: "Drawings") -> "Drawings":  # type: ignore[override]
        return Drawings(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


def gather(records: list[Record], model: str) -> dict[str, Drawings]:
    """The whole sheets as they are and without captions, the figures of sheets with several."""
    opened = open_model(model)
    kinds = ("sheets", "white", "tight", "upright", "worn", "cut", "alone")
    found: dict[str, list[tuple[Floats, str, int]]] = {kind: [] for kind in kinds}
    draw = np.random.default_rng(0)
    for number, record in enumerate(records):
        try:
            page = read_page(record.image)
            sheet = read_sheet(page)
            clean = without_captions(page, sheet)
            parts = [("sheets", page), ("white", clean)]
            if len(sheet.figures) > 1:
                for one in sheet.figures:
                    part = drawing.crop(clean, one.box)
                    upright = np.ascontiguousarray(np.rot90(part, -one.turned))
                    copy = worn(part, draw)
                    parts += [("tight", part), ("upright", upright), ("worn", copy), ("cut", part)]
                    parts += [("alone", copy)]
            drawn = [drawing.normalise(part, opened.size) for _, part in parts]
            for place, (kind, _) in enumerate(parts):
                if kind in ("worn", "cut"):
                    # As a search with one figure draws it.
                    drawn[place] = drawing.beside(drawn[place])
        except DrawingError:
            continue
        for (kind, _), embedding in zip(
            parts, opened.encode(np.stack(drawn)[:, None]), strict=True
        ):
            found[kind].append((embedding, record.patent_id, number))
    return {
        kind: Drawings(
            np.stack([one[0] for one in part]),
            np.array([one[1] for one in part]),
            np.array([one[2] for one in part]),
        )
        for kind, part in found.items()
    }


def worn(part: Page, draw: np.random.Generator) -> Page:
    """A figure as a poor copy shows it."""
    small = cv2.resize(part, None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA)
    small = cv2.copyMakeBorder(small, 12, 12, 12, 12, cv2.BORDER_CONSTANT, value=255)
    height, width = small.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 1.0, 1.0)
    turned = cv2.warpAffine(small, turn, (width, height), borderValue=(255.0,))
    noisy = turned + draw.normal(0, 12, turned.shape)
    # The paper of a copy is white again.
    copy = np.where(noisy > 225, 255, noisy.clip(0, 255)).astype(np.uint8)
    # Read as any file is.
    return drawing.decode(cv2.imencode(".png", copy)[1].tobytes())


def middle(one: Drawings, other: Drawings) -> Drawings:
    """As figures are stored: in the middle between two drawings of each."""
    both = one.embeddings + other.embeddings
    return one._replace(embeddings=both / np.linalg.norm(both, axis=1, keepdims=True))


def first(queries: Drawings, gallery: Drawings, *, own_sheet: bool) -> float:
    """The share of queries whose patent is found first."""
    scores = queries.embeddings @ gallery.embeddings.T
    if not own_sheet:
        scores[queries.sheets[:, None] == gallery.sheets[None]] = -2
    # A patent that has nothing else cannot be found by anything.
    same = queries.patents[:, None] == gallery.patents[None]
    able = (same & (scores > -2)).any(axis=1)
    hits = gallery.patents[scores.argmax(axis=1)] == queries.patents
    return float(hits[able].mean())


def whole(
    queries: Drawings, gallery: Drawings, figures: Drawings | None = None, share: float = 0.25
) -> tuple[float, float]:
    """Same-patent mAP over sheets and R@1 of whole sheets, own sheet left out.

    Each sheet of the gallery scores by the best of its drawings; with ``figures`` those of the
    query's sheet are views beside it and count ``share`` together.
    """
    numbers, best = by_owner(queries, gallery, gallery.sheets)
    if figures is not None:
        _, views = by_owner(figures, gallery, gallery.sheets)
        best = beside(queries, best, figures, views, share)
    patent = {int(s): p for s, p in zip(gallery.sheets, gallery.patents, strict=True)}
    owners = np.array([patent[int(one)] for one in numbers])
    precisions, firsts = [], []
    for row, sheet, owner in zip(best, queries.sheets, queries.patents, strict=True):
        order = np.argsort(-row, kind="stable")
        order = order[numbers[order] != sheet]
        right = owners[order] == owner
        if right.any():
            places = np.flatnonzero(right)
            precisions.append(float((np.arange(1, len(places) + 1) / (places + 1)).mean()))
            firsts.append(bool(right[0]))
    return float(np.mean(precisions)), float(np.mean(firsts))


def by_owner(
    queries: Drawings, gallery: Drawings, owners: npt.NDArray[np.generic]
) -> tuple[npt.NDArray[np.generic], Floats]:
    """All owners [M] of the gallery, and the best score [N, M] of each for each query."""
    scores = queries.embeddings @ gallery.embeddings.T
    every = np.unique(owners)
    return every, np.stack([scores[:, owners == one].max(axis=1) for one in every], axis=1)


def beside(
    queries: Drawings, best: Floats, figures: Drawings, views: Floats, share: float
) -> Floats:
    """Scores [N, M] of sheets once those of their figures [K, M] count ``share`` beside them."""
    out = best.copy()
    for row, sheet in enumerate(queries.sheets):
        own = views[figures.sheets == sheet]
        if len(own):
            out[row] = (1 - share) * best[row] + share * own.mean(axis=0)
    return out


def cut_out(sheets: Drawings, figures: Drawings, worn: Drawings, share: float) -> float:
    """The share of sheets with several figures whose patent is first among cut-out figures.

    The gallery has the figures in place of these sheets; the query's figures are worn.
    """
    several = np.isin(sheets.sheets, figures.sheets)
    asked = Drawings(*(part[several] for part in sheets))
    gallery = Drawings(*(part[~several] for part in sheets)) + figures
    patents, best = by_owner(asked, gallery, gallery.patents)
    _, views = by_owner(worn, gallery, gallery.patents)
    found = patents[beside(asked, best, worn, views, share).argmax(axis=1)]
    return float((found == asked.patents).mean())


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--model", default="starter")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    wanted = parser.parse_args()
    specs = [str(wanted.shared / "data" / folder) for folder in FOLDERS]
    kinds = gather(list(read_records(specs, Skipped())), wanted.model)
    figures, queries = middle(kinds["tight"], kinds["cut"]), kinds["worn"]
    lines = [
        f"{len(kinds['sheets'].sheets)} sheets, {len(figures.sheets)} figures of "
        f"{len(np.unique(figures.sheets))} sheets that show several.",
        "",
        "| gallery | worn figure → patent, own sheet there | own sheet left out "
        "| as it is, own sheet left out | worn, an image by itself: own sheet there | left out "
        "| sheet → patent mAP | R@1 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    galleries = {
        "sheets": (kinds["sheets"], kinds["sheets"]),
        "sheets without captions": (kinds["white"], kinds["white"]),
        "sheets and figures": (kinds["sheets"] + figures, kinds["sheets"]),
        "sheets, and figures as large as the frame": (
            kinds["sheets"] + kinds["tight"],
            kinds["sheets"],
        ),
        "sheets, and figures as small as beside others": (
            kinds["sheets"] + kinds["cut"],
            kinds["sheets"],
        ),
        "sheets without captions, and figures": (kinds["white"] + figures, kinds["white"]),
        "sheets, and figures set upright": (kinds["sheets"] + kinds["upright"], kinds["sheets"]),
    }
    for name, (gallery, sheets) in galleries.items():
        precision, one = whole(sheets, gallery)
        lines.append(
            f"| {name} | {100 * first(queries, gallery, own_sheet=True):.1f} % "
            f"| {100 * first(queries, gallery, own_sheet=False):.1f} % "
            f"| {100 * first(kinds['cut'], gallery, own_sheet=False):.1f} % "
            f"| {100 * first(kinds['alone'], gallery, own_sheet=True):.1f} % "
            f"| {100 * first(kinds['alone'], gallery, own_sheet=False):.1f} % "
            f"| {precision:.3f} | {one:.3f} |"
        )
    both = kinds["sheets"] + figures
    lines += [
        "",
        "A sheet that shows several figures asked with these beside it, by what they count:",
        "",
        "| figures count | sheets and figures: mAP | R@1 | cut-out figures only: R@1 |",
        "|---|---|---|---|",
    ]
    for share in (0.0, 0.25, 0.5, 0.75):
        precision, one = whole(kinds["sheets"], both, kinds["cut"], share)
        cut = cut_out(kinds["sheets"], figures, queries, share)
        lines.append(f"| {100 * share:.0f} % | {precision:.3f} | {one:.3f} | {cut:.3f} |")
    text = "\n".join(lines)
    wanted.out.write_text(f"{text}\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
