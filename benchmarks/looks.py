"""How well `edgepatent_runtime.search.looks` tells drawings from pages of text and photographs.

    python benchmarks/looks.py [--shared ../shared] [--fit] [--out benchmarks/looks.md]

Pages: every drawing goes through `drawing.decode`, as a query does. Drawings are real sheets
(uspto-grants, uspto-sheets, deeppatent2-sheets), icons, synthetic designs, simulated photographs
of sheets (uneven light, blur, noise) and simulated renders (filled, shaded). Text is the front and
citation pages of uspto-pdf and typeset pages of many fonts and layouts. Photographs are crops of
the photographs that scikit-learn and matplotlib bring along, and fractal landscapes.

``--fit`` prints coefficients for the module, fitted on everything. The table's figures are from
folds: no page is scored by coefficients fitted on its patent, its font, its photograph; and two
lines are harder: text fitted on typeset pages only and scored on real ones, photographs fitted on
fractal landscapes only and scored on real ones.
"""

import argparse
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from edgepatent_runtime import drawing, sources
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.search import looks

Page = npt.NDArray[np.uint8]


class Sample(NamedTuple):
    """One page: its kind, where it is from, and what must stay in one fold."""

    kind: str
    origin: str
    group: str
    features: npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--fit", action="store_true", help="print coefficients fitted on all pages")
    parser.add_argument("--out", type=Path, help="write the table here as well")
    arguments = parser.parse_args()
    samples = list(collect(arguments.shared / "data"))
    table = report(samples)
    print(table)
    if arguments.out:
        arguments.out.write_text(table)
    if arguments.fit:
        print(np.array2string(fit(samples), precision=3, separator=", ", floatmode="fixed"))


def fit(samples: list[Sample]) -> npt.NDArray[np.float64]:
    """Coefficients [3, 14]; each kind weighs the same, and each origin within its kind."""
    x = np.array([sample.features for sample in samples])
    y = np.array([looks.KINDS.index(sample.kind) for sample in samples])
    origins = [(sample.kind, sample.origin) for sample in samples]
    of_kind = {kind: len({o for o in origins if o[0] == kind}) for kind in looks.KINDS}
    weight = np.array([1 / origins.count(o) / of_kind[o[0]] for o in origins])
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=10.0, max_iter=5000)
    model.fit(scaler.transform(x), y, sample_weight=weight * len(samples) / weight.sum())
    slopes = model.coef_ / scaler.scale_
    constants = model.intercept_ - slopes @ scaler.mean_
    return np.column_stack([slopes, constants])


def probability(coefficients: npt.NDArray[np.float64], samples: list[Sample]) -> Page:
    """The probability of being a drawing, as the module computes it."""
    x = np.array([np.append(sample.features, 1) for sample in samples])
    scores = x @ coefficients.T
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds[:, 0] / odds.sum(axis=1)


def report(samples: list[Sample]) -> str:
    """The table of everything, from folds."""
    y = np.array([sample.kind == "drawing" for sample in samples])
    groups = [sample.group for sample in samples]
    p = np.empty(len(samples))
    for train, test in GroupKFold(10).split(samples, y, groups):
        coefficients = fit([samples[i] for i in train])
        p[test] = probability(coefficients, [samples[i] for i in test])
    lines = [
        "# Drawings, pages of text, photographs",
        "",
        f"`python benchmarks/looks.py` over {len(samples)} pages, ten folds by patent, font and",
        f"photograph. A page below P(drawing) = {looks.THRESHOLD} is refused. Blank pages are not",
        "in the table: decoding refuses them by name.",
        "",
        f"Area under the curve, drawings against all others: **{roc_auc_score(y, p):.4f}**",
        "",
        "| pages | from | number | refused | median P(drawing) | AUC against the other side |",
        "|---|---|---|---|---|---|",
    ]
    for kind, origin in sorted({(s.kind, s.origin) for s in samples}):
        mine = np.array([(s.kind, s.origin) == (kind, origin) for s in samples])
        both = mine | (y != (kind == "drawing"))
        auc = roc_auc_score(y[both], p[both])
        lines.append(
            f"| {kind} | {origin} | {mine.sum()} | {(p[mine] < looks.THRESHOLD).mean():.1%} "
            f"| {np.median(p[mine]):.3f} | {auc:.4f} |"
        )
    lines += ["", "Fitted without any real page of a kind, scored on the real ones:", ""]
    for kind, made in (("text", "typeset"), ("photograph", "fractal landscapes")):
        real = [s for s in samples if s.kind == kind and s.origin != made]
        kept = [s for s in samples if not (s.kind == kind and s.origin != made)]
        scores = probability(fit(kept), real)
        auc = roc_auc_score(np.append(y[y], np.zeros(len(real))), np.append(p[y], scores))
        lines.append(
            f"- {kind}: {(scores < looks.THRESHOLD).mean():.1%} of {len(real)} refused, "
            f"AUC {auc:.4f}"
        )
    return "\n".join(lines) + "\n"


