"""How far verdicts can be trusted, and which pictures find their patents.

    python benchmarks/trust.py [--shared ../shared] [--model starter] [--before DIR] [--out FILE]

Verdicts: patents are cut into five folds; four are indexed and the index measures itself, then the
fifth is added (which is less than a quarter, so that it does not measure again) and asked about: up
to four sheets of each patent, each with its own sheet left out (the design is indexed in another
drawing), and with all of its patent left out (it is not). Both ways have half of the weight. Icons
are asked of the whole index as outsiders. What is right: a patent and its siblings (`SIBLINGS`, and
grants of one title and applicant) are one design.

Photographs: 60 sheets on a table, seen by a camera that is tilted until the far side of the sheet
is shorter by so much; light falls off, there is grain, noise and JPEG.

``--before`` is a checkout of the program to compare a cold search with: its CPU seconds, in turns.
"""

import argparse
import hashlib
import io
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
from PIL import Image, ImageOps

from edgepatent_runtime import drawing
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import Record
from edgepatent_runtime.search import calibration, ranking
from edgepatent_runtime.search.calibration import Calibration
from edgepatent_runtime.search.views import WHOLE

FOLDS = 5
MOST_SHEETS = 4
OUTSIDERS = 400
PHOTOGRAPHS = 60
TILTS = (0.06, 0.12, 0.25)
PAIRS = 21

# Variants of one applicant's design that `uspto-2007` counts as several: seen by eye among the
# sixty pairs of other groups that score highest.
SIBLINGS = (
    ("D534740", "D535121"),
    ("D534760", "D534761", "D535142"),
    ("D535015", "D535388"),
    ("D534642", "D535005"),
    ("D534510", "D534883", "D535267"),
    ("D534656", "D535393"),
    ("D534565", "D534936"),
    ("D535024", "D535395"),
    ("D534532", "D534911"),
    ("D534370", "D534998"),
    ("D534995", "D535365"),
)


@dataclass(frozen=True)
class Drawing:
    """A stored drawing: whose, of which set, design and sheet, and its embedding."""

    record: Record
    origin: str
    design: str
    sheet: tuple[str, int]
    embedding: np.ndarray


@dataclass(frozen=True)
class Case:
    """What became of one question: its first hit, and whether that was right."""

    origin: str
    patent: str
    indexed: bool
    probability: float
    right: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--model", default="starter")
    parser.add_argument("--before", type=Path, help="a checkout to compare a cold search with")
    parser.add_argument("--out", type=Path, help="write the tables here as well")
    arguments = parser.parse_args()
    # Hits name files by their resolved paths.
    data = arguments.shared.resolve() / "data"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        every = drawings(data, arguments.model, work)
        parts = ["# How far verdicts can be trusted", ""]
        parts += [f"`python benchmarks/trust.py --model {arguments.model}`", ""]
        parts += verdicts(every, data, arguments.model, work)
        with Index.ready(work / "all", Bundle.named(arguments.model)) as index:
            fill(index, every)
            parts += photographs(index, data)
            parts += pictures(index, data)
        if arguments.before is not None:
            sheet = next((data / "uspto-sheets").glob("*/*.png"))
            parts += cold(arguments.before, work / "all", sheet)
    text = "\n".join(parts) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


# -- verdicts


def drawings(data: Path, model: str, work: Path) -> list[Drawing]:
    """All drawings of the three sets, as an index holds them."""
    found = []
    for origin in ("uspto-sheets", "uspto-grants", "uspto-2007"):
        titles = applicants(data / origin) if origin == "uspto-grants" else {}
        with Index.ready(work / origin, Bundle.named(model)) as index:
            index.add(data / origin, threads=1)
            with index.stores[0].moment() as moment:
                rows = moment.scope(Filters()).rows()
                facts, embeddings = moment.facts(rows.tolist()), moment.embeddings(rows)
        for row, embedding in zip(rows.tolist(), embeddings, strict=True):
            record = facts[row].record
            design = titles.get(record.patent_id, record.patent_id)
            if origin == "uspto-2007":
                number = Path(record.image.path).stem.replace("USD0", "D")
                group = next((one for one in SIBLINGS if number in one), None)
                design = design if group is None else group[0]
            sheet = (record.image.path, record.image.page)
            found.append(Drawing(record, origin, design, sheet, embedding))
    # A group that holds a sibling goes with it, whole.
    joined = {one.record.patent_id: one.design for one in found if one.design.startswith("D53")}
    return [replace(one, design=joined.get(one.record.patent_id, one.design)) for one in found]


