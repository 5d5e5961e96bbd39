"""What the starter model was chosen from: every attempt beside frozen networks and plain pixels.

    python benchmarks/starter.py run --work DIR --backbone RUN [--shared ../shared]
    python benchmarks/starter.py report --work DIR [--out benchmarks/starter.md]

``run`` computes features, a file for each network and set of drawings, and goes on where it was
stopped; RUN is the tuned backbone, WORK/backbone of recipes/starter.sh. ``report`` fits heads in
closed form and scores them, each drawing against all others of its set. Whatever is fitted on real
drawings is scored on those of other patents: what `uspto-grants` taught is scored on
`uspto-sheets`, and the reverse. Those sheets are also scored with their captions painted white,
where captions.csv says that they are.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from cells import Floats, RecordSets, ahead, command_line, score_embeddings, shown, unit
from torch import nn

from edgepatent_runtime.drawing import normalise
from edgepatent_runtime.metrics import QueryScores
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import read_page
from edgepatent_train.data import drawing_set, read_records
from edgepatent_train.model import DrawingEncoder, build_model
from edgepatent_train.recipe import ModelRecipe, Recipe
from edgepatent_train.recipe_file import load_recipe
from edgepatent_train.whiten import discriminate, whiten

Drawings = npt.NDArray[np.uint8]
SHEETS, PAINTED, GRANTS = "sheets", "sheets without captions", "grants"
# What is scored, and the real drawings that may teach it.
SCORED = {PAINTED: GRANTS, SHEETS: GRANTS, GRANTS: SHEETS}
DRAWN = ("procedural", "meshes")
ICONS = "icons"
# The former starter was given the real sources so many times: a drawing then counts as much as
# several synthetic ones, of which there are seven times as many.
REPEATED = 6
PAPER_AROUND = 6  # pixels around a caption's box that are painted too
NETWORKS = {
    "tf_mobilenetv3_small_100": "tf_mobilenetv3_small*",
    "mobilenetv2_100": "mobilenetv2_100*",
    "tf_efficientnet_lite0": "tf_efficientnet_lite0.in1k*",
}
SIZES = (224, 320)


@dataclass(frozen=True)
class Network:
    """A frozen network at an input size, and which of its features are used."""

    backbone: str
    size: int
    taps: tuple[str, ...] = ()
    pyramid: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """As the table has it."""
        tapped = " + taps" if self.taps else ""
        return f"{self.backbone} {self.size}{tapped}"


TAPPED = Network("tf_efficientnet_lite0", 320, load_recipe("recipes/starter.toml").model.taps)
STARTER = Network("tuned lite0", 320, TAPPED.taps)
LAST = Network("tf_efficientnet_lite0", 320)
FROZEN = [Network(backbone, size) for backbone in NETWORKS for size in SIZES]


class Bench(RecordSets):
    """Drawings, their features in files, and what is fitted on them."""

    def __init__(self, work: Path, shared: Path, backbone: Path | None = None) -> None:
        super().__init__()
        self.work, self.shared, self.backbone = work, shared, backbone
        work.mkdir(parents=True, exist_ok=True)

    def _read(self, name: str) -> list[Record]:
        data = self.shared / "data"
        designs = "designs=368,seed=11,views=7,figures=3,captions=0"
        specs = {
            SHEETS: str(data / "uspto-sheets"),
            PAINTED: str(data / "uspto-sheets"),
            GRANTS: str(data / "uspto-grants"),
            "procedural": f"synthetic:{designs}",
            "meshes": f"meshes:{data / 'meshes'},{designs}",
            ICONS: str(data / "icons"),
        }
        found = read_records([specs[name]], Skipped())
        # The four stroke weights of an icon are one drawing to a network.
        return (
            [r for r in found if r.image.path.endswith("regular.png")] if name == ICONS else found
        )

    def drawings(self, name: str, size: int) -> Drawings:
        """Normalised drawings uint8 [N, size, size] of a set."""
        records = self.records(name)
        if name == PAINTED:
            boxes = self.captions()
            return np.stack([normalise(painted(r, boxes), size) for r in records])
        drawings = drawing_set(records, size, Skipped())
        assert len(drawings) == len(records)
        return drawings.pixels(np.arange(len(drawings)))

    def captions(self) -> dict[str, list[list[int]]]:
        """The boxes (x1, y1, x2, y2) of the captions of each sheet, by file name."""
        file = self.shared / "data" / "uspto-sheets" / "captions.csv"
        with file.open(encoding="utf-8", newline="") as rows:
            return {
                Path(name).name: [[int(v) for v in box.split(",")] for box in boxes.split()]
                for name, boxes in list(csv.reader(rows))[1:]
            }

    def model(self, network: Network) -> DrawingEncoder:
        """The network; its head is not used."""
        name = TAPPED.backbone if network == STARTER else network.backbone
        (weights,) = (self.shared / "weights").glob(NETWORKS[name])
        if network == STARTER:
            weights = self.backbone or self.work
        recipe = ModelRecipe(
            name,
            size=network.size,
            weights=str(weights),
            taps=network.taps,
            pyramid=network.pyramid,
        )
        return build_model(Recipe(recipe)).eval()

    def file(self, network: Network, name: str) -> Path:
        """Where the features of a set lie."""
        return self.work / f"{network.name}-{name}.npy".replace(" ", "_")

    def run(self) -> None:
        """Compute the features that are missing."""
        wanted = [(network, name) for network in FROZEN for name in SCORED]
        wanted += [(n, name) for n in (TAPPED, STARTER) for name in (*SCORED, *DRAWN)]
        wanted.append((STARTER, ICONS))
        for network, name in wanted:
            if not self.file(network, name).exists():
                print(network.name, name, flush=True)
                features = pooled(self.model(network), self.drawings(name, network.size))
                np.save(self.file(network, name), features)

    def features(self, network: Network, name: str) -> Floats:
        """Pooled features [N, C]; the last maps' come first."""
        if network == LAST and name in DRAWN:
            width = self.features(LAST, GRANTS).shape[1]
            return self.features(TAPPED, name)[:, :width]
        found: Floats = np.load(self.file(network, name))
        return found

    # attempts: from a set's name to embeddings [N, D] of unit length

    def pixels(self, name: str) -> Floats:
        """Ink of 32×32 pixels."""
        small = [
            cv2.resize(d, (32, 32), interpolation=cv2.INTER_AREA) for d in self.drawings(name, 224)
        ]
        return unit(255 - np.stack(small).reshape(len(small), -1).astype(np.float32))

    def gradients(self, name: str) -> Floats:
        """A classical descriptor: histograms of oriented gradients (Dalal & Triggs 2005)."""
        return unit(np.stack([oriented_gradients(d) for d in self.drawings(name, 128)]))

    def frozen(self, network: Network, name: str) -> Floats:
        """GeM features as they are."""
        return unit(self.features(network, name))

    def whitened(self, network: Network, name: str) -> Floats:
        """GeM features whitened to 128 dimensions by the other set's drawings."""
        taught = self.features(network, SCORED[name])
        head = nn.Linear(taught.shape[1], 128)
        whiten(head, taught)
        return applied(head, self.features(network, name))

    def discriminative(
        self, network: Network, drawn: Sequence[str], repeated: int, name: str
    ) -> Floats:
        """A head fitted on synthetic designs and on the other set's drawings, so many times.

        Icons among them are told apart by their class, not one by one.
        """
        sets = [*drawn, *[SCORED[name]] * repeated]
        taught = np.concatenate([self.features(network, each) for each in sets])
        patents = [
            r.klass if each == ICONS else r.patent_id for each in sets for r in self.records(each)
        ]
        head = nn.Linear(taught.shape[1], 256)
        widths = self.model(TAPPED if network.taps else LAST).widths
        discriminate(head, taught, np.unique(patents, return_inverse=True)[1], widths)
        return applied(head, self.features(network, name))

    def attempts(self) -> dict[str, Callable[[str], Floats]]:
        """Everything that was tried."""
        fit = self.discriminative
        frozen = {f"{n.name}, GeM": partial(self.frozen, n) for n in FROZEN}
        whitened = {f"{n.name}, GeM, whitened": partial(self.whitened, n) for n in FROZEN}
        learned = {
            "lite0 320, head on procedural designs": partial(fit, LAST, DRAWN[:1], 0),
            "lite0 320, head on both": partial(fit, LAST, DRAWN, 0),
            "… + taps": partial(fit, TAPPED, DRAWN, 0),
            "… + taps, real drawings once": partial(fit, TAPPED, DRAWN, 1),
            f"… + taps, real drawings × {REPEATED}": partial(fit, TAPPED, DRAWN, REPEATED),
            "lite0 320 + taps, head on real drawings alone": partial(fit, TAPPED, (), 1),
            "tuned lite0 320 + taps, head on both": partial(fit, STARTER, DRAWN, 0),
            f"… real drawings × {REPEATED} (the former starter)": partial(
                fit, STARTER, DRAWN, REPEATED
            ),
            "… and the classes of icons": partial(fit, STARTER, (*DRAWN, ICONS), REPEATED),
            "tuned lite0 320 + taps, head on the classes of icons": partial(
                fit, STARTER, (ICONS,), 0
            ),
        }
        return {
            "32×32 pixels": self.pixels,
            "oriented gradients": self.gradients,
            **frozen,
            **whitened,
            **learned,
        }

    def report(self) -> str:
        """All tables as Markdown."""
        attempts = self.attempts()
        lines = [HEADER]
        for name in SCORED:
            found = {
                attempt: score_embeddings(embed(name), self.records(name))
                for attempt, embed in attempts.items()
            }
            baselines = list(found)[: 2 + 2 * len(FROZEN)]
            best = max(baselines, key=lambda b: mean(found[b], "map"))
            lines += ["", f"## {name[0].upper()}{name[1:]} ({len(self.records(name))} drawings)"]
            lines += ["", f"Best frozen variant: {best}.", "", COLUMNS]
            for attempt, scores in found.items():
                both = [ahead(scores, found[best], level) for level in ("patent", "class")]
                cells = [
                    attempt,
                    shown(scores, "patent"),
                    "" if attempt == best else both[0],
                    f"{100 * mean(scores, 'recall_1'):.1f}",
                    shown(scores, "class"),
                    "" if attempt == best else both[1],
                ]
                lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"