# -- pages


def collect(data: Path) -> Iterator[Sample]:
    """All pages' features."""
    random = np.random.default_rng(0)
    sheets: list[tuple[Page, str]] = []
    for origin, limit in (
        ("uspto-grants", None),
        ("uspto-sheets", None),
        ("deeppatent2-sheets", None),
        ("icons", 400),
    ):
        for record in subset(str(data / origin), limit, random):
            page = sources.read_page(record.image)
            yield sample("drawing", origin, record.patent_id, page)
            if origin == "uspto-sheets":
                sheets.append((page, record.patent_id))
    for record in subset("synthetic:designs=300,seed=5,views=1", None, random):
        page = sources.read_page(record.image)
        yield sample("drawing", "synthetic", record.patent_id, page)
    for page, patent in sheets[::2]:
        yield sample("drawing", "photographed sheets", patent, decoded(photographed(page, random)))
        yield sample("drawing", "shaded renders", patent, decoded(shaded(page, random)))
    yield from text_pages(data, random)
    yield from photographs(random)


def sample(kind: str, origin: str, group: str, page: Page) -> Sample:
    return Sample(kind, origin, group, looks.features(page))


def subset(spec: str, limit: int | None, random: np.random.Generator) -> list[Record]:
    records = list(sources.open_source(spec).records(Skipped()))
    if limit is None or len(records) <= limit:
        return records
    return [records[i] for i in sorted(random.choice(len(records), limit, replace=False))]


def decoded(page: Page) -> Page:
    """Through JPEG and `drawing.decode`, as a camera's picture comes in."""
    out = io.BytesIO()
    Image.fromarray(page).save(out, "JPEG", quality=85)
    return drawing.decode(out.getvalue())


def photographed(page: Page, random: np.random.Generator) -> Page:
    """A sheet under a lamp: paper not white, light uneven, blurred, noisy, a little turned."""
    image = Image.fromarray(page).convert("L")
    image.thumbnail((1600, 1600))
    image = image.rotate(random.uniform(-3, 3), expand=True, fillcolor=255)
    pixels = cv2.GaussianBlur(np.asarray(image), (0, 0), random.uniform(0.5, 1.5))
    height, width = pixels.shape
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    angle = random.uniform(0, 2 * np.pi)
    light = random.uniform(0.6, 0.85) + 0.25 * (np.cos(angle) * x + np.sin(angle) * y)
    noisy = pixels * light.clip(0.35, 1) + random.normal(0, random.uniform(1, 5), pixels.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def shaded(page: Page, random: np.random.Generator) -> Page:
    """A render on white: what the outlines enclose is filled with a shaded, slightly rough grey."""
    image = Image.fromarray(page).convert("L")
    image.thumbnail((900, 900))
    pixels = np.pad(np.asarray(image), 4, constant_values=255)
    walls = cv2.dilate((pixels < 200).astype(np.uint8), np.ones((5, 5), np.uint8))
    outside = walls.copy()
    cv2.floodFill(outside, None, (0, 0), 2)
    body = (outside != 2).astype(np.uint8)
    depth = cv2.GaussianBlur(cv2.distanceTransform(body, cv2.DIST_L2, 5), (0, 0), 9)
    tone = 90 + 110 * depth / max(depth.max(), 1) + random.normal(0, 3, depth.shape)
    filled = np.where(body > 0, np.minimum(tone, pixels + 120.0), 255)
    return filled.clip(0, 255).astype(np.uint8)


def text_pages(data: Path, random: np.random.Generator) -> Iterator[Sample]:
    """Real front and citation pages, and typeset ones."""
    words: list[str] = []
    for grant in sorted((data / "uspto-grants").glob("*/*.XML")):
        text = grant.read_text("utf-8", "replace")
        words += [word for word in text.replace("<", " <").split() if "<" not in word and word]
    for pdf in sorted((data / "uspto-pdf").glob("*.pdf")):
        sheets = {r.image.page for r in sources.open_source(str(pdf)).records(Skipped())}
        for number in range(drawing.pages(pdf)):
            if number not in sheets:
                yield sample("text", "patent PDFs", pdf.stem, drawing.decode(pdf, number))
    fonts = sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("*.ttf"))
    families = ("DejaVuS", "cmr", "cmss", "cmtt", "STIXGeneral")
    plain = [font for font in fonts if font.stem.startswith(families)]
    for number in range(300):
        font = plain[number % len(plain)]
        try:
            page = typeset(words, font, random)
            yield sample("text", "typeset", font.stem, decoded(page))
        except DrawingError:
            continue


