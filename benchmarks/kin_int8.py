"""Kin through INT8 files: an export for each fold of `uspto-2007`, beside the float network.

    python benchmarks/kin_int8.py run --work DIR [--run NAME=RUN]...
    python benchmarks/kin_int8.py report --work DIR [--before DIR] [--out benchmarks/kin_int8.md]

``run`` takes the backbones of both starters (read back from their files, so that the float network
has their rounded weights; or RUN for the one called NAME). Under each it fits a head for every fold
of `kin.py`: its kin part on the patents of the three others, its twin part on 260 synthetic designs
and `uspto-grants`. It exports that with ``--int8``, calibrated on grants and synthetic designs and
certified on 400 drawings of 100 others, and encodes the fold and the sheets without captions as a
device does. Where INT8 is refused, the layers are in INT8 that are so in the shipped file. A file a
fold is kept in DIR; started again it goes on. ``report`` pools the folds; with the folder that an
earlier checkout has ``run`` into it puts that one's files beside these, drawing by drawing.
"""

import shutil
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import onnx
import torch
from cells import Floats, ahead, command_line, mean_scores, score_embeddings, shown, unit
from kin import GRANTS, MESHES, PATENTS, PROCEDURAL, KinBench, joined, mixed
from starter import PAINTED, pooled

from edgepatent_export.bundle_run import export
from edgepatent_export.drawings import gather
from edgepatent_export.quantize import everything
from edgepatent_export.readback import as_run
from edgepatent_export.repair import Search
from edgepatent_runtime.bundle import MODEL as FILE
from edgepatent_runtime.bundle import STARTERS, Bundle, write_info
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import ExportError
from edgepatent_runtime.metrics import LevelName, QueryScores
from edgepatent_runtime.progress import silent
from edgepatent_runtime.record import Skipped
from edgepatent_train.checkpoint import save_weights
from edgepatent_train.model import DrawingEncoder, build_model
from edgepatent_train.recipe import Recipe
from edgepatent_train.recipe_file import dump_recipe, load_recipe
from edgepatent_train.ridge import fused
from edgepatent_train.run import DATA, METRICS, MODEL, RECIPE, Run, RunData

CALIBRATION = "synthetic:designs=100,views=2,seed=20260103"
EXAM = "synthetic:designs=100,views=4,seed=20260101"
EVERY = ("image", "title", "labels")
LEVELS: tuple[LevelName, ...] = ("class", "subclass", "patent")


