"""``edgepatent evaluate``: how well a model retrieves."""

import click
import msgspec

from edgepatent import console
from edgepatent.options import json_option, model_option, threads_option


@click.command()
@model_option
@click.option(
    "--data",
    "specs",
    multiple=True,
    required=True,
    metavar="SOURCE",
    help="Drawings to score on; repeat it to score several sources together.",
)
@threads_option
@json_option
def command(model: str, specs: tuple[str, ...], threads: int, as_json: bool) -> None:
    """Score a model's retrieval at patent, subclass and class level.

    Every drawing is a query against all others. At subclass and class level the drawings of the
    query's own patent are left out of the ranking. Scores lie between 0 and 1; intervals are
    95 % bootstrap intervals over patents; recall@k is the share of queries with a relevant
    drawing among the first k. Drawings that the model was trained on are counted, with a warning:
    what it has seen is no test of it.
    """
    from edgepatent.encoding import encode_unseen, open_model, read_records
    from edgepatent_runtime import metrics
    from edgepatent_runtime.record import Skipped

    opened = open_model(model, threads=threads)
    skipped = Skipped()
    with console.progress_bar() as progress:
        records, embeddings, seen = encode_unseen(
            read_records(specs, skipped), opened, skipped, progress
        )
    console.report_skipped(skipped)
    scores = metrics.evaluate(
        embeddings,
        [record.patent_id for record in records],
        [record.subclass for record in records],
        [record.klass for record in records],
    )
    if seen.any():
        console.warn(
            f"the model was trained on {seen.sum()} of these {len(records)} drawings: the scores "
            "say little about drawings that it has not seen"
        )
    elif opened.seen is None:
        console.warn("the model does not say what it was trained on, maybe on these drawings")
    if as_json:
        document = msgspec.to_builtins(scores)
        console.print_json({**document, "seen": None if opened.seen is None else int(seen.sum())})
        return
    console.say(f"{scores.drawings} drawings of {scores.patents} patents")
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
