"""Words → designs without a title, as built: what `search --text` finds by the look of drawings.

    python benchmarks/untitled.py run --work DIR
    python benchmarks/untitled.py report --work DIR [--out benchmarks/untitled.md]

``run`` computes the features inside the starter's INT8 file of all of `uspto-2007`, half a minute.
``report`` takes the folds by sibling group of `kin.py`. For each, the kin part of the head is
fitted to the features of the other three, and words to their titles and those of 2021, as
`edgepatent bundle words` does; then the drawings of the fold are indexed, each a design, and asked
for by the titles that nothing has learned from. All goes through the files and the search that
people have. Five minutes; each table is kept in DIR once it is made.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import onnx
import torch
from cells import Floats, command_line, unit
from kin import PATENTS, KinBench
from onnx import TensorProto, helper

from edgepatent_runtime import wording
from edgepatent_runtime.bundle import MODEL, WORDS, Bundle, write_info
from edgepatent_runtime.encoder import open_session
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import Record
from edgepatent_runtime.search import bylook, fusion, ranking, words
from edgepatent_runtime.search.results import Answer
from edgepatent_train.wording import by_class, fit, read_titles, with_words

UNRELATED = (
    "zebra", "quarterly revenue", "Stuhl", "asdfgh", "democracy", "xylophone jazz",
    "photosynthesis", "marketing strategy", "blockchain", "purple", "happy birthday",
    "Regenschirm", "jurisprudence", "tomato soup", "president", "algorithm", "lorem ipsum dolor",
    "kjhg", "love", "insurance contract", "gravity", "hello world", "elephant", "biology",
)  # fmt: skip
TOP = 10
RUNS = 9


class Row(NamedTuple):
    """Of one question: own design in ten, its class among ten, first of its class, hits in ten."""

    own: float
    klass: float
    first: float
    hits: float


class Fold(NamedTuple):
    """Held-out drawings, a design each: rows of the whole set, and an index of them."""

    rows: list[int]
    index: Index
    bundle: Bundle


class Untitled(KinBench):
    """Drawings of 2007 through the INT8 file, and their titles."""

    def open(self) -> None:
        """Read what is known of the patents."""
        super().open()
        self._learned: dict[int, tuple[Floats, wording.Wording]] = {}
        self.titles = [record.title or "" for record in self.records(PATENTS)]
        titles = self.shared / "data" / "uspto-titles" / "titles_2021.csv"
        self.more = by_class(read_titles(titles))

    @property
    def file(self) -> Path:
        """What ``run`` leaves."""
        return self.work / "inside_int8.npz"

    def run(self) -> None:
        """Features [N, C] inside the INT8 file, and embeddings [N, D]."""
        bundle = Bundle.starter()
        proto = onnx.load_model_from_string(bundle.read(MODEL))
        head = next(node for node in proto.graph.node if "model.head.bias" in node.input)
        proto.graph.output.append(
            helper.make_tensor_value_info(head.input[0], TensorProto.FLOAT, None)
        )
        session = open_session(proto.SerializeToString(), threads=1, overflows=True)
        drawings = self.drawings(PATENTS, bundle.info.size)[:, None]
        batches = np.array_split(drawings, len(drawings) // 16)
        found = [session.run(["embedding", head.input[0]], {"drawings": one}) for one in batches]
        embeddings, features = (np.concatenate(part) for part in zip(*found, strict=True))
        np.savez(self.file, features=features, embeddings=embeddings)

    @contextmanager
    def folds(self, called: Callable[[int], str | None]) -> Iterator[list[Fold]]:
        """An index of each fold, whose rows have the titles that ``called`` gives."""
        with np.load(self.file) as file:
            features, embeddings = file["features"], file["embeddings"]
        starter = Bundle.starter()
        kin, twin = starter.info.parts["kin"], starter.info.parts["twin"]
        with tempfile.TemporaryDirectory() as folder:
            made = []
            for number, test in enumerate(self.tests):
                part, fitted = self.learned(number, features)
                bundle = with_words(starter, fitted, Path(folder, f"model{number}"), "")
                z = np.empty_like(embeddings)
                z[:, kin.dimensions] = np.sqrt(kin.weight) * part
                z[:, twin.dimensions] = np.sqrt(twin.weight) * unit(embeddings[:, twin.dimensions])
                rows = np.flatnonzero(test).tolist()
                index = Index.create(Path(folder, f"index{number}"), bundle)
                index.add([self.design(row, called(row)) for row in rows], embeddings=z[rows])
                made.append(Fold(rows, index, bundle))
            yield made

    def learned(self, number: int, features: Floats) -> tuple[Floats, wording.Wording]:
        """What the other folds teach: the kin part of all drawings, and words."""
        if number not in self._learned:
            others = ~self.tests[number]
            part = unit(self.kin(features, others, ("image", "title", "labels"))(features))
            titles = [self.titles[row] for row in np.flatnonzero(others)]
            self._learned[number] = part, fit(titles, part[others], self.more)
        return self._learned[number]

    def design(self, row: int, title: str | None) -> Record:
        """A drawing as a design of its own."""
        record = self.records(PATENTS)[row]
        return msgspec.structs.replace(record, patent_id=f"P{row}", title=title)

    def scored(self, row: int, fold: Fold, answer: Answer) -> Row:
        """An answer to what ``row`` is called; other variants of it count as itself."""
        found = [int(hit.patent_id[1:]) for hit in answer.hits]
        own = next((n for n, one in enumerate(found) if one == row), TOP)
        others = [one for one in found if self.group[one] != self.group[row]][:TOP]
        alike = [self.klass[one] == self.klass[row] for one in others]
        known = self.klass[row] >= 0
        there = known and any(
            self.klass[one] == self.klass[row] and self.group[one] != self.group[row]
            for one in fold.rows
        )
        if not there:
            return Row(own < TOP, np.nan, np.nan, len(others))
        return Row(own < TOP, sum(alike) / TOP, bool(alike and alike[0]), len(others))

    # tables

    def all_untitled(self) -> list[str]:
        """Nothing has a title."""
        lines = ["| | own design in ten | its class, of ten | first of its class |"]
        lines.append("|---|---|---|---|")
        sure, every, chance = [], [], []
        with self.folds(lambda row: None) as folds:
            for fold in folds:
                for row in fold.rows:
                    if not self.titles[row]:
                        continue
                    result = fold.index.search(text=self.titles[row], top=4 * TOP)
                    every.append(self.scored(row, fold, result.answer))
                    sure += [every[-1]] if result.hits else []
                    others = [one for one in fold.rows if self.group[one] != self.group[row]]
                    klass = np.mean([self.klass[one] == self.klass[row] for one in others])
                    there = not np.isnan(every[-1].klass)
                    share = float(klass) if there else np.nan
                    chance.append(Row(TOP / len(fold.rows), share, share, TOP))
        for name, found in (
            ("all titles", every),
            (f"those that are placed, {len(sure) / len(every):.0%}", sure),
            ("chance", chance),
        ):
            mean = np.nanmean(np.array(found, float), 0)
            interval = ""
            if found is every:
                draws = np.random.default_rng(0).integers(0, len(every), (2000, len(every)))
                own = np.array([one.own for one in every])[draws].mean(1)
                interval = " [{:.3f}, {:.3f}]".format(*np.quantile(own, [0.025, 0.975]))
            lines.append(f"| {name} | {mean[0]:.3f}{interval} | {mean[1]:.3f} | {mean[2]:.3f} |")
        return lines

    def rule(self) -> list[str]:
        """From which length on a text is placed."""
        shares = (0.3, 0.4, 0.5, 0.6, 0.7)
        lines = ["| placed from × the usual length | titles placed | own design in ten, of these "]
        lines[0] += "| of the others | unrelated words placed |"
        lines.append("|---|---|---|---|---|")
        lengths, own, strange = [], [], []
        with self.folds(lambda row: None) as folds:
            for fold in folds:
                text = fold.bundle.wording
                assert text is not None
                z = self.stored(fold)
                places = {row: place for place, row in enumerate(fold.rows)}
                for row in fold.rows:
                    if self.titles[row]:
                        found = raw(text, self.titles[row])
                        near = z @ found
                        lengths.append(np.linalg.norm(found) / text.usual)
                        own.append((near > near[places[row]]).sum() < TOP)
                strange += [np.linalg.norm(raw(text, one)) / text.usual for one in UNRELATED]
        length, hit = np.array(lengths), np.array(own)
        for share in shares:
            kept = length >= share
            lines.append(
                f"| {share} | {kept.mean():.0%} | {hit[kept].mean():.3f} | {hit[~kept].mean():.3f} "
                f"| {np.mean(np.array(strange) >= share):.0%} |"
            )
        return lines

    def stored(self, fold: Fold) -> Floats:
        """The kin part of a fold's drawings, in the order of its rows."""
        with fold.index.stores[0].moment() as moment:
            found = moment.embeddings(moment.scope(Filters()).rows())
        return found[:, fold.bundle.info.kin]

    def half(self) -> list[str]:
        """Half of the designs have a title: which order?"""
        ways: dict[str, Callable[[Answer, Answer, Answer], Answer]] = {
            "titles alone": lambda told, look, every: told,
            "titles, then looks of the untitled": lambda t, look, e: bylook.followed(t, look, 40),
            "reciprocal ranks, looks of the untitled": lambda t, look, e: fusion.fuse(
                t, look, top=40
            ),
            "titles, then looks of all": lambda t, look, every: bylook.followed(t, every, 40),
            "reciprocal ranks, looks of all": lambda t, look, every: fusion.fuse(t, every, top=40),
        }
        lines = ["| asked | answer | own design, untitled, in ten | its class, of ten "]
        lines[0] += "| of those shown | first of its class |"
        lines.append("|---|---|---|---|---|---|")
        found: dict[tuple[str, str], list[tuple[bool, Row]]] = {}
        hidden = np.random.default_rng(5).random(len(self.titles)) < 0.5
        with self.folds(lambda row: None if hidden[row] else self.titles[row]) as folds:
            for fold in folds:
                for row in fold.rows:
                    for kind, text in (
                        ("the title", self.titles[row]),
                        ("its noun", noun(self.titles[row])),
                    ):
                        if text:
                            for name, answer in self.answers(fold, text, ways).items():
                                entry = (bool(hidden[row]), self.scored(row, fold, answer))
                                found.setdefault((kind, name), []).append(entry)
        for (kind, name), entries in found.items():
            own = np.mean([row.own for untitled, row in entries if untitled])
            table = np.array([row for _, row in entries], float)
            mean = np.nanmean(table, 0)
            counted = ~np.isnan(table[:, 1])
            shown = TOP * table[counted, 1].sum() / table[counted, 3].sum()
            lines.append(
                f"| {kind} | {name} | {own:.3f} | {mean[1]:.3f} | {shown:.3f} | {mean[2]:.3f} |"
            )
        return lines

    def answers(
        self, fold: Fold, text: str, ways: dict[str, Callable[[Answer, Answer, Answer], Answer]]
    ) -> dict[str, Answer]:
        """What each way of joining them makes of titles and looks."""
        stores = fold.index.stores
        told = words.search_words(stores, text, top=4 * TOP)
        look = bylook.search_looks(stores, text, top=4 * TOP, filters=Filters())
        direction = bylook.placed(stores, text)[0]
        every = bylook.NONE
        if direction is not None:
            every = ranking.search(stores, direction[None], top=4 * TOP, plan="exact")
        return {name: way(told, look, every) for name, way in ways.items()}

    def unmatched(self) -> list[str]:
        """Every design has a title, and none holds all words of the question."""
        lines = [
            "| every design is called by | asked, without a match | answer | own design in ten "
        ]
        lines[0] += "| its class, of ten | of those shown | first of its class |"
        lines.append("|---" * 7 + "|")
        kinds: dict[str, Callable[[int], str]] = {
            "the noun of its title": lambda row: noun(self.titles[row]),
            "its title, the one in question by another": lambda row: self.titles[row],
        }
        for kind, called in kinds.items():
            found: dict[str, list[Row]] = {}
            asked = 0
            with self.folds(called) as folds:
                for fold in folds:
                    for row in (row for row in fold.rows if self.titles[row]):
                        asked += 1
                        for name, answer in self.guesses(fold, row, kind).items():
                            found.setdefault(name, []).append(self.scored(row, fold, answer))
            for name, entries in found.items():
                table = np.array(entries, float)
                mean = np.nanmean(table, 0)
                counted = ~np.isnan(table[:, 1])
                shown = TOP * table[counted, 1].sum() / max(1, table[counted, 3].sum())
                share = f"{len(entries) / asked:.0%} of {asked}"
                lines.append(
                    f"| {kind} | {share} | {name} | {mean[0]:.3f} | {mean[1]:.3f} | {shown:.3f} "
                    f"| {mean[2]:.3f} |"
                )
        return lines

    def guesses(self, fold: Fold, row: int, kind: str) -> dict[str, Answer]:
        """What each way answers to a title that nothing is called by; none where something is."""
        stores, text = fold.index.stores, self.titles[row]
        # The design in question, and its siblings, are called otherwise: words do not find them.
        siblings = np.flatnonzero(self.group == self.group[row])
        others = Filters(not_patents=tuple(f"P{one}" for one in siblings))
        named = Filters() if kind == "the noun of its title" else others
        if words.search_words(stores, text, filters=named).hits:
            return {}
        some = words.any_of(text)
        told = words.search_words(stores, some, top=4 * TOP, filters=named) if some else bylook.NONE
        look = bylook.search_looks(stores, text, top=4 * TOP, filters=Filters(), guess=True)
        return {
            "nothing": bylook.NONE,
            "what holds any of the words": told,
            "looks of all": look,
            "any of the words, then looks": bylook.followed(told, look, 4 * TOP),
            "reciprocal ranks of both": fusion.fuse(told, look, top=4 * TOP),
        }

    def cost(self) -> list[str]:
        """Processor time of the command, with and without a text side, in turns."""
        lines = ["| drawings | with titles only | no title, model without words | no title, with |"]
        lines.append("|---|---|---|---|")
        plain, learned = self.work / "plain", self.work / "learned"
        starter = Bundle.starter()
        for folder, left in ((plain, {WORDS}), (learned, set())):
            shutil.rmtree(folder, ignore_errors=True)
            copy(starter, folder, left)
        for count in (800, 20_000):
            indexes = {}
            for name, model, titled in (
                ("titles", learned, True), ("plain", plain, False), ("learned", learned, False)
            ):  # fmt: skip
                where = self.work / f"cost-{name}-{count}"
                if not where.exists():
                    self.fill(where, model, count, titled)
                indexes[name] = where
            seconds: dict[str, list[float]] = {name: [] for name in indexes}
            for _ in range(RUNS):
                for name, where in indexes.items():
                    seconds[name].append(processor_time(where))
            cells = [f"{1000 * np.median(found):.0f} ms" for found in seconds.values()]
            lines.append(f"| {count:,} | " + " | ".join(cells) + " |")
        return lines

    def fill(self, where: Path, model: Path, count: int, titled: bool) -> None:
        """An index of ``count`` designs: those that there are, over and over, a little changed."""
        with np.load(self.file) as file:
            z = file["embeddings"]
        rng = np.random.default_rng(1)
        rows = rng.integers(0, len(z), count)
        noise = 0.05 * rng.standard_normal((count, z.shape[1])).astype(np.float32)
        known = self.records(PATENTS)
        records = [
            msgspec.structs.replace(
                known[row], patent_id=f"P{n}", title=known[row].title if titled else None
            )
            for n, row in enumerate(rows.tolist())
        ]
        with Index.create(where, model) as index:
            index.add(records, embeddings=unit(z[rows] + noise))

    def tables(self) -> str:
        """Everything as Markdown."""
        self.open()
        size = (Bundle.starter().folder / WORDS).stat().st_size
        text = HEADER.format(size / 1000)
        for title, rows in (
            ("No design has a title", self.all_untitled),
            ("Which words are placed", self.rule),
            ("Half of the designs have a title", self.half),
            ("No title matches", self.unmatched),
            ("What it costs", self.cost),
        ):
            print(title, flush=True)
            kept = self.work / f"{title}.md"
            if not kept.exists():
                kept.write_text("\n".join(rows()), "utf-8")
            text += f"\n## {title}\n\n{kept.read_text('utf-8')}\n"
        return text


