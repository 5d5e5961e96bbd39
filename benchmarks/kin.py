"""Kin on real patents, four folds by sibling group: heads, losses, learning curve, classification.

    python benchmarks/kin.py run --work DIR [--run NAME=RUN]... [--bundle NAME=FOLDER]...
    python benchmarks/kin.py report --work DIR [--out FILE]

``run`` computes features at 320 pixels, a file for each network and set, and goes on where it was
stopped; what ``report`` finds there is in its tables. Scored on `uspto-2007`, each fold (about 200
drawings) by itself, every drawing against all others of its fold, those of its own sibling group
left out: the head that is scored has seen no group of the fold. The same embedding is scored for
the same patent on `uspto-sheets` with captions painted white; its twin part has then seen synthetic
designs and `uspto-grants`, its kin part all of `uspto-2007`: no patent of that is among the sheets.
"""

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from cells import LEVELS, Floats, command_line, score_embeddings, unit
from starter import GRANTS, PAINTED, Bench, Network, applied, pooled
from torch import nn

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.metrics import QueryScores
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train.data import read_records
from edgepatent_train.losses import ContrastiveLoss
from edgepatent_train.recipe import LossRecipe
from edgepatent_train.ridge import fit_ridge, one_hot, standardising
from edgepatent_train.run import Run
from edgepatent_train.whiten import Doubles, discriminate, within

PATENTS, PROCEDURAL, MESHES = "patents", "procedural", "meshes"
SETS = (PATENTS, PAINTED, GRANTS, PROCEDURAL, MESHES)
FOLDS = 4
# As in recipes/starter.sh.
REPEATED = 2
KIN, TWIN = 96, 160
WEIGHTS = (0.0, 0.15, 0.3, 0.5, 0.7, 1.0)
FROZEN = Network("tf_efficientnet_lite0", 320, ("blocks.3", "blocks.4", "blocks.5"))
# Features of the last maps and of the three taps.
WIDTHS = (1280, 160, 224, 384)
Head = Callable[[Floats], Floats]
Embed = Callable[[npt.NDArray[np.uint8]], Floats]
Mask = npt.NDArray[np.bool_]


class Numbers(NamedTuple):
    """What is quoted of one embedding: of kin over all folds, of twins over all sheets."""

    class_map: float
    class_first: float
    subclass_map: float

    def __str__(self) -> str:
        return " / ".join(f"{value:.3f}".removeprefix("0") for value in self)


