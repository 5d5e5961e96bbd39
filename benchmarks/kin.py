"""Kin on real patents: heads, losses, learning curve, classification, the starter before and after.

    python benchmarks/kin.py run --work DIR [--run NAME=RUN]... [--bundle NAME=FOLDER]...
    python benchmarks/kin.py report --work DIR [--out benchmarks/kin_tables.md]
    python benchmarks/kin.py backbones --work DIR
    python benchmarks/kin.py teacher --work DIR

``run`` computes features of frozen lite0 and of backbones that have seen no real
patent (WORK/backbone of recipes/starter.sh), and the embeddings that bundles give; a file for each
and for each set, and it goes on where it was stopped. ``report`` fits heads in closed form and
scores what it finds, table by table, each kept once it is made. ``backbones`` puts networks under
the starter's head side by side: of one size, or a small one beside a large one. ``teacher`` puts
the kin part over their features beside CLIP, and beside one over CLIP's own vectors.

Scored on `uspto-2007`: four folds by sibling group (about 200 drawings), every drawing against all
others of its fold, those of its own sibling group left out: the head that is scored has seen no
group of the fold. The same embedding is scored for the same patent on `uspto-sheets` with captions
painted white; its twin part has then seen synthetic designs and `uspto-grants`, its kin part all of
`uspto-2007`: no patent of that is among the sheets. Bundles are scored on the quarter that
recipes/kin.toml holds out: whether one has seen patents of it is for you to know.
"""

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from cells import LEVELS, Floats, ahead, command_line, score_embeddings, shown, unit
from starter import GRANTS, PAINTED, Bench, Network, applied, pooled
from torch import nn

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.metrics import QueryScores
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train.data import read_records
from edgepatent_train.losses import ContrastiveLoss
from edgepatent_train.model import build_model
from edgepatent_train.recipe import LossRecipe, Recipe
from edgepatent_train.recipe_file import load_recipe
from edgepatent_train.ridge import fit_ridge, one_hot, standardising
from edgepatent_train.run import Run
from edgepatent_train.split import held_out
from edgepatent_train.whiten import Doubles, discriminate, within

PATENTS, PROCEDURAL, MESHES = "patents", "procedural", "meshes"
SETS = (PATENTS, PAINTED, GRANTS, PROCEDURAL, MESHES)
FOLDS = 4
HEAD, QUARTER = load_recipe("recipes/starter.toml"), load_recipe("recipes/kin.toml")
KIN, TWIN = HEAD.kin.dimensions, HEAD.model.dimensions - HEAD.kin.dimensions
# As in recipes/starter.sh.
REPEATED = 2
WEIGHTS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)
FROZEN = Network(HEAD.model.backbone, HEAD.model.size, HEAD.model.taps, HEAD.model.pyramid)
# How a network of each backbone looks at drawings: as the starter that has it.
LOOKS = {r.model.backbone: r.model for r in (HEAD, load_recipe("recipes/starter-small.toml"))}
# Features of the last maps and of the taps, by how many they are: lite0, MobileNetV3-small.
WIDTHS = {sum(w): w for w in ((1280, 160, 224, 384), (576, 48, 80, 96, 192))}
Embed = Callable[[npt.NDArray[np.uint8]], Floats]
Mask = npt.NDArray[np.bool_]