def mean(scores: QueryScores, measure: str) -> float:
    """The mean of a measure at patent level over the queries that count."""
    return float(np.nanmean(scores.measures["patent"][measure]))


def painted(record: Record, boxes: dict[str, list[list[int]]]) -> Drawings:
    """A whole sheet with its captions painted white."""
    page = read_page(record.image).copy()
    for left, top, right, bottom in boxes.get(Path(record.image.path).name, []):
        rows = slice(max(0, top - PAPER_AROUND), bottom + PAPER_AROUND)
        page[rows, max(0, left - PAPER_AROUND) : right + PAPER_AROUND] = 255
    return page


@torch.inference_mode()
def pooled(model: DrawingEncoder, drawings: Drawings) -> Floats:
    """Features [N, C] of drawings [N, S, S]."""
    batches = np.array_split(drawings, max(1, len(drawings) // 32))
    return np.concatenate([model.features(torch.from_numpy(b)[:, None]).numpy() for b in batches])


def oriented_gradients(drawing: Drawings, cells: int = 8, bins: int = 9) -> Floats:
    """Histograms [cells² · bins] of unsigned gradient directions, normalised in each cell."""
    pixels = drawing.astype(np.float32)
    dx, dy = cv2.Sobel(pixels, cv2.CV_32F, 1, 0), cv2.Sobel(pixels, cv2.CV_32F, 0, 1)
    strength, angle = np.hypot(dx, dy), np.arctan2(dy, dx) % np.pi
    which = np.minimum((angle / np.pi * bins).astype(int), bins - 1)
    block = drawing.shape[0] // cells
    planes = [np.where(which == b, strength, 0) for b in range(bins)]
    sums = np.stack([p.reshape(cells, block, cells, block).sum((1, 3)) for p in planes], -1)
    lengths = np.linalg.norm(sums, axis=-1, keepdims=True)
    histograms: Floats = (sums / np.sqrt(lengths**2 + 1e4)).ravel().astype(np.float32)
    return histograms


def applied(head: nn.Linear, features: Floats) -> Floats:
    """Embeddings of unit length."""
    with torch.inference_mode():
        return unit(head(torch.from_numpy(features)).numpy())


COLUMNS = (
    "| attempt | same patent mAP | − best frozen | R@1 | same class mAP | − best frozen |\n"
    "|---|---|---|---|---|---|"
)
HEADER = """# What the starter model was chosen from

Made by `python benchmarks/starter.py`, whose head says what is scored on what. Points, with 95 %
intervals (bootstrap over patents; differences paired). Float32 features; what INT8 costs is in the
certificate that comes with the bundle. The former starter was fitted like the line marked so, on
both real sets at once. What is shipped now has another backbone, looks at
two sizes and has a part for kin in its head: `kin.md` compares it with its forerunners."""


def main() -> None:
    parser = command_line(__file__, __doc__, ["run", "report"])
    parser.add_argument("--backbone", type=Path, help="the run of the tuned backbone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(options.work, options.shared, options.backbone)
    if options.what == "run":
        bench.run()
    else:
        options.out.write_text(bench.report(), "utf-8")


if __name__ == "__main__":
    main()
