"""Does a photograph of a product find the line drawings of its design?

    python benchmarks/product.py [--shared ../shared] [--model starter] [--work DIR] [--out FILE]

Designs are made of the first 501 objects of ``furniture-meshes``, which no training of the starter
saw, each drawn in four sheets (perspective, front, right side, top) without captions, and indexed.
Of every second object two photographs are asked, from somewhere else and under some light: one
before white, a colour or a studio's gradient, one in a cluttered room, as JPEG. (The others
were used to choose between ways of drawing contours.) Right is the object's own design.

*As it is* is the photograph as any picture was searched before; *contours* is what is drawn from
it, alone; *both* is what ``--photo product`` does; *by itself* leaves it to the program to tell
what it is. Intervals: 95 %, bootstrap over objects. With ``--work`` the index is kept there.

Drawings and photographs of paper must not be taken for products: how many are, is counted.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import trust
from sklearn.datasets import load_sample_image
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from edgepatent_runtime import drawing
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.drawing import product
from edgepatent_runtime.index import Index
from edgepatent_runtime.search import looks
from edgepatent_synthetic.backdrop import Kind
from edgepatent_synthetic.design import Catalogue
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.photograph import photographer, take

DESIGNS, SEED, VIEWS = 501, 31, 4
ASKED = 120
TOP = 10
PLAIN: tuple[Kind, ...] = ("white", "plain", "gradient")
WAYS: dict[str, Callable[[Index, bytes], list[str]]] = {
    "as it is": lambda index, data: found(index, data, photo="paper"),
    "contours": lambda index, data: found(
        index, product.drawn(drawing.decode_as_taken(data)).contours, anyway=True
    ),
    "both": lambda index, data: found(index, data, photo="product"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--model", default="starter")
    parser.add_argument("--work", type=Path, help="keep the index here")
    parser.add_argument("--fit", action="store_true", help="print the coefficients of `looks`")
    parser.add_argument("--out", type=Path, help="write the tables here as well")
    arguments = parser.parse_args()
    data = arguments.shared / "data"
    if arguments.fit:
        print(np.array2string(fit(data), precision=2, separator=", "))
        return
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        with Index.ready(work / "index", Bundle.named(arguments.model)) as index:
            if len(index) < DESIGNS:
                spec = f"meshes:{data / 'furniture-meshes'},captions=0"
                index.add(f"{spec},designs={DESIGNS},seed={SEED},views={VIEWS}", threads=1)
            lines = [*tables(index, data), *taken_for(data)]
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


def photographs(data: Path, numbers: range, plain: bool) -> Iterator[tuple[str, bytes]]:
    """The patent id and a JPEG of each design."""
    catalogue = Catalogue(SEED, str(data / "furniture-meshes"))
    for number in numbers:
        draw = Draw(SEED, number, int(not plain), 77)
        kind: Kind = draw.choice(PLAIN) if plain else "cluttered"
        taken = take(catalogue.design(number).mesh, photographer(draw), draw, 640, kind)
        _, encoded = cv2.imencode(".jpg", taken[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
        yield f"MESH{SEED}-{number:06d}", encoded.tobytes()


def found(index: Index, image: object, **options: object) -> list[str]:
    """The patents found, best first."""
    return [hit.patent_id for hit in index.search(image, top=TOP, **options)]  # type: ignore[arg-type]


def tables(index: Index, data: Path) -> list[str]:
    """How often the own design is first, and among the first ten."""
    lines = [
        f"## Photograph → line drawings of the same design among {DESIGNS - 1} others",
        "",
        f"{ASKED} objects, two photographs each.",
        "",
        "| background | searched | R@1 | R@10 |",
        "|---|---|---|---|",
    ]
    for name, plain in (("plain", True), ("cluttered", False)):
        ranks: dict[str, list[int]] = {way: [] for way in (*WAYS, "by itself")}
        seen = 0
        for own, image in photographs(data, range(1, 2 * ASKED, 2), plain):
            for way, ask in WAYS.items():
                hits = ask(index, image)
                ranks[way].append(hits.index(own) + 1 if own in hits else TOP + 1)
            taken = is_taken(image)
            seen += taken
            ranks["by itself"].append(ranks["both" if taken else "as it is"][-1])
        for way, each in ranks.items():
            lines.append(f"| {name} | {way} | {share(each, 1)} | {share(each, TOP)} |")
            print(lines[-1], flush=True)
        lines.append(f"| {name} | taken for a photograph of a product | {seen} of {ASKED} | |")
        print(lines[-1], flush=True)
        gained = np.array(ranks["as it is"]), np.array(ranks["both"])
        lines.append(f"| {name} | both − as it is | {gain(*gained, 1)} | {gain(*gained, TOP)} |")
    return [*lines, ""]


def is_taken(image: bytes) -> bool:
    """Whether a search takes it for a photograph of a product."""
    page, flat = drawing.decode_photograph(image)
    return flat is None and looks.assess(page).product


def share(ranks: list[int], most: int) -> str:
    """How many are among the first, with an interval."""
    right = np.array(ranks) <= most
    return f"{100 * right.mean():.1f} {interval(right)}"


def gain(before: np.ndarray, now: np.ndarray, most: int) -> str:
    """By how many points more are, paired by object, with an interval."""
    better = (now <= most).astype(float) - (before <= most)
    return f"{100 * better.mean():+.1f} {interval(better)}"


def interval(values: np.ndarray) -> str:
    """95 % of bootstrap means, in per cent."""
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(values), (2000, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1) * 100, (2.5, 97.5))
    return f"[{low:.0f}, {high:.0f}]"


def taken_for(data: Path) -> list[str]:
    """How many pictures that are no photographs of products are taken for one."""
    lines = [
        "## Taken for a photograph of a product",
        "",
        "| pictures | are taken so |",
        "|---|---|",
    ]
    for name, told in kinds(data):
        counted = list(told)
        lines.append(f"| {name} | {sum(counted)} of {len(counted)} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


def kinds(data: Path) -> Iterator[tuple[str, Iterator[bool]]]:
    """Pictures of each kind: whether they are taken for products."""
    for origin, pattern, step in (
        ("uspto-sheets", "*/*.png", 2),
        ("uspto-grants", "*/*.TIF", 2),
        ("uspto-2007", "**/*.png", 4),
        ("icons", "**/*.png", 40),
    ):
        files = sorted((data / origin).glob(pattern))[::step]
        yield origin, (looks.assess(drawing.decode(path)).product for path in files)
    for table, where in ((True, "on a table"), (False, "without a margin")):
        yield f"photographs of sheets, {where}", paper(data, table)


def fit(data: Path) -> np.ndarray:
    """Coefficients by which photographs of things are told, among pages with tones."""
    rows, things = [], []
    for thing, pages in ((True, photographed_things()), (False, drawn_pages(data))):
        for page in pages:
            tones = looks.tones(page, looks.features(page))
            if tones is not None:
                rows.append(tones)
                things.append(thing)
    scaler = StandardScaler().fit(rows)
    model = LogisticRegression(class_weight="balanced", max_iter=5000)
    model.fit(scaler.transform(rows), things)
    slopes = model.coef_[0] / scaler.scale_
    return np.append(slopes, model.intercept_ - slopes @ scaler.mean_)


def photographed_things() -> Iterator[np.ndarray]:
    """Synthetic photographs of designs of other kinds, and crops of two real ones."""
    catalogue, random = Catalogue(71), np.random.default_rng(0)
    for number in range(90):
        draw = Draw(71, number, 0, 5)
        size = int(draw.real(300, 640))
        taken = take(catalogue.design(number).mesh, photographer(draw), draw, size)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(draw.real(70, 95))]
        yield drawing.decode(cv2.imencode(".jpg", taken[..., ::-1], quality)[1].tobytes())
    for number in range(40):
        picture = load_sample_image(("china.jpg", "flower.jpg")[number % 2])
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        height, width = (int(length * random.uniform(0.4, 1)) for length in gray.shape)
        y, x = random.integers(0, np.array(gray.shape) - (height, width) + 1)
        part = gray[y : y + height, x : x + width]
        yield drawing.decode(cv2.imencode(".jpg", part)[1].tobytes())


def drawn_pages(data: Path) -> Iterator[np.ndarray]:
    """Sheets, grants, figures of 2007, and photographs of sheets without a margin."""
    for origin, pattern, step in (
        ("uspto-sheets", "*/*.png", 4),
        ("uspto-grants", "*/*.TIF", 4),
        ("uspto-2007", "**/*.png", 6),
    ):
        for path in sorted((data / origin).glob(pattern))[::step]:
            yield drawing.decode(path)
    for number, path in enumerate(sorted((data / "uspto-sheets").glob("*/*.png"))[1::9]):
        random = np.random.default_rng(900 + number)
        tilt = trust.TILTS[number % 3]
        yield drawing.decode(trust.photograph(drawing.decode(path), random, tilt, not number % 3))


def paper(data: Path, table: bool) -> Iterator[bool]:
    """Every third photograph of `trust`; those that are laid flat are never asked about."""
    for tilt in trust.TILTS:
        for number, path in list(enumerate(trust.chosen_sheets(data)))[::3]:
            random = np.random.default_rng(100 + number)
            yield is_taken(trust.photograph(drawing.decode(path), random, tilt, table))


if __name__ == "__main__":
    main()