class Head(NamedTuple):
    """A fitted layer: features [N, C] → embeddings [N, D] of unit length."""

    layer: nn.Linear

    def __call__(self, features: Floats) -> Floats:
        """The embeddings."""
        return applied(self.layer, features)


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

    def compute(self, networks: dict[str, tuple[int, Embed]], sets: Sequence[str]) -> None:
        """Features of sets that are not there yet; each network takes drawings of one size."""
        for name, (size, embed) in networks.items():
            for each in sets:
                file = self.work / f"{name}@{each}.npy".replace(" ", "_")
                if not file.exists():
                    print(name, each, flush=True)
                    np.save(file, embed(self.drawings(each, size)))

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
        head = nn.Linear(x.shape[1], KIN)
        space = standardising(x[taught])
        space = space if white is None else (space[0], white)
        fit_ridge(head, x[taught], self.blocks(taught, what), ridge, space)
        return Head(head)

    def blocks(self, taught: Mask, what: Sequence[str]) -> list[tuple[Floats, Mask]]:
        """What the taught patents are mapped to, each with the drawings of which it is known."""
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
        return targets

    def taught(self, found: dict[str, Floats], real: str) -> tuple[Floats, npt.NDArray[np.int64]]:
        """What teaches the twin part: synthetic designs and one of the real sets, and patents."""
        sets = [PROCEDURAL, MESHES, *[real] * REPEATED]
        patents = [r.patent_id for each in sets for r in self.records(each)]
        return np.concatenate([found[each] for each in sets]), codes(patents)

    def white(self, found: dict[str, Floats], real: str) -> Doubles | None:
        """The map of features after which what differs within a patent is white."""
        features, patents = self.taught(found, real)
        return within(features, patents, WIDTHS[features.shape[1]])[1]

    def twin(self, found: dict[str, Floats], real: str) -> Head:
        """The discriminative head on synthetic designs and one of the real sets."""
        features, patents = self.taught(found, real)
        head = nn.Linear(features.shape[1], TWIN)
        discriminate(head, features, patents, WIDTHS[features.shape[1]])
        return Head(head)

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
        for name in self.networks():
            found = self.found(name)
            x = found[PATENTS]
            x, sheets = unit(x - x.mean(0)), unit(found[PAINTED] - found[PAINTED].mean(0))
            both = [str(self.kin_scores(lambda f, x=x: x, only)) for only in (None, self.known)]
            lines.append(f"| {name} | {both[0]} | {both[1]} | {self.twins(sheets, PAINTED)} |")
        for space, vectors in self.told.items():
            told = self.kin_scores(lambda f, v=vectors: unit(v), self.known)
            lines.append(f"| CLIP ViT-B/32, {space} | | {told} | |")
        return lines

    def names(self) -> list[str]:
        """All networks and bundles of which something is there."""
        files = sorted(self.work.glob(f"*@{PATENTS}.npy"))
        return [f.name.partition("@")[0].replace("_", " ") for f in files]

    def networks(self) -> list[str]:
        """Those whose heads are fitted here: features, not embeddings."""
        return [n for n in self.names() if self.found(n)[PATENTS].shape[1] in WIDTHS]

    def embeddings(self) -> dict[str, dict[str, Floats]]:
        """What bundles give for each set; of one with a part for kin, also along --kin."""
        given: dict[str, dict[str, Floats]] = {}
        for name in self.names():
            if name not in self.networks():
                given[name] = found = self.found(name)
                part = self.work / f"{name}@part.npz".replace(" ", "_")
                for w in WEIGHTS if part.exists() else ():
                    with np.load(part) as file:
                        balance = np.where(file["kin"], w, 1 - w) / file["lengths"]
                    given[f"{name}, --kin {w}"] = {
                        s: unit(z * np.sqrt(balance).astype(np.float32)) for s, z in found.items()
                    }
        return given

    def backbones(self) -> list[str]:
        """Networks under the starter's head, beside the first of them that is not frozen."""
        lines = [
            f"| network, w = {HEAD.kin.weight} | class mAP | − half-way | R@1 | subclass mAP "
            "| − half-way | R@1 | same patent, sheets | − half-way | R@1 |",
            "|---" * 10 + "|",
        ]
        scored = {name: self.under_head(name) for name in self.networks()}
        first = next(scores for name, scores in scored.items() if not name.startswith("frozen"))
        for name, scores in scored.items():
            cells = [name]
            for mine, other, level in zip(
                scores, first, ("class", "subclass", "patent"), strict=True
            ):
                gain = "" if mine is other else ahead(mine, other, level)
                found = np.nanmean(mine.measures[level]["recall_1"])
                cells += [shown(mine, level), gain, f"{found:.3f}"]
            lines.append("| " + " | ".join(cells) + " |")
        return lines

    def under_head(self, name: str) -> tuple[QueryScores, QueryScores, QueryScores]:
        """Of a network: class and subclass over all folds, and the same patent on sheets."""
        found, every, w = self.found(name), ("image", "title", "labels"), HEAD.kin.weight
        x, sheets = found[PATENTS], found[PAINTED]
        white, twin = self.white(found, GRANTS), self.twin(found, GRANTS)
        kin = []
        for test in self.tests:
            part = self.kin(x, ~test, every, white=white)(x)
            kin.append(self.kin_queries(mixed(part, twin(x), w), test))
        full = self.kin(x, self.group >= 0, every, white=white)
        both = mixed(full(sheets), twin(sheets), w)
        pooled = joined(kin)
        return pooled, pooled, score_embeddings(both, self.records(PAINTED))

    def beside_teacher(self) -> list[str]:
        """The kin part over networks and over the teacher's own vectors, where these are known."""
        told, every, w = self.told["image"], ("image", "title", "labels"), HEAD.kin.weight
        taught = [~test & self.known for test in self.tests]
        scored = {"CLIP ViT-B/32, image, as it is": self.known_queries([unit(told)] * FOLDS)}
        for name in self.networks():
            found = self.found(name)
            x, white = found[PATENTS], self.white(found, GRANTS)
            twin = self.twin(found, GRANTS)(x)
            both = [mixed(self.kin(x, t, every, white=white)(x), twin, w) for t in taught]
            alone = [self.kin(x, t, every)(x) for t in taught]
            scored[f"{name}, w = {w}"] = self.known_queries(both)
            scored[f"{name}, kin part"] = self.known_queries(alone)
        alone = [self.kin(told, t, every)(told) for t in taught]
        scored["CLIP ViT-B/32, image, kin part"] = self.known_queries(alone)
        lines = ["| embedding | class mAP | − CLIP | R@1 | subclass mAP | − CLIP | R@1 |"]
        lines.append("|---" * 7 + "|")
        clip = next(iter(scored.values()))
        for name, scores in scored.items():
            cells = [name]
            for level in LEVELS[:0:-1]:
                gain = "" if scores is clip else ahead(scores, clip, level)
                first = np.nanmean(scores.measures[level]["recall_1"])
                cells += [shown(scores, level), gain, f"{first:.3f}"]
            lines.append("| " + " | ".join(cells) + " |")
        return lines

    def known_queries(self, embeddings: Sequence[Floats]) -> QueryScores:
        """Of the patents that the teacher has vectors of, given embeddings of all for each fold."""
        folds = zip(embeddings, self.tests, strict=True)
        return joined([self.kin_queries(each, test & self.known) for each, test in folds])

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
        discriminate(begun, features, patents, WIDTHS[features.shape[1]])
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
        return Head(head)

    def classified(self) -> list[str]:
        """Locarno classes of held-out patents by the votes of the other folds' drawings."""
        lines = ["| by | top-1 | top-5 | of |", "|---|---|---|---|"]
        every = ("image", "title", "labels")
        votes: dict[str, Callable[[int], Floats]] = {}
        for name in self.networks():
            x = self.found(name)[PATENTS]
            votes[f"{name}, kin part"] = lambda f, x=x: self.voted(
                self.kin(x, ~self.tests[f], every)(x), self.tests[f]
            )
        votes["naive Bayes over the titles of the other folds"] = self.by_words
        for name, vote in votes.items():
            place = np.concatenate([self.places(vote(f), t) for f, t in enumerate(self.tests)])
            first, five = (place < 1).mean(), (place < 5).mean()
            lines.append(f"| {name} | {first:.3f} | {five:.3f} | {len(place)} |")
        return lines

    def places(self, votes: Floats, test: Mask) -> npt.NDArray[np.int64]:
        """The place of the right class, from 0, among the votes [N, classes] for some drawings."""
        rows = np.flatnonzero(test & (self.klass >= 0))
        order = np.argsort(-votes[rows], 1, kind="stable")
        return np.argmax(order == self.klass[rows][:, None], 1)

    def voted(self, x: Floats, test: Mask) -> Floats:
        """Scores [N, classes]: the ten nearest drawings outside a test, by exp(similarity / T)."""
        others = np.flatnonzero((~test) & (self.klass >= 0))
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

    def bundles(self) -> list[str]:
        """Bundles, as they compute on a device, on the quarter that recipes/kin.toml holds out."""
        records = self.records(PATENTS)
        held = held_out(records, QUARTER.evaluation.holdout, QUARTER.seed)
        rows = np.array([r.patent_id in held for r in records])
        lines = [
            f"| bundle, on {rows.sum()} drawings | class mAP | − first | R@1 | subclass mAP "
            "| − first | same patent, sheets | top-1, top-5 |",
            "|---|---|---|---|---|---|---|---|",
        ]
        first: QueryScores | None = None
        for name, found in self.embeddings().items():
            scores = self.kin_queries(found[PATENTS], rows)
            first = first or scores
            gains = ["" if first is scores else ahead(scores, first, k) for k in LEVELS[:0:-1]]
            places = self.places(self.voted(found[PATENTS], rows), rows)
            cells = [
                name,
                shown(scores, "class"),
                gains[0],
                f"{numbers([scores]).class_first:.3f}",
                shown(scores, "subclass"),
                gains[1],
                self.twins(found[PAINTED], PAINTED),
                f"{(places < 1).mean():.3f}, {(places < 5).mean():.3f}",
            ]
            lines.append("| " + " | ".join(cells) + " |")
        return lines

    def tables(self) -> str:
        """Everything as Markdown."""
        self.open()
        bundles = [("Bundles on the quarter held out", self.bundles)] if self.embeddings() else []
        parts: list[tuple[str, Callable[[], list[str]]]] = [
            *bundles,
            ("Floors: embeddings as they are", self.floors),
            ("Between twins and kin", self.trade),
            ("What the kin part learns from", self.targets),
            ("Over the amount of real kin data", self.curve),
            ("Classes of held-out patents by their neighbours' votes", self.classified),
            (f"Losses on heads over fixed features ({self.networks()[-1]})", self.losses),
        ]
        text = HEADER
        for title, rows in parts:
            # A table that is there already is kept: delete it to make it again.
            file = self.work / f"{title}.table".replace(" ", "_").replace("/", "-")
            if not file.exists():
                file.write_text("\n".join(rows()), "utf-8")
                print(f"{title}\n{file.read_text('utf-8')}\n", flush=True)
            text += f"\n## {title}\n\n{file.read_text('utf-8')}\n"
        return text


