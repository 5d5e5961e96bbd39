"""The report of a run: RUN/report.html, and RUN/pictures with every picture and its numbers."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from edgepatent_runtime.errors import MissingExtraError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_train.augment import augment
from edgepatent_train.checkpoint import write_atomic
from edgepatent_train.curriculum import Curriculum
from edgepatent_train.report.gathered import Gathered, Query, gather
from edgepatent_train.report.page import Page, Section, Table, write_page
from edgepatent_train.run import REPORT, Run

PICTURES = "pictures"
FIGURES = "figures.json"
AUGMENTED = 12


def report(
    run: Run, lessons: Curriculum, *, device: str = "cpu", progress: Progress = silent
) -> None:
    """Write the report of a finished ``run``, which was trained on ``lessons``.

    What export has added stays: see `render`. Raises `MissingExtraError` without matplotlib,
    `OSError` where the folder cannot be written.
    """
    try:
        from edgepatent_train.report import charts
    except ModuleNotFoundError as error:
        raise MissingExtraError("the report of a run", "train") from error
    from edgepatent_train.report.sheets import augmentation_sheet, query_sheet

    found, held = gather(run.entries(), lessons, run.model().to(device), progress)
    pictures = {"curves": charts.curves(found.curves)}
    if found.map:
        pictures["map"] = charts.embedding_map(found.map)
    for name, queries in (("worst", found.worst), ("best", found.best)):
        if queries:
            pictures[name] = query_sheet(queries, held)
    for level, each in found.confusion.items():
        pictures[f"confusion-{level}"] = charts.confusion(each, level)
    if found.views:
        pictures["views"] = charts.views(found.views)
    if run.recipe.optimizer.epochs:
        pictures["augmentation"] = augmentation_sheet(*_augmented(run, lessons))
    folder = run.folder / PICTURES
    for name, png in pictures.items():
        write_atomic(folder / f"{name}.png", png)
    write_atomic(folder / FIGURES, msgspec.json.encode(found))
    render(run)


def add_sections(run: Run, name: str, sections: Sequence[Section]) -> None:
    """Add what somebody else has to show to the report of ``run``, in place of what it had before.

    Raises `OSError` where the folder cannot be written.
    """
    folder = run.folder / PICTURES
    for section in sections:
        write_atomic(folder / f"{section.name}.png", section.png)
    kept = [msgspec.structs.replace(section, png=b"") for section in sections]
    write_atomic(folder / f"added-{name}.json", msgspec.json.encode(kept))
    render(run)


def render(run: Run) -> None:
    """Put the page together from the pictures and numbers in the run's folder."""
    folder = run.folder / PICTURES
    sections = []
    if (folder / FIGURES).exists():  # a run of an earlier version has none
        found = msgspec.json.decode((folder / FIGURES).read_bytes(), type=Gathered)
        sections += [s for s in _sections(folder, found) if s.png]
    for file in sorted(folder.glob("added-*.json")):
        for each in msgspec.json.decode(file.read_bytes(), type=list[Section]):
            png = (folder / f"{each.name}.png").read_bytes()
            sections.append(msgspec.structs.replace(each, png=png))
    outcome = run.outcome()
    below = outcome is not None and outcome.below_first
    write_page(
        run.folder / REPORT,
        Page(
            title=f"Training run: {run.folder.resolve().name}",
            facts=_facts(run),
            alarm=outcome.sentence() if outcome is not None and below else "",
            summary=outcome.sentence() if outcome is not None and not below else "",
            sections=sections,
        ),
    )


def _augmented(
    run: Run, lessons: Curriculum
) -> tuple[list["np.typing.NDArray[np.uint8]"], list["np.typing.NDArray[np.uint8]"]]:
    """Drawings of the first batch as they are, and as the first step saw them."""
    drawings = lessons.drawings(0)
    before = [drawings.pixels(int(row)) for row in lessons.batches(0)[0][:AUGMENTED]]
    after = [
        augment(drawing, run.recipe.augment, np.random.default_rng((run.recipe.seed, 0, place)))
        for place, drawing in enumerate(before)
    ]
    return before, after