def applicants(grants: Path) -> dict[str, str]:
    """Title and applicant of each grant, by its number."""
    found = {}
    for path in grants.glob("*/*.XML"):
        text = path.read_text(encoding="utf-8", errors="replace")
        title = re.search(r"<invention-title[^>]*>([^<]*)", text)
        holder = re.search(r"<assignees>.*?<orgname>([^<]*)", text, re.DOTALL) or re.search(
            r"<last-name>([^<]*)", text
        )
        if title and holder:
            found[path.parent.name[:10]] = f"{title.group(1).lower()} / {holder.group(1)}"
    return found


def fill(index: Index, stored: Sequence[Drawing]) -> None:
    """Add drawings with their embeddings."""
    index.add(
        [one.record for one in stored], embeddings=np.stack([one.embedding for one in stored])
    )


def verdicts(every: list[Drawing], data: Path, model: str, work: Path) -> list[str]:
    """The table of verdicts, for an index of all sets and for two of fewer."""
    lines = [
        "## Verdicts on patents held out",
        "",
        "First hits. *Same design, right*: of the hits that were called so; *none, wrong*: of",
        "those that were called no close match. *told*: of the right hits, how many were called",
        "the same design. ECE in ten bins; 95 % intervals over patents.",
        "",
        "| index | asked | questions | same design, right | told | none, wrong | said of | ECE | "
        "mean probability | right |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    outsiders = icons(data, model, work)
    tried = []
    for name, origins in (
        ("all three", ("uspto-sheets", "uspto-grants", "uspto-2007")),
        ("sheets and grants", ("uspto-sheets", "uspto-grants")),
        ("2007 alone", ("uspto-2007",)),
    ):
        chosen = [one for one in every if one.origin in origins]
        found, strange = held_out(chosen, outsiders, model, work / name.replace(" ", "-"))
        judged = [case for cases_ in found.values() for case in cases_]
        if name == "all three":
            tried = judged
        lines.append(row(name, "held out", judged))
        if len(origins) > 1:
            lines += [
                row(name, origin, [case for case in judged if case.origin == origin])
                for origin in origins
            ]
        same = np.mean([p >= 0.9 for p in strange])
        none = np.mean([p < 0.08 for p in strange])
        lines.append(
            f"| {name} | icons, outsiders | {len(strange)} | called the same design: {same:.1%} | "
            f"| | called no close match: {none:.1%} | | {np.mean(strange):.3f} | 0 |"
        )
        print(lines[-1], flush=True)
    lines += ["", *bins(tried), ""]
    return lines


def held_out(
    stored: list[Drawing], outsiders: np.ndarray, model: str, folder: Path
) -> tuple[dict[int, list[Case]], list[float]]:
    """Ask each fold of an index that measured itself on the others; outsiders of the last one."""
    random = np.random.default_rng(0)
    designs = sorted({one.design for one in stored})
    fold_of = dict(zip(designs, random.permutation(len(designs)) % FOLDS, strict=True))
    found: dict[int, list[Case]] = {}
    strange: list[float] = []
    for fold in range(FOLDS):
        with Index.ready(folder / str(fold), Bundle.named(model)) as index:
            fill(index, [one for one in stored if fold_of[one.design] != fold])
            before = index.stores[0].calibration()
            assert before is not None
            held = [one for one in stored if fold_of[one.design] == fold]
            with index._writing() as collection:
                # As an index that has grown by less than a quarter: it is not measured again.
                collection.add_embeddings(
                    [one.record for one in held], np.stack([one.embedding for one in held])
                )
            known = msgspec.json.decode(before, type=Calibration)
            if known.scale(1) is None:
                continue
            found[fold] = list(ask(index, held, random))
            if fold == 0:
                strange = [first(index, one[None], [1.0], Filters(), [])[1] for one in outsiders]
    return found, strange


def ask(index: Index, held: list[Drawing], random: np.random.Generator) -> Iterator[Case]:
    """Up to four sheets of each patent, with the design indexed in another drawing and without."""
    sheets: dict[str, dict[tuple[str, int], list[Drawing]]] = {}
    for one in held:
        sheets.setdefault(one.record.patent_id, {}).setdefault(one.sheet, []).append(one)
    patents_of: dict[str, set[str]] = {}
    for one in held:
        patents_of.setdefault(one.design, set()).add(one.record.patent_id)
    design_of = {one.record.patent_id: one.design for one in held}
    for patent, each in sheets.items():
        shown = [list(each.values())[i] for i in random.permutation(len(each))[:MOST_SHEETS]]
        family = tuple(sorted(patents_of[design_of[patent]]))
        for sheet in shown:
            whole = [one for one in sheet if one.record.image.box is None]
            parts = [one for one in sheet if one.record.image.box is not None]
            views = np.stack([one.embedding for one in (*whole, *parts)])
            weights = [1.0] * len(views)
            if whole and parts:
                weights = [WHOLE / len(whole)] * len(whole)
                weights += [(1 - WHOLE) / len(parts)] * len(parts)
            # What stands for the content of a file whose embedding was given.
            path = sheet[0].record.image.path
            digest = hashlib.sha256(f"embedding of {path}".encode()).digest()
            origin = sheet[0].origin
            others = len(each) > 1 or len(family) > 1
            if others:
                name, sure = first(index, views, weights, Filters(), [digest])
                right = design_of.get(name) == design_of[patent]
                yield Case(origin, patent, True, sure, right)
            _, sure = first(index, views, weights, Filters(not_patents=family), [digest])
            yield Case(origin, patent, False, sure, False)


def first(
    index: Index, views: np.ndarray, weights: list[float], filters: Filters, exclude: list[bytes]
) -> tuple[str, float]:
    """The first hit's patent, and how likely it is the same design."""
    answer = ranking.search(
        index.stores, views, weights=weights, top=1, filters=filters, exclude=exclude
    )
    hit = calibration.judged(answer, calibration.known(index.stores), 1).hits[0]
    assert hit.score < 0.9999, "a sheet found itself"
    assert hit.probability is not None
    return hit.patent_id, hit.probability


def icons(data: Path, model: str, work: Path) -> np.ndarray:
    """Embeddings of icons that are no patents."""
    from edgepatent.encoding import encode_records, open_model, read_records
    from edgepatent_runtime.progress import silent
    from edgepatent_runtime.record import Skipped

    skipped = Skipped()
    records = [r for r in read_records([str(data / "icons")], skipped) if r.view == "regular"]
    chosen = np.random.default_rng(0).permutation(len(records))[:OUTSIDERS]
    picked = [records[place] for place in np.sort(chosen).tolist()]
    return encode_records(picked, open_model(model), skipped, silent)[1]


def row(index: str, asked: str, judged: list[Case]) -> str:
    """One line of the table, with 95 % intervals over patents."""

    def share(value: Callable[[list[Case]], float]) -> str:
        low, high = interval(judged, value)
        return f"{value(judged):.1%} [{low:.1%}, {high:.1%}]"

    def error(cases_: list[Case]) -> float:
        return calibration_error(cases_)

    low, high = interval(judged, error)
    return (
        f"| {index} | {asked} | {len(judged)} | {share(same_right)} | {share(told)} "
        f"| {share(none_wrong)} | {share(said_none)} | {error(judged):.3f} [{low:.3f}, {high:.3f}] "
        f"| {weighted(judged, [c.probability for c in judged]):.3f} "
        f"| {weighted(judged, [c.right for c in judged]):.3f} |"
    )


def weights_of(judged: list[Case]) -> np.ndarray:
    """Both ways of asking have half of the weight."""
    indexed = np.array([case.indexed for case in judged])
    share = np.where(indexed, 1 / max(indexed.sum(), 1), 1 / max((~indexed).sum(), 1))
    return share / share.sum()


def weighted(judged: list[Case], values: Sequence[float]) -> float:
    """The mean over cases, by their weight."""
    return float(weights_of(judged) @ np.array(values, np.float64))


def _among(judged: list[Case], which: Sequence[bool], value: Sequence[bool]) -> float:
    weights = weights_of(judged) * np.array(which, np.float64)
    return float(weights @ np.array(value, np.float64) / max(weights.sum(), 1e-12))


def same_right(judged: list[Case]) -> float:
    return _among(judged, [c.probability >= 0.9 for c in judged], [c.right for c in judged])


def told(judged: list[Case]) -> float:
    return _among(judged, [c.right for c in judged], [c.probability >= 0.9 for c in judged])


def none_wrong(judged: list[Case]) -> float:
    return _among(judged, [c.probability < 0.08 for c in judged], [c.right for c in judged])


def said_none(judged: list[Case]) -> float:
    return _among(judged, [True] * len(judged), [c.probability < 0.08 for c in judged])


def calibration_error(judged: list[Case]) -> float:
    """Expected calibration error, every case with its weight."""
    weights = weights_of(judged)
    sure = np.array([case.probability for case in judged])
    right = np.array([case.right for case in judged], np.float64)
    place = np.minimum((sure * 10).astype(np.int64), 9)
    return float(np.abs(np.bincount(place, weights * (right - sure), 10)).sum())


def interval(judged: list[Case], value: Callable[[list[Case]], float]) -> tuple[float, float]:
    """95 % when whole patents are drawn again."""
    random = np.random.default_rng(1)
    each: dict[str, list[Case]] = {}
    for case in judged:
        each.setdefault(case.patent, []).append(case)
    groups = list(each.values())
    drawn = [
        value([case for i in random.integers(len(groups), size=len(groups)) for case in groups[i]])
        for _ in range(200)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def bins(judged: list[Case]) -> list[str]:
    """What was said and what came of it, for the index of all sets."""
    lines = ["| said | questions | mean probability | right |", "|---|---|---|---|"]
    for low in range(10):
        some = [case for case in judged if low <= min(case.probability * 10, 9.999) < low + 1]
        if some:
            weights = weights_of(judged)[[judged.index(case) for case in some]]
            sure = weights @ [case.probability for case in some] / weights.sum()
            right = weights @ [float(case.right) for case in some] / weights.sum()
            lines.append(
                f"| {low * 10} to {low * 10 + 10} % | {len(some)} | {sure:.2f} | {right:.2f} |"
            )
    return lines


# -- photographs


def photographs(index: Index, data: Path) -> list[str]:
    """How often a photographed sheet finds itself first, among all drawings."""
    lines = [
        "## Photographs of sheets",
        "",
        f"{PHOTOGRAPHS} sheets of `uspto-sheets`, their own drawing among all of the three sets:",
        "how often it is first.",
        "",
        "| far side shorter by | on a table | without a margin |",
        "|---|---|---|",
    ]
    chosen = chosen_sheets(data)
    for tilt in TILTS:
        counts = []
        for table in (True, False):
            right = 0
            for number, path in enumerate(chosen):
                random = np.random.default_rng(100 + number)
                taken = photograph(drawing.decode(path), random, tilt, table)
                hits = index.search(taken, top=1, by="drawing", whole=True)
                right += Path(hits[0].drawings[0].image.path) == path
            counts.append(f"{right} of {len(chosen)}")
        lines.append(f"| {tilt:.0%} | {counts[0]} | {counts[1]} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


def chosen_sheets(data: Path) -> list[Path]:
    """The sheets that are photographed and dressed up."""
    sheets = sorted((data / "uspto-sheets").glob("*/*.png"))
    chosen = np.random.default_rng(1).permutation(len(sheets))[:PHOTOGRAPHS]
    return [sheets[place] for place in np.sort(chosen).tolist()]


def photograph(page: np.ndarray, random: np.random.Generator, tilt: float, table: bool) -> bytes:
    """A JPEG of a page [H, W] seen by a tilted camera."""
    scale = 1400 / max(page.shape)
    size = (round(page.shape[1] * scale), round(page.shape[0] * scale))
    page = cv2.resize(page, size, interpolation=cv2.INTER_AREA)
    rim = (int(0.06 * page.shape[0]), int(0.08 * page.shape[1]))
    page = np.pad(page, ((rim[0],) * 2, (rim[1],) * 2), constant_values=255)
    height, width = page.shape
    across, down = (1200, 1600) if height > width else (1600, 1200)
    corners = _seen(width, height, random, tilt, across, down)
    corners -= (corners.max(axis=0) + corners.min(axis=0)) / 2
    fill_ = random.uniform(0.72, 0.9) if table else 1.12
    corners *= fill_ * (np.array([across, down]) / np.ptp(corners, axis=0)).min()
    corners += np.array([across, down]) * (0.5 + random.uniform(-0.02, 0.02, 2))
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    move = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    paper = page.astype(np.float32) * (215 / 255) + 20
    seen = cv2.warpPerspective(paper, move, (across, down), flags=cv2.INTER_AREA)
    inside = cv2.warpPerspective(np.ones_like(paper), move, (across, down))
    grain = cv2.GaussianBlur(
        random.normal(0, 1, (down, across)).astype(np.float32), (0, 0), sigmaX=25, sigmaY=2
    )
    ground = random.uniform(30, 120) + grain / grain.std() * random.uniform(2, 9)
    seen = np.where(inside > 0.5, seen, ground)
    y, x = np.mgrid[-1 : 1 : down * 1j, -1 : 1 : across * 1j]
    angle = random.uniform(0, 2 * np.pi)
    falls = random.uniform(0.05, 0.35)
    seen = seen * (1 - falls * (np.cos(angle) * x + np.sin(angle) * y + 1) / 2)
    seen = cv2.GaussianBlur(
        (seen + random.normal(0, 3, seen.shape)).astype(np.float32), (0, 0), 0.7
    )
    out = io.BytesIO()
    Image.fromarray(seen.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=85)
    return out.getvalue()


def _seen(
    width: int, height: int, random: np.random.Generator, tilt: float, across: int, down: int
) -> np.ndarray:
    """Corners of a sheet that is turned away until one side is shorter than the other by tilt."""
    focal = 1.1 * max(across, down)
    axis = random.uniform(0, 2 * np.pi)
    roll, _ = cv2.Rodrigues(np.array([0, 0, np.radians(random.uniform(-10, 10))]))
    flat = np.array([[-width, -height, 0], [width, -height, 0], [width, height, 0]], np.float64) / 2
    flat = np.vstack([flat, [-width / 2, height / 2, 0]])
    distance = focal * max(height / down, width / across) * 1.05
    low, high = 0.0, 1.3
    corners = flat[:, :2]
    for _ in range(30):
        angle = (low + high) / 2
        turn, _ = cv2.Rodrigues(np.array([np.cos(axis), np.sin(axis), 0]) * angle)
        space = (turn @ roll @ flat.T).T + np.array([0, 0, distance])
        corners = space[:, :2] / space[:, 2:] * focal
        sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
        pairs = [(sides[0], sides[2]), (sides[1], sides[3])]
        shorter = 1 - min(min(pair) / max(pair) for pair in pairs)
        low, high = (angle, high) if shorter < tilt else (low, angle)
    return corners


# -- pictures of other kinds


def pictures(index: Index, data: Path) -> list[str]:
    """How often a sheet in another dress finds itself first."""
    lines = [
        "## Pictures of other kinds",
        "",
        "The same sheets, whole, as other files:",
        "",
        "| picture | its own drawing first | its patent first |",
        "|---|---|---|",
    ]
    chosen = chosen_sheets(data)
    for name, dress in DRESSES.items():
        own = patent = 0
        for path in chosen:
            turned = name.startswith("quarter")
            asked = dress(Image.open(path).convert("L"))
            hits = index.search(asked, top=1, by="drawing", whole=True, any_rotation=turned)
            own += Path(hits[0].drawings[0].image.path) == path
            patent += Path(hits[0].drawings[0].image.path).parent == path.parent
        lines.append(f"| {name} | {own} of {len(chosen)} | {patent} of {len(chosen)} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


def saved(image: Image.Image, kind: str, **more: object) -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def transparent(page: Image.Image) -> bytes:
    ink = Image.new("LA", page.size, 0)
    ink.putalpha(ImageOps.invert(page))
    return saved(ink, "PNG")


def sixteen_bits(page: Image.Image) -> bytes:
    return saved(Image.fromarray(np.asarray(page).astype(np.uint16) * 257), "PNG")


def held_sideways(page: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(page.rotate(90, expand=True), "JPEG", exif=exif)


DRESSES: dict[str, Callable[[Image.Image], bytes]] = {
    "white on black": lambda page: saved(ImageOps.invert(page), "PNG"),
    "transparent": transparent,
    "blue on yellow": lambda page: saved(ImageOps.colorize(page, "navy", "lightyellow"), "PNG"),
    "16 bits": sixteen_bits,
    "CMYK": lambda page: saved(page.convert("CMYK"), "JPEG"),
    "turned by EXIF": held_sideways,
    "mirrored": lambda page: saved(ImageOps.mirror(page), "PNG"),
    "quarter turn, `--any-rotation`": lambda page: saved(page.rotate(90, expand=True), "PNG"),
}


# -- what it costs


def cold(before: Path, index: Path, sheet: Path) -> list[str]:
    """CPU seconds of a cold search, in turns with a checkout of the program."""
    here = Path(__file__).resolve().parent.parent
    seconds: dict[Path, list[float]] = {before: [], here: []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PAIRS + 1):
            for root in (before, here) if number % 2 else (here, before):
                copied = Path(folder) / root.name
                if not copied.exists():
                    subprocess.run(["cp", "-r", str(index), str(copied)], check=True)
                used = _cpu(root, copied, sheet)
                if number:
                    seconds[root].append(used)
    ratio = np.array(seconds[here]) / np.array(seconds[before])
    low, high = np.percentile(
        [np.median(np.random.default_rng(n).choice(ratio, len(ratio))) for n in range(500)],
        (2.5, 97.5),
    )
    return [
        "## What it costs",
        "",
        f"A cold `edgepatent search SHEET --json`, CPU seconds, {PAIRS} pairs in turns: "
        f"{np.median(seconds[before]):.3f} before, {np.median(seconds[here]):.3f} now; median "
        f"ratio {np.median(ratio):.3f} [{low:.3f}, {high:.3f}].",
        "",
    ]


def _cpu(root: Path, index: Path, sheet: Path) -> float:
    packages = ("runtime", "synthetic", "train", "export", ".")
    path = os.pathsep.join(str(root / name) for name in packages)
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "edgepatent", "search", str(sheet), "--index", str(index)]
    subprocess.run(
        [*command, "--json"],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        cwd=root,
        capture_output=True,
        check=True,
        timeout=120,
    )
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


if __name__ == "__main__":
    main()