HEADER = """# Kin: the tables

Made by `python benchmarks/kin.py report`, whose head says what is scored on what; `kin.md` says
what follows from them. Three figures are class mAP / class R@1 / subclass mAP, two are same-patent
mAP / R@1. No head has seen what it is scored on.
"""
SIDE_BY_SIDE = """# Kin: backbones side by side

Made by `python benchmarks/kin.py backbones`: every network under a head that is fitted as the
starter's is, on 260 synthetic designs, `uspto-grants` and, for kin, three of four folds of
`uspto-2007`, in float. Points of mAP with 95 % intervals over patents; differences are paired.
"""
BESIDE_TEACHER = """# Kin: beside CLIP

Made by `python benchmarks/kin.py teacher`: heads fitted in closed form, the kin part on what three
of four folds of `uspto-2007` are told, over features of each network and over CLIP's own vectors of
the pictures; two parts as in the starter, and the kin part alone, in the space in which every
feature has unit variance. Taught and scored are the 756 patents of which there are such vectors:
fewer drawings to search through than in other tables, and so higher figures.
Points of mAP with 95 % intervals over patents; differences are paired.
"""
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
    pooled = joined(found).measures
    kin, finer = pooled["class"], pooled["subclass"]
    quoted = (kin["map"], kin["recall_1"], finer["map"])
    return Numbers(*(float(np.nanmean(values)) for values in quoted))