class KinBench(Bench):
    """Sets, features, the teacher's vectors and the folds."""

    def _read(self, name: str) -> list[Record]:
        data = self.shared / "data"
        designs = "designs=130,seed=11,views=7,figures=3,captions=0"
        specs = {
            PATENTS: str(data / "uspto-2007"),
            PROCEDURAL: f"synthetic:{designs}",
            MESHES: f"meshes:{data / 'meshes'},{designs}",
        }
        return read_records([specs[name]], Skipped()) if name in specs else super()._read(name)

    def open(self) -> None:
        """Read what is known of the patents."""
        records = self.records(PATENTS)
        self.group = codes([r.patent_id for r in records])
        self.klass = codes([r.klass for r in records])
        self.subclass = codes([r.subclass for r in records])
        # Sibling groups are dealt out at random; a group is never cut.
        deal = np.random.default_rng(7).permutation(int(self.group.max()) + 1)
        fold = np.argsort(deal)[self.group] % FOLDS
        self.tests = [fold == f for f in range(FOLDS)]
        with np.load(self.shared / "data" / "uspto-2007" / "clip_vit_b32.npz") as file:
            row = {str(name): i for i, name in enumerate(file["file_name"])}
            rows = np.array([row.get(Path(r.image.path).name, -1) for r in records])
            self.told = {s: file[s][rows].astype(np.float32) for s in ("image", "title")}
        self.known = rows >= 0

    def compute(self, networks: dict[str, Embed], sets: Sequence[str]) -> None:
        """Features of sets that are not there yet."""
        for name, embed in networks.items():
            for each in sets:
                file = self.work / f"{name}@{each}.npy".replace(" ", "_")
                if not file.exists():
                    print(name, each, flush=True)
                    np.save(file, embed(self.drawings(each, FROZEN.size)))

    def found(self, name: str) -> dict[str, Floats]:
        """The features of a network by set."""
        files = {each: self.work / f"{name}@{each}.npy".replace(" ", "_") for each in SETS}
        return {each: np.load(file) for each, file in files.items() if file.exists()}

    # heads in closed form

    def kin(
        self,
        x: Floats,
        taught: Mask,
        what: Sequence[str],
        ridge: float = 0.3,
        white: Doubles | None = None,
    ) -> Head:
        """The ridge from features [N, C] of all patents to what is known of the taught ones."""
        targets: list[tuple[Floats, Mask]] = []
        for space in ("image", "title"):
            if space in what:
                vectors = self.told[space][taught]
                known = self.known[taught]
                centred = unit(vectors - vectors[known].mean(0))
                targets.append((centred, known))
        for labels, weight in ((self.klass, 1.0), (self.subclass, 0.7)):
            if "labels" in what:
                own = labels[taught]
                targets.append((np.float32(weight) * one_hot(own), own >= 0))
        head = nn.Linear(x.shape[1], KIN)
        space = standardising(x[taught])
        fit_ridge(head, x[taught], targets, ridge, space if white is None else (space[0], white))
        return lambda features: applied(head, features)

    def taught(self, found: dict[str, Floats], real: str) -> tuple[Floats, npt.NDArray[np.int64]]:
        """What teaches the twin part: synthetic designs and one of the real sets, and patents."""
        sets = [PROCEDURAL, MESHES, *[real] * REPEATED]
        patents = [r.patent_id for each in sets for r in self.records(each)]
        return np.concatenate([found[each] for each in sets]), codes(patents)

    def white(self, found: dict[str, Floats], real: str) -> Doubles | None:
        """The map of features after which what differs within a patent is white."""
        return within(*self.taught(found, real), WIDTHS)[1]

    def twin(self, found: dict[str, Floats], real: str) -> Head:
        """The discriminative head on synthetic designs and one of the real sets."""
        features, patents = self.taught(found, real)
        head = nn.Linear(features.shape[1], TWIN)
        discriminate(head, features, patents, WIDTHS)
        return lambda features: applied(head, features)

    # scores

    def kin_scores(self, embed: Callable[[int], Floats], only: Mask | None = None) -> Numbers:
        """Of embeddings of all patents, given for the number of each fold that is kept back."""
        return numbers(
            [
                self.kin_queries(embed(f), test if only is None else test & only)
                for f, test in enumerate(self.tests)
            ]
        )

    def kin_queries(self, embeddings: Floats, rows: Mask) -> QueryScores:
        """The scores of some patents among themselves."""
        records = self.records(PATENTS)
        return score_embeddings(embeddings[rows], [records[i] for i in np.flatnonzero(rows)])

    def twins(self, embeddings: Floats, name: str) -> str:
        """Same-patent mAP and R@1 of a set of sheets."""
        found = score_embeddings(embeddings, self.records(name)).measures["patent"]
        return f"{np.nanmean(found['map']):.3f} / {np.nanmean(found['recall_1']):.3f}"

    # tables

    def floors(self) -> list[str]:
        """Networks as they are, and the teacher itself."""
        lines = ["| embedding | all patents | those with vectors | same patent, sheets |"]
        lines += ["|---|---|---|---|"]
        for name in self.shown:
            found = self.found(name)
            x = found[PATENTS]
            if x.shape[1] > 1024:
                x, sheets = unit(x - x.mean(0)), unit(found[PAINTED] - found[PAINTED].mean(0))
            else:
                sheets = found[PAINTED]
            both = [str(self.kin_scores(lambda f, x=x: x, only)) for only in (None, self.known)]
            lines.append(f"| {name} | {both[0]} | {both[1]} | {self.twins(sheets, PAINTED)} |")
        for space, vectors in self.told.items():
            told = self.kin_scores(lambda f, v=vectors: unit(v), self.known)
            lines.append(f"| CLIP ViT-B/32, {space} | | {told} | |")
        return lines

    def names(self) -> list[str]:
        """All networks whose features are there."""
        return [f.name.partition("@")[0] for f in sorted(self.work.glob(f"*@{PATENTS}.npy"))]

    def networks(self) -> list[str]:
        """Those whose heads are fitted here; bundles give embeddings, not features."""
        return [n for n in self.shown if self.found(n)[PATENTS].shape[1] > 1024]

    def targets(self) -> list[str]:
        """What the kin part may learn from."""
        kinds = [("image",), ("title",), ("labels",), ("image", "title")]
        kinds += [("image", "title", "labels")]
        lines = ["| network | " + " | ".join(" + ".join(k) for k in kinds) + " |"]
        lines.append("|---" * (len(kinds) + 1) + "|")
        for name in self.networks():
            x = self.found(name)[PATENTS]
            cells = [
                str(self.kin_scores(lambda f, k=k, x=x: self.kin(x, ~self.tests[f], k)(x)))
                for k in kinds
            ]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        return lines

    def trade(self) -> list[str]:
        """From twins alone to kin alone."""
        lines = ["| network | w | kin | same patent, sheets | same patent, grants |"]
        lines.append("|---|---|---|---|---|")
        every = ("image", "title", "labels")
        for name in self.networks():
            found = self.found(name)
            x = found[PATENTS]
            white = {PAINTED: self.white(found, GRANTS), GRANTS: self.white(found, PAINTED)}
            kin = [self.kin(x, ~test, every, white=white[PAINTED])(x) for test in self.tests]
            full = {s: self.kin(x, self.group >= 0, every, white=w) for s, w in white.items()}
            twins = {PAINTED: self.twin(found, GRANTS), GRANTS: self.twin(found, PAINTED)}
            beside = twins[PAINTED](x)
            for w in WEIGHTS:
                both = [mixed(part, beside, w) for part in kin]
                scores = self.kin_scores(both.__getitem__)
                same = [
                    self.twins(mixed(full[s](found[s]), twin(found[s]), w), s)
                    for s, twin in twins.items()
                ]
                lines.append(f"| {name} | {w} | {scores} | {same[0]} | {same[1]} |")
        return lines

    def curve(self) -> list[str]:
        """Kin over the number of patents that taught the kin part."""
        sizes, every = (50, 100, 200, 400, 0), ("image", "title", "labels")
        lines = ["| network | " + " | ".join(str(s or "three folds") for s in sizes) + " |"]
        lines.append("|---" * (len(sizes) + 1) + "|")
        for name in self.networks():
            x = self.found(name)[PATENTS]
            cells = []
            for size in sizes:
                found = [
                    self.kin_scores(
                        lambda f, s=seed, n=size, x=x: self.kin(x, self.some(f, n, s), every)(x)
                    )
                    for seed in range(3 if size else 1)
                ]
                cells.append(str(Numbers(*np.mean(found, 0))))
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        return lines

    def some(self, fold: int, size: int, seed: int) -> Mask:
        """So many drawings outside a fold, whole groups (0: all)."""
        order = np.random.default_rng(seed).permutation(int(self.group.max()) + 1)[self.group]
        outside = np.where(~self.tests[fold], order, len(order))
        chosen: Mask = ~self.tests[fold]
        if size:
            chosen = outside <= np.sort(outside)[size - 1]
        return chosen

    def losses(self, steps: int = 150, seeds: int = 3) -> list[str]:
        """Linear heads on the last network's features, trained with each loss on all levels."""
        found = self.found(self.networks()[-1])
        features, patents = self.taught(found, GRANTS)
        begun = nn.Linear(features.shape[1], KIN + TWIN)
        discriminate(begun, features, patents, WIDTHS)
        lines = ["| loss | kin | ± over seeds, class | same patent, sheets |", "|---|---|---|---|"]
        lines.append(
            f"| none: as begun | {self.kin_scores(lambda f: applied(begun, found[PATENTS]))} "
            f"| | {self.twins(applied(begun, found[PAINTED]), PAINTED)} |"
        )
        for label, recipe in LOSSES.items():
            kin, same = [], []
            for seed in range(seeds):
                heads = [
                    self.trained(found, begun, ~test, recipe, seed, steps) for test in self.tests
                ]
                x = found[PATENTS]
                kin.append(self.kin_scores(lambda f, h=heads, x=x: h[f](x)))
                same.append([h(found[PAINTED]) for h in heads])
            sheets = [self.twins(e, PAINTED).split(" / ") for run in same for e in run]
            mean = np.mean(np.array(sheets, float), 0)
            spread = np.std([k.class_map for k in kin])
            lines.append(
                f"| {label} | {Numbers(*np.mean(kin, 0))} | {spread:.3f} "
                f"| {mean[0]:.3f} / {mean[1]:.3f} |"
            )
            print(lines[-1], flush=True)
        return lines

    def trained(
        self,
        found: dict[str, Floats],
        begun: nn.Linear,
        taught: Mask,
        recipe: LossRecipe,
        seed: int,
        steps: int,
    ) -> Head:
        """A head that starts whitened and learns: patents of the taught folds, grants, designs."""
        records = [*self.records(GRANTS), *self.records(PROCEDURAL), *self.records(MESHES)]
        rest = np.concatenate([found[s] for s in (GRANTS, PROCEDURAL, MESHES)])
        own = [r for r, ok in zip(self.records(PATENTS), taught, strict=True) if ok]
        x = np.concatenate([found[PATENTS][taught], rest])
        both = [*own, *records]
        patent = codes([r.patent_id for r in both])
        subclass, klass = codes([r.subclass for r in both]), codes([r.klass for r in both])
        head = deepcopy(begun)
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        inputs = torch.from_numpy(x)
        labels = torch.from_numpy(np.stack([patent, subclass, klass], 1))
        loss, optimizer = ContrastiveLoss(recipe), torch.optim.AdamW(head.parameters(), 3e-4)
        views = [np.flatnonzero(patent == p) for p in range(int(patent.max()) + 1)]
        many = [v for v in views if len(v) > 1]
        for _ in range(steps):
            rows = rng.choice(len(own), 96, replace=False)
            pairs = [
                rng.choice(many[i], 2, replace=False)
                for i in rng.choice(len(many), 48, replace=False)
            ]
            batch = torch.from_numpy(np.concatenate([rows, *pairs]))
            z = nn.functional.normalize(head(inputs[batch]), dim=1)
            value = loss(z, labels[batch])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        return lambda features: applied(head, features)

    def classified(self) -> list[str]:
        """Locarno classes of held-out patents by the votes of the other folds' drawings."""
        lines = ["| by | top-1 | top-5 | of |", "|---|---|---|---|"]
        every = ("image", "title", "labels")
        votes: dict[str, Callable[[int], Floats]] = {}
        for name in self.shown:
            x = self.found(name)[PATENTS]
            if x.shape[1] <= 1024:
                votes[name] = lambda f, x=x: self.voted(x, f)
            else:
                votes[f"{name}, kin part"] = lambda f, x=x: self.voted(
                    self.kin(x, ~self.tests[f], every)(x), f
                )
        votes["naive Bayes over the titles of the other folds"] = self.by_words
        known = self.klass >= 0
        for name, vote in votes.items():
            places = []
            for f in range(len(self.tests)):
                rows = np.flatnonzero(self.tests[f] & known)
                order = np.argsort(-vote(f)[rows], 1, kind="stable")
                places += list(np.argmax(order == self.klass[rows][:, None], 1))
            first, five = np.mean(np.array(places) < 1), np.mean(np.array(places) < 5)
            lines.append(f"| {name} | {first:.3f} | {five:.3f} | {len(places)} |")
        return lines

    def voted(self, x: Floats, fold: int) -> Floats:
        """Scores [N, classes]: the ten nearest drawings of other folds, by exp(similarity / T)."""
        others = np.flatnonzero((~self.tests[fold]) & (self.klass >= 0))
        similar = x @ x[others].T
        least = np.sort(similar, 1)[:, -10:-9]
        weight = np.where(similar >= least, np.exp(similar / 0.1), 0)
        return (weight @ np.eye(int(self.klass.max()) + 1)[self.klass[others]]).astype(np.float32)

    def by_words(self, fold: int) -> Floats:
        """Scores [N, classes] of naive Bayes with add-one counts."""
        bags = [set(re.findall(r"[a-z]+", (r.title or "").lower())) for r in self.records(PATENTS)]
        order = {w: i for i, w in enumerate(sorted(set().union(*bags)))}
        count = np.zeros((len(bags), len(order)))
        for row, bag in enumerate(bags):
            count[row, [order[w] for w in bag]] = 1
        taught = (~self.tests[fold]) & (self.klass >= 0)
        hot = np.eye(int(self.klass.max()) + 1)[self.klass[taught]]
        seen = hot.T @ count[taught] + 1
        log = np.log(seen / seen.sum(1, keepdims=True))
        prior = np.log(hot.sum(0) + 1)
        return (count @ log.T + prior).astype(np.float32)

    def tables(self) -> str:
        """Everything as Markdown.

        A network that has learned from patents is scored on those that its run held out, as one
        fold, and everything beside it on the same; those that have not, on four folds.
        """
        self.open()
        folds = self.tests
        held = {f.name.partition("@")[0]: np.load(f) for f in self.work.glob("*@held.npy")}
        text = self.section("four folds", [n for n in self.names() if n not in held], full=True)
        for name, groups in sorted(held.items()):
            records = self.records(PATENTS)
            self.tests = [np.isin([r.patent_id for r in records], groups)]
            text += self.section(f"patents held out by {name}", self.names(), full=False)
        self.tests = folds
        return text

    def section(self, tests: str, names: Sequence[str], *, full: bool) -> str:
        """The tables on one way of keeping back."""
        self.shown = names
        last = self.networks()[-1]
        parts: list[tuple[str, Callable[[], list[str]]]] = [
            ("Floors: embeddings as they are", self.floors),
            ("Between twins and kin", self.trade),
            ("What the kin part learns from", self.targets),
            ("Classes of held-out patents by their neighbours' votes", self.classified),
        ]
        if full:
            parts.append(("Over the amount of real kin data", self.curve))
            parts.append((f"Losses on heads over fixed features ({last})", self.losses))
        text = ""
        for title, rows in parts:
            # A table that is there already is kept: delete it to make it again.
            file = self.work / f"{title} {tests}.table".replace(" ", "_").replace("/", "-")
            if not file.exists():
                table = "\n".join(rows())
                print(title, tests, table, sep="\n", flush=True)
                file.write_text(table, "utf-8")
            text += f"\n## {title}: {tests}\n\n{file.read_text('utf-8')}\n"
        return text