class Folds(KinBench):
    """Heads and exports, fold by fold."""

    def run(self, name: str, weights: str) -> None:
        """What is missing of one network."""
        recipe = load_recipe(f"recipes/{name}.toml")
        model = msgspec.structs.replace(recipe.model, weights=weights)
        recipe = msgspec.structs.replace(recipe, model=model)
        network = build_model(recipe).eval()
        sets = (PATENTS, PAINTED, GRANTS, PROCEDURAL, MESHES)
        self.compute({name: (recipe.model.size, partial(pooled, network))}, sets)
        for fold in range(len(self.tests)):
            if not self.encoded(name, fold).exists():
                print(name, "fold", fold, flush=True)
                self.export(name, recipe, network, fold)

    def encoded(self, name: str, fold: int) -> Path:
        """Embeddings of a fold's patents and of the sheets, float and INT8."""
        return self.work / f"{name}@fold{fold}.npz"

    def export(self, name: str, recipe: Recipe, network: DrawingEncoder, fold: int) -> None:
        """Fit, export and encode one fold."""
        found, test = self.found(name), self.tests[fold]
        white = self.white(found, GRANTS)
        kin = self.kin(found[PATENTS], ~test, EVERY, white=white)
        twin = self.twin(found, GRANTS)
        fused((kin.layer, twin.layer), network.head)
        run, out = self.work / f"{name}-run{fold}", self.work / f"{name}-int8-{fold}"
        for folder in (run, out):
            shutil.rmtree(folder, ignore_errors=True)
        bundle = self.exported(name, written(run, recipe, network), out)
        kept: dict[str, Floats] = {}
        encode = Encoder(bundle).encode
        part = bundle.info.parts["kin"].dimensions
        for each, rows in ((PATENTS, test), (PAINTED, slice(None))):
            parts = kin(found[each][rows]), twin(found[each][rows])
            z = encode(self.drawings(each, bundle.info.size)[rows])
            kept[f"float {each}"] = mixed(*parts, recipe.kin.weight)
            kept[f"float, --kin 1 {each}"] = parts[0]
            kept[f"INT8 {each}"] = z
            kept[f"INT8, --kin 1 {each}"] = unit(z[:, part])
        np.savez(self.encoded(name, fold), allow_pickle=False, **kept)

    def exported(self, name: str, run: Run, out: Path) -> Bundle:
        """As the command exports it; where that was refused, with the layers in INT8 that are so in
        the file that is shipped.
        """
        data = [str(self.shared / "data" / "uspto-grants"), CALIBRATION]
        tell = partial(print, flush=True)
        refused = self.work / f"{name}-refused.txt"
        if not refused.exists():
            try:
                return export(run, out, int8=True, data=data, evaluate=[EXAM], notify=tell)
            except ExportError as error:
                refused.write_text(str(error), "utf-8")
        bundle = export(run, out, data=data)
        proto = onnx.load_model_from_string(bundle.read(FILE))
        kept = (Bundle.named(name).info.certificate or {})["kept_float"]
        plan = everything(proto).without(kept, "as in the file that is shipped")
        size, skipped = bundle.info.size, Skipped()
        material = gather(
            data, [], size, unseen=set(), with_exam=False, skipped=skipped, progress=silent
        )
        search = Search(proto, material.calibration, notify=tell)
        best = search.best(proto, search.statistics, plan)
        (out / FILE).write_bytes(best.model)
        write_info(out, bundle.info)
        return Bundle(out)

    def scores(self, name: str, way: str) -> tuple[QueryScores, QueryScores]:
        """Of one network: the patents of all folds, and the sheets, meant over the folds' heads."""
        records, sheets = self.records(PATENTS), self.records(PAINTED)
        patents, same = [], []
        for fold, test in enumerate(self.tests):
            with np.load(self.encoded(name, fold)) as file:
                own = [records[row] for row in np.flatnonzero(test)]
                patents.append(score_embeddings(file[f"{way} {PATENTS}"], own))
                same.append(score_embeddings(file[f"{way} {PAINTED}"], sheets))
        return joined(patents), mean_scores(same)

    def table(self, name: str) -> list[str]:
        """Float and INT8, as shipped and by kin alone."""
        lines = [
            f"| {name} | class mAP | − float | R@1 | subclass mAP | − float | same patent, sheets "
            "| − float | R@1 |",
            "|---" * 9 + "|",
        ]
        for asked in ("", ", --kin 1"):
            before = self.scores(name, f"float{asked}")
            for way in (f"float{asked}", f"INT8{asked}"):
                kin, same = self.scores(name, way)
                cells = [way]
                for level in LEVELS:
                    mine, other = (same, before[1]) if level == "patent" else (kin, before[0])
                    gain = ahead(mine, other, level) if way.startswith("INT8") else ""
                    cells += [shown(mine, level), gain]
                    if level != "subclass":
                        cells.append(f"{np.nanmean(mine.measures[level]['recall_1']):.3f}")
                lines.append("| " + " | ".join(cells) + " |")
        refused = self.work / f"{name}-refused.txt"
        if refused.exists():
            why = refused.read_text("utf-8")
            lines += ["", SHIPPED, "", f"> {why}"]
            return lines
        folds = range(len(self.tests))
        found = [Bundle(self.work / f"{name}-int8-{fold}").info.certificate for fold in folds]
        spared = [len(one["kept_float"]) for one in found if one]
        faster = [f"{one['speedup']:.2f}" for one in found if one]
        lines += [
            "",
            f"{spared} layers of the four files were left in float; INT8 is {', '.join(faster)} "
            "times as fast as float here.",
        ]
        return lines

    def beside(self, name: str, before: "Folds") -> list[str]:
        """The INT8 files of one network beside those of an earlier one of that name."""
        lines = [
            f"| {name} | class mAP | R@1 | subclass mAP | R@1 | same patent, sheets | R@1 |",
            "|---" * 7 + "|",
        ]
        for asked in ("", ", --kin 1"):
            both = [each.scores(name, f"INT8{asked}") for each in (before, self)]
            rows = {f"before{asked}": both[0], f"now{asked}": both[1], "difference": None}
            for label, found in rows.items():
                cells = [label]
                for level in LEVELS:
                    then, now = (pair[level == "patent"] for pair in both)
                    if found is None:
                        cells += [ahead(now, then, level), ""]
                        continue
                    own = found[level == "patent"]
                    first = np.nanmean(own.measures[level]["recall_1"])
                    cells += [shown(own, level), f"{first:.3f}"]
                lines.append("| " + " | ".join(cells) + " |")
        return lines

    def done(self, name: str) -> bool:
        """Whether the folds of a network are all there."""
        return all(self.encoded(name, fold).exists() for fold in range(len(self.tests)))

    def tables(self, before: "Folds | None") -> str:
        """Everything as Markdown, of the networks whose folds are all there."""
        parts = [HEADER]
        for name in filter(self.done, STARTERS):
            lines = [f"## {name}", "", *self.table(name), ""]
            if before is not None and before.done(name):
                lines += [BESIDE, "", *self.beside(name, before), ""]
            parts.append("\n".join(lines))
        return "\n".join(parts)


SHIPPED = "With the layers in INT8 that are so in the shipped file; the export of fold 0 ended so:"
BESIDE = "Beside the one before, made alike (its recipe, its folds, the same drawings):"
HEADER = """# Kin through INT8 files, over all folds

Made by `python benchmarks/kin_int8.py report`, whose head says how. Points of mAP with 95 %
intervals over patents, differences to the float network paired; sheets are scored by the heads of
all four folds, and the mean taken query by query.
"""


def written(folder: Path, recipe: Recipe, network: DrawingEncoder) -> Run:
    """A finished run of a network whose head was fitted here."""
    folder.mkdir(parents=True)
    save_weights(folder / MODEL, network.state_dict())
    data = RunData(sources=[], drawings=0, patents=0, held_out=[], digest="")
    (folder / DATA).write_bytes(msgspec.json.encode(data))
    (folder / METRICS).write_bytes(b'{"step": 0}\n')
    (folder / RECIPE).write_text(dump_recipe(recipe), "utf-8")
    return Run.open(folder)


def main() -> None:
    parser = command_line(__file__, __doc__, ["run", "report"])
    parser.add_argument("--run", action="append", default=[], metavar="NAME=RUN")
    parser.add_argument("--before", type=Path, metavar="DIR")
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench = Folds(options.work, options.shared)
    bench.open()
    if options.what == "report":
        before = options.before and Folds(options.before, options.shared)
        if before is not None:
            before.open()
        options.out.write_text(bench.tables(before), "utf-8")
        return
    runs = dict(each.split("=", 1) for each in options.run)
    for name in STARTERS:
        bench.run(name, runs.get(name) or str(as_run(Bundle.named(name))))


if __name__ == "__main__":
    main()
