"""``edgepatent evaluate``: how well a model retrieves."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from edgepatent import console
from edgepatent.options import json_option, model_option, scored_option, threads_option

if TYPE_CHECKING:
    from edgepatent.encoding import Model
    from edgepatent.protocols import ProtocolScores
    from edgepatent_runtime.gallery import GalleryPoint
    from edgepatent_runtime.metrics import Scores

# Distractors at which a gallery is scored, besides all of them.
SIZES = (0, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


@click.command()
@model_option
@scored_option
@click.option(
    "--gallery",
    "distractors",
    multiple=True,
    metavar="SOURCE",
    help="Distractors: drawings to hide the patents of --data among. Gives mAP and R@1 at patent "
    "level by the size of the gallery; may be repeated.",
)
@click.option(
    "--protocol",
    type=click.Choice(["leave-one-out", "deeppatent", "deeppatent2-2019"]),
    default="leave-one-out",
    show_default=True,
    help="How queries and gallery are chosen: every drawing against all others; the lists of "
    "DeepPatent; 3,000 designs of 2019 of DeepPatent2.",
)
@click.option(
    "--split",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where test_query_patent.txt and test_db_patent.txt of DeepPatent lie, if not in --data.",
)
@threads_option
@json_option
def command(
    model: str,
    specs: tuple[str, ...],
    distractors: tuple[str, ...],
    protocol: str,
    split: Path | None,
    threads: int,
    as_json: bool,
) -> None:
    """Score a model's retrieval at patent, subclass and class level.

    Every drawing is a query against all others. At subclass and class level the drawings of the
    query's own patent are left out of the ranking. Scores lie between 0 and 1 and hold for a
    gallery of their size; intervals are 95 % bootstrap intervals over patents; recall@k is the
    share of queries with a relevant drawing among the first k. Drawings that the model was trained
    on are counted, with a warning: what it has seen is no test of it.

    --protocol scores as a published evaluation did, and --json writes what is needed to repeat it.
    """
    if distractors and protocol != "leave-one-out":
        raise click.UsageError("--gallery goes with --protocol leave-one-out only.")
    if split and protocol != "deeppatent":
        raise click.UsageError("--split goes with --protocol deeppatent only.")
    from edgepatent.encoding import open_model

    opened = open_model(model, threads=threads)
    if protocol == "leave-one-out":
        _leave_one_out(opened, specs, distractors, as_json)
    else:
        _published(opened, specs, protocol, split, as_json)


def _leave_one_out(
    model: "Model", specs: Sequence[str], distractors: Sequence[str], as_json: bool
) -> None:
    from edgepatent.encoding import encode_unseen, read_records
    from edgepatent.protocols import repeat, vectors_of
    from edgepatent_runtime import metrics
    from edgepatent_runtime.gallery import gallery_curve
    from edgepatent_runtime.record import Skipped

    skipped = Skipped()
    curve: list[GalleryPoint] = []
    with console.progress_bar() as progress:
        records, embeddings, seen = encode_unseen(
            read_records(specs, skipped), model, skipped, progress
        )
        patents = [record.patent_id for record in records]
        if distractors:
            others = vectors_of(
                read_records(distractors, skipped), model, set(patents), skipped, progress
            )
            sizes = [size for size in SIZES if size < len(others)] + [len(others)]
            curve = gallery_curve(embeddings, patents, others, sizes)
    console.report_skipped(skipped)
    scores = metrics.evaluate(
        embeddings,
        patents,
        [record.subclass for record in records],
        [record.klass for record in records],
    )
    _warn(model, int(seen.sum()), len(records))
    if as_json:
        console.print_json(
            {
                **msgspec.to_builtins(scores),
                "gallery": len(records) - 1,
                "galleries": curve,
                "seen": None if model.seen is None else int(seen.sum()),
                "repeat": {**repeat(model, "leave-one-out", specs, records),
                           "gallery_sources": list(distractors)},
            }
        )  # fmt: skip
        return
    _print_scores(scores)
    if curve:
        _print_curve(curve)


def _print_scores(scores: "Scores") -> None:
    from edgepatent_runtime import metrics

    console.say(
        f"{scores.drawings} drawings of {scores.patents} patents, each a query in a gallery of "
        f"{scores.drawings - 1}"
    )
    columns = ["", "queries", "mAP", "95 % interval", "R@1", "R@5", "R@10", "P@10", "MRR"]
    for title, levels in (
        ("averaged over drawings", scores.levels),
        ("averaged over patents first", scores.macro),
    ):
        rows = []
        for name, level in levels.items():
            if not level.queries:
                continue
            low, high = level.map_interval
            measures = (level.recall_1, level.recall_5, level.recall_10)
            rows.append(
                [
                    name,
                    str(level.queries),
                    f"{level.map:.3f}",
                    f"{low:.3f} to {high:.3f}",
                    *(f"{value:.3f}" for value in (*measures, level.precision_10, level.mrr)),
                ]
            )
        console.print_table(columns, rows, title=title)
    console.say(f"nDCG@10 {scores.ndcg_10:.3f}")
    for name, level in scores.levels.items():
        if not level.queries:
            console.say(f"no score at {name} level: {metrics.WHY_NONE[name]}")


def _print_curve(curve: "Sequence[GalleryPoint]") -> None:
    rows = [
        [
            f"{point.gallery:,}",
            f"{point.distractors:,}",
            f"{point.map:.3f}",
            "{:.3f} to {:.3f}".format(*point.map_interval),
            f"{point.recall_1:.3f}",
            "{:.3f} to {:.3f}".format(*point.recall_1_interval),
        ]
        for point in curve
    ]
    columns = ["gallery", "distractors", "mAP", "95 % interval", "R@1", "95 % interval"]
    console.print_table(columns, rows, title="patent level, by the size of the gallery")


def _published(
    model: "Model", specs: Sequence[str], protocol: str, split: Path | None, as_json: bool
) -> None:
    from edgepatent.encoding import read_records
    from edgepatent.protocols import deeppatent, deeppatent2_2019
    from edgepatent_runtime.record import Skipped

    skipped = Skipped()
    with console.progress_bar() as progress:
        if protocol == "deeppatent":
            found = deeppatent(model, specs, split, skipped, progress)
        else:
            records = read_records(specs, skipped)
            found = deeppatent2_2019(model, specs, records, skipped, progress)
    console.report_skipped(skipped)
    _warn(model, found.seen or 0, found.repeat["drawings"])
    for line in _falls_short(found):
        console.warn(line)
    if as_json:
        console.print_json(found)
        return
    console.say(f"{found.protocol}: {found.queries:,} queries in a gallery of {found.gallery:,}")
    rows = [
        [name, f"{f.value:.3f}", f"{f.low:.3f} to {f.high:.3f}", str(f.queries)]
        for name, f in found.figures.items()
    ]
    console.print_table(["", "score", "95 % interval", "queries"], rows)
    for line in found.published:
        console.say(f"published: {line}")
    console.say(f"drawings: SHA-256 {found.repeat['drawings_sha256'][:16]}… (--json says all)")


def _falls_short(found: "ProtocolScores") -> list[str]:
    """Where what was scored is less than the protocol asks for."""
    told: dict[str, Any] = found.repeat
    lines = []
    if found.protocol == "deeppatent":
        listed = told["listed"]
        if (found.queries, found.gallery) != (listed["queries"], listed["gallery"]):
            lines.append(
                f"{found.queries} of {listed['queries']} queries and {found.gallery} of "
                f"{listed['gallery']} drawings of the lists could be read: not the published set"
            )
    elif told["designs"] < 3000:
        lines.append(f"{told['designs']} designs of 2019 are fewer than the 3,000 of the protocol")
    return lines


def _warn(model: "Model", seen: int, drawings: int) -> None:
    if seen:
        console.warn(
            f"the model was trained on {seen} of these {drawings} drawings: the scores say little "
            "about drawings that it has not seen"
        )
    elif model.seen is None:
        console.warn("the model does not say what it was trained on, maybe on these drawings")