# τ of each was the best of .05, .1, .2 in benchmarks/losses.md
LOSSES = {
    "InfoNCE": LossRecipe(name="infonce"),
    "SupCon, patent": LossRecipe(name="supcon"),
    "HiMulCon": LossRecipe(name="himulcon"),
    "hierarchical, 1 ½ ¼": LossRecipe(),
    "hierarchical, 1 .2 .05": LossRecipe(scores=(1.0, 0.2, 0.05)),
    "hierarchical, 1 ½ ¼, normalised by level": LossRecipe(normalise="level"),
}


def codes(names: Sequence[str | None]) -> npt.NDArray[np.int64]:
    """Names → 0, 1, … in sorted order, None → −1."""
    order = {name: i for i, name in enumerate(sorted({n for n in names if n}))}
    return np.array([order[n] if n else -1 for n in names], np.int64)


def mixed(kin: Floats, twin: Floats, w: float) -> Floats:
    """Two embeddings in one: inner products are w · kin + (1 − w) · twin."""
    return np.hstack([np.sqrt(w) * kin, np.sqrt(1 - w) * twin]).astype(np.float32)


def numbers(found: Sequence[QueryScores]) -> Numbers:
    """Means over the queries of all folds."""
    pooled = {
        (level, what): np.concatenate([f.measures[level][what] for f in found])
        for level in LEVELS
        for what in ("map", "recall_1")
    }
    quoted = (("class", "map"), ("class", "recall_1"), ("subclass", "map"))
    return Numbers(*(float(np.nanmean(pooled[level, what])) for level, what in quoted))


def main() -> None:
    parser = command_line(__file__, __doc__, ["run", "report"])
    parser.add_argument("--run", action="append", default=[], metavar="NAME=RUN")
    parser.add_argument("--bundle", action="append", default=[], metavar="NAME=FOLDER")
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench = KinBench(options.work, options.shared)
    if options.what == "report":
        options.out.write_text(bench.tables(), "utf-8")
        return
    networks: dict[str, Embed] = {"frozen lite0": partial(pooled, bench.model(FROZEN))}
    for each in options.run:
        name, _, folder = each.partition("=")
        run = Run.open(Path(folder))
        model = run.model().eval()
        if run.data.held_out:
            np.save(bench.work / f"{name}@held.npy", run.data.held_out)
        networks[name] = partial(pooled, model)
    bench.compute(networks, SETS)
    bundles = dict(each.split("=", 1) for each in options.bundle)
    bench.compute({n: Encoder(Bundle(folder)).encode for n, folder in bundles.items()}, SETS[:3])


if __name__ == "__main__":
    main()