def joined(found: Sequence[QueryScores]) -> QueryScores:
    """The queries of several sets, no patent of which is in two of them."""
    before = np.cumsum([0, *(f.patent.max() + 1 for f in found)])
    return QueryScores(
        np.concatenate([f.patent + n for f, n in zip(found, before, strict=False)]),
        {
            level: {
                what: np.concatenate([f.measures[level][what] for f in found])
                for what in ("map", "recall_1")
            }
            for level in LEVELS
        },
        np.concatenate([f.ndcg_10 for f in found]),
    )


def main() -> None:
    parser = command_line(__file__, __doc__, ["run", "report", "backbones", "teacher"])
    parser.add_argument("--run", action="append", default=[], metavar="NAME=RUN")
    parser.add_argument("--bundle", action="append", default=[], metavar="NAME=FOLDER")
    parser.set_defaults(out=Path(__file__).with_name("kin_tables.md"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench = KinBench(options.work, options.shared)
    if options.what == "report":
        options.out.write_text(bench.tables(), "utf-8")
        return
    if options.what == "backbones":
        bench.open()
        lines = [SIDE_BY_SIDE, *bench.backbones()]
        options.out.with_name("kin_backbones.md").write_text("\n".join(lines) + "\n", "utf-8")
        return
    if options.what == "teacher":
        bench.open()
        lines = [BESIDE_TEACHER, *bench.beside_teacher()]
        options.out.with_name("kin_teacher.md").write_text("\n".join(lines) + "\n", "utf-8")
        return
    networks: dict[str, tuple[int, Embed]] = {
        "frozen lite0": (FROZEN.size, partial(pooled, bench.model(FROZEN)))
    }
    for each in options.run:
        name, _, folder = each.partition("=")
        own = Run.open(folder).recipe.model
        looks = LOOKS[own.backbone]
        larger = msgspec.structs.replace(
            own, size=looks.size, pyramid=looks.pyramid, weights=folder
        )
        networks[name] = looks.size, partial(pooled, build_model(Recipe(larger)).eval())
    bench.compute(networks, SETS)
    bundles = dict(each.split("=", 1) for each in options.bundle)
    for name, folder in bundles.items():
        bundle = Bundle(folder)
        if parts := bundle.info.parts:
            kin = np.zeros(bundle.info.dimensions, bool)
            kin[parts["kin"].dimensions] = True
            lengths = np.where(kin, parts["kin"].weight, parts["twin"].weight)
            part = bench.work / f"{name}@part.npz".replace(" ", "_")
            np.savez(part, kin=kin, lengths=lengths)
        bench.compute({name: (bundle.info.size, Encoder(bundle).encode)}, SETS[:2])


if __name__ == "__main__":
    main()