def copy(bundle: Bundle, folder: Path, left_out: set[str]) -> None:
    """A bundle without some of its files."""
    folder.mkdir(parents=True)
    for name in bundle.files:
        if name not in left_out:
            (folder / name).write_bytes(bundle.read(name))
    write_info(folder, bundle.info)


def raw(text: wording.Wording, title: str) -> Floats:
    """Where a title is placed, however short [K]."""
    weighed = unit(wording.bags([title]) * text.rarity.astype(np.float32))
    return (weighed @ text.codes.astype(np.float32) @ text.axes - text.offset)[0]


def noun(title: str) -> str:
    """What a title calls the thing: its last word before "for", "with" and the like."""
    named = re.findall(
        "[a-z]+", re.split(r"\b(?:for|with|of|having|and|or|in)\b|,", title.lower())[0]
    )
    return named[-1] if named else ""


def processor_time(index: Path) -> float:
    """Seconds of processor time of ``edgepatent search --text``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "edgepatent", "search", "--index", str(index)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*command, "--text", "folding chair", "--json"],
        check=True, capture_output=True, env=environment,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


HEADER = """# Words → designs without a title

Made by `python benchmarks/untitled.py report`, whose head says how. `words.npz` of the starter
takes {:.0f} kB. Drawings and titles of `uspto-2007` in four folds by sibling group, about 200
designs each; neither the kin part of the head nor the words have learned from the fold asked.

