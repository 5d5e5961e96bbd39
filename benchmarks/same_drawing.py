"""From which score on a hit is the very drawing that was asked with.

    python benchmarks/same_drawing.py [--shared ../shared] [--model starter] [--drawings 240]

Drawings of the three sets, each indexed as it is and asked with as another file of it: smaller,
as a JPEG, turned by a degree, thickened, faxed. Beside that: how close other drawings of the same
patent come, and drawings of other patents. What `trust.py` counts as one design (siblings, grants
of one title and applicant) counts as one patent here.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from trust import Drawing, drawings, saved

from edgepatent_runtime import sources
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.search.embedder import Embedder
from edgepatent_runtime.search.request import Query


def smaller(page: Image.Image) -> Image.Image:
    return page.resize((max(page.width // 2, 1), max(page.height // 2, 1)), Image.Resampling.BOX)


def faxed(page: Image.Image) -> Image.Image:
    return smaller(page).point(lambda grey: 255 * (grey > 160)).convert("1").convert("L")


FILES: dict[str, Callable[[Image.Image], bytes]] = {
    "the file itself": lambda page: saved(page, "PNG"),
    "half the size": lambda page: saved(smaller(page), "PNG"),
    "JPEG, quality 40": lambda page: saved(page, "JPEG", quality=40),
    "half the size, black and white": lambda page: saved(faxed(page), "PNG"),
    "turned by one degree": lambda page: saved(
        page.rotate(1, Image.Resampling.BILINEAR, expand=True, fillcolor=255), "PNG"
    ),
    "strokes two pixels thicker": lambda page: saved(page.filter(ImageFilter.MinFilter(3)), "PNG"),
}

SCORES = (0.9, 0.95, 0.97, 0.98, 0.99)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--model", default="starter")
    parser.add_argument("--drawings", type=int, default=240)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        every = drawings(arguments.shared / "data", arguments.model, work)
        for text in report(Embedder(Bundle.named(arguments.model)), every, arguments.drawings):
            print(text, flush=True)


def report(embedder: Embedder, every: list[Drawing], count: int) -> Iterator[str]:
    """The table, line by line."""
    at_least = " | ".join(f"≥ {score}" for score in SCORES)
    yield f"| asked with | its own score: 5 %, median | {at_least} |"
    yield "|---" * (2 + len(SCORES)) + "|"
    whole = [one for one in every if one.record.image.box is None]
    chosen = np.random.default_rng(0).permutation(len(whole))[:count]
    pages = [Image.fromarray(sources.read_page(whole[i].record.image)) for i in chosen]
    own = np.stack([whole[i].embedding for i in chosen])
    for name, file in FILES.items():
        asked = [
            embedder.read([Query("asked")], {"asked": file(page)}, whole=True, photo="no")[0]
            for page in pages
        ]
        embeddings = [embedder.encode(view.drawing[None])[0] for view in asked]
        yield line(name, (np.stack(embeddings) * own).sum(axis=1))
    embeddings = np.stack([one.embedding for one in every])
    designs = np.array([one.design for one in every])
    same, other = [], []
    for place, one in enumerate(every):
        scores = embeddings @ one.embedding
        scores[place] = -1
        alike = designs == one.design
        if alike.sum() > 1:
            same.append(scores[alike].max())
        other.append(scores[~alike].max())
    yield line("another drawing of the design, the closest", np.array(same))
    yield line("a drawing of another design, the closest", np.array(other))


def line(name: str, scores: np.ndarray) -> str:
    low, middle = np.quantile(scores, (0.05, 0.5))
    shares = " | ".join(f"{100 * (scores >= least).mean():.1f} %" for least in SCORES)
    return f"| {name} ({len(scores)}) | {low:.3f}, {middle:.3f} | {shares} |"


if __name__ == "__main__":
    main()