def _facts(run: Run) -> list[tuple[str, str]]:
    data, recipe = run.data, run.recipe
    sides = " + ".join(map(str, recipe.model.sides))
    loss = f"{recipe.loss.name}, τ {recipe.loss.tau:g}"
    if recipe.loss.name == "hierarchical":
        loss += ", scores " + " / ".join(f"{score:g}" for score in recipe.loss.scores)
    return [
        ("Backbone", f"{recipe.model.backbone}, {sides} px"),
        ("Embedding", f"{recipe.model.dimensions} dimensions"),
        ("Loss", loss),
        ("Drawings", f"{data.drawings:,} of {data.patents:,} patents"),
        ("Held out", f"{len(data.held_out):,} patents"),
        ("Steps", f"{run.summary()['steps']:,} in batches of {recipe.sampler.batch}"),
        ("Seed", str(recipe.seed)),
    ]


def _sections(folder: Path, found: Gathered) -> list[Section]:
    def section(name: str, title: str, text: str, *tables: Table) -> Section:
        file = folder / f"{name}.png"
        return Section(title, text, name, file.read_bytes() if file.exists() else b"", tables)

    every = [
        section(
            "curves",
            "Loss, learning rate and scores",
            "The scores are those of the held-out patents, each drawing a query against all "
            "others; dotted is where the run began. Bands are 95 % bootstrap intervals over "
            "patents.",
            *_curve_tables(found),
        ),
        section(
            "map",
            "Where the held-out drawings lie",
            "A t-SNE of the embeddings: what lies close together is similar to the model, "
            "distances between groups mean little. Classes in one place are kin that the model "
            "finds.",
        ),
        section(
            "worst",
            "Queries that found least",
            "A query to the left with its five nearest held-out drawings; AP is the average "
            "precision of finding its own patent, the numbers below hits are similarities.",
            _query_table(found.worst),
        ),
        section(
            "best",
            "Queries that found most",
            "The same for the queries with the highest average precision.",
            _query_table(found.best),
        ),
    ]
    every += [
        section(
            f"confusion-{level}",
            f"What is taken for what: {level}",
            f"Percent of the queries of a row whose nearest drawing of another patent is of the "
            f"column's {level}. The diagonal is right.",
            Table(
                [level, *each.columns],
                [
                    [name, *map(str, row)]
                    for name, row in zip(each.labels, each.counts, strict=True)
                ],
            ),
        )
        for level, each in found.confusion.items()
    ]
    every += [
        section(
            "views",
            "Drawings of a patent",
            "A patent with a single drawing teaches little: its only positives are augmented "
            "copies of itself.",
            Table(
                ["drawings of a patent", *found.views],
                [
                    [str(n), *(str(part.get(n, 0)) for part in found.views.values())]
                    for n in sorted({n for part in found.views.values() for n in part})
                ],
            ),
        ),
        section(
            "augmentation",
            "What augmentation does",
            "The first drawings of the first batch, above as they are, below as the network saw "
            "them: ink that went is orange, ink that came is blue.",
        ),
    ]
    return every


def _curve_tables(found: Gathered) -> list[Table]:
    curves = found.curves
    levels = {k: c for k, c in curves.levels.items() if any(v is not None for v in c.map)}
    tables = []
    if levels:
        steps = next(iter(levels.values())).steps
        rows = [
            [str(step), *(_score(c.map[i], c.low[i], c.high[i]) for c in levels.values())]
            for i, step in enumerate(steps)
        ]
        tables.append(Table(["step", *(f"{k} mAP" for k in levels)], rows, "Evaluations"))
    if curves.steps:
        logged = zip(curves.steps, curves.loss, curves.learning_rate, strict=True)
        rows = [[str(step), f"{loss:.4f}", f"{rate:.2e}"] for step, loss, rate in logged]
        tables.append(Table(["step", "loss", "learning rate"], rows, "Steps"))
    return tables


def _score(value: float | None, low: float | None, high: float | None) -> str:
    return "" if value is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _query_table(queries: list[Query]) -> Table:
    rows = [
        [
            query.patent,
            f"{query.average_precision:.3f}",
            *(f"{hit.patent} ({hit.relation}) {hit.score:.3f}" for hit in query.hits),
        ]
        for query in queries
    ]
    width = max((len(row) for row in rows), default=2)
    return Table(["query", "AP", *(f"hit {n}" for n in range(1, width - 1))], rows)