def typeset(words: list[str], font: Path, random: np.random.Generator) -> Page:
    """A page of one or two columns, paragraphs, perhaps a heading; A4 at 75 to 200 dpi."""
    dpi = random.uniform(75, 200)
    width, height = int(8.27 * dpi), int(11.69 * dpi)
    page = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(page)
    points = random.uniform(8, 13)
    letters = ImageFont.truetype(str(font), max(7, int(points * dpi / 72)))
    heading = ImageFont.truetype(str(font), int(1.7 * points * dpi / 72))
    margin = random.uniform(0.05, 0.14) * width
    columns = int(random.integers(1, 3))
    pitch = letters.size * random.uniform(1.1, 1.7)
    column = (width - 2 * margin - (columns - 1) * margin / 2) / columns
    top = margin
    if random.random() < 0.5:
        title = " ".join(words[i] for i in random.integers(len(words), size=4))
        draw.text((margin, top), title, font=heading, fill=0)
        top += 2.5 * heading.size
    bottom = height - margin if random.random() < 0.7 else height * random.uniform(0.35, 0.8)
    for _ in range(int(random.integers(0, 4))):
        # Rules between columns and under headings, as forms and front pages have them.
        y, x = random.uniform(margin, height - margin), width / 2
        ends = ((x, margin, x, bottom), (margin, y, width - margin, y))[int(random.integers(2))]
        draw.line(ends, fill=0, width=int(random.integers(1, 4)))
    for place in range(columns):
        left = margin + place * (column + margin / 2)
        y = top
        while y < bottom:
            line = ""
            while draw.textlength(line, font=letters) < 0.85 * column:
                line += words[random.integers(len(words))] + " "
            short = random.random() < 0.12
            draw.text((left, y), line[: len(line) // 2] if short else line, font=letters, fill=0)
            y += pitch * (1.8 if short else 1)
    pixels = np.asarray(page)
    return photographed(pixels, random) if random.random() < 0.2 else pixels


def photographs(random: np.random.Generator) -> Iterator[Sample]:
    """Crops of real photographs, and fractal landscapes."""
    from sklearn.datasets import load_sample_image

    hopper = Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
    real = {
        "china": load_sample_image("china.jpg"),
        "flower": load_sample_image("flower.jpg"),
        "hopper": np.asarray(Image.open(hopper)),
    }
    for name, picture in real.items():
        for number in range(60):
            height, width = picture.shape[:2]
            share = 1.0 if number == 0 else random.uniform(0.35, 1)
            h, w = int(height * share), int(width * share)
            y, x = random.integers(0, height - h + 1), random.integers(0, width - w + 1)
            part = cv2.cvtColor(picture[y : y + h, x : x + w], cv2.COLOR_RGB2GRAY)
            gain, lift = random.uniform(0.6, 1.3), random.uniform(-30, 40)
            part = (part * gain + lift).clip(0, 255).astype(np.uint8)
            part = cv2.resize(part, None, fx=f, fy=f) if (f := random.uniform(0.8, 2.5)) else part
            yield sample("photograph", "real photographs", name, decoded(part))
    for number in range(200):
        yield sample(
            "photograph", "fractal landscapes", f"fractal {number % 20}", decoded(fractal(random))
        )


def fractal(random: np.random.Generator) -> Page:
    """Sky over ridges of 1/f noise, each nearer one darker: a landscape, roughly."""
    height, width = 480, 640
    sky = np.linspace(random.uniform(140, 255), random.uniform(120, 255), height)[:, None]
    page = sky + clouds(height, width, random.uniform(1.5, 2.2), random) * random.uniform(5, 60)
    rows = np.arange(height)[:, None]
    for layer in range(int(random.integers(2, 6))):
        steps = np.cumsum(random.normal(0, random.uniform(0.5, 3), width))
        ridge = height * (0.3 + 0.13 * layer) + steps - np.linspace(0, steps[-1], width)
        texture = clouds(height, width, random.uniform(0.8, 1.6), random)
        tone = random.uniform(30, 190) + texture * random.uniform(10, 50)
        page = np.where(rows > ridge[None, :], tone, page)
    return page.clip(0, 255).astype(np.uint8)


def clouds(
    height: int, width: int, exponent: float, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """1/f^exponent noise of unit deviation [height, width]."""
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    size = np.hypot(fy, fx)
    size[0, 0] = 1
    spectrum = np.fft.rfft2(random.normal(size=(height, width))) / size**exponent
    noise = np.fft.irfft2(spectrum, (height, width))
    return (noise - noise.mean()) / noise.std()


if __name__ == "__main__":
    main()