Own design: the one that is called so, when asked by its title. Its class: of the first ten others,
those of the class of what is called so; a title that is not placed counts as nothing found.

So a text is placed from half of the usual length on: below it finds a third as often, and few of 24
things that are no products pass. Designs whose titles match come first: titles say the class far
better than looks do, and reciprocal ranks gain nothing by mixing. Only designs without a title are
ranked by look: where all are, those that somebody's title has named otherwise stand in the way of
what is sought (.320 for .382), though more of the ten are of its class, since the pool is twice as
large. Costs are processor time of the command, the median of nine in turns.

Where all have titles and none holds all words, those that hold some of them come first and then the
looks of all. Beside looks alone that finds what is called by its noun alone nearly always, and more
of the class; where the own design is called otherwise, words that others happen to share push it
down. Reciprocal ranks would have the first of the class more often (by .03); but titles come first
everywhere else, and a hit says which it was found by.
"""


def main() -> None:
    options = command_line(__file__, __doc__, ["run", "report"]).parse_args()
    torch.set_num_threads(1)
    bench = Untitled(options.work, options.shared)
    options.work.mkdir(parents=True, exist_ok=True)
    if options.what == "run":
        bench.run()
    else:
        options.out.write_text(bench.tables(), "utf-8")


if __name__ == "__main__":
    main()
