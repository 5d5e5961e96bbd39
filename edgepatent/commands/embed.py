"""``edgepatent embed``: embeddings of drawings as a file."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import (
    json_option,
    model_option,
    open_bundle,
    sources_argument,
    threads_option,
)


@click.command()
@sources_argument
@model_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.npy|DIR",
    help="Where the embeddings go; what they are of goes to FILE.jsonl beside it. With --shard, "
    "the folder that the shards lie in.",
)
@click.option(
    "--shard",
    metavar="I/N",
    help="Make the I-th of N small indexes in DIR instead, for index merge.",
)
@threads_option
@json_option
def command(
    sources: tuple[str, ...], model: str, out: Path, shard: str | None, threads: int, as_json: bool
) -> None:
    """Write the embeddings of drawings to a .npy file.

    FILE.npy holds float32 [N, D] of unit length; FILE.jsonl holds N records, one JSON object a
    line, in the same order: image, patent_id, locarno, figure, title, date and so on. Both
    together are what index add takes in place of drawings.

    With --shard 3/16 the third of sixteen parts is made, as index add would: the drawings of those
    patents whose ids fall to it, by their SHA-256. Any machine can make any shard, in any order;
    one that is whole is skipped, one that was interrupted is gone on with. Merge them when all are
    there: edgepatent index merge DIR/shard-*.
    """
    if shard is None:
        _embed(sources, model, out, threads, as_json)
    else:
        _embed_shard(sources, model, out, shard, threads, as_json)


def _embed(sources: tuple[str, ...], model: str, out: Path, threads: int, as_json: bool) -> None:
    import msgspec
    import numpy as np

    from edgepatent.encoding import encode_records, open_model, read_records
    from edgepatent_runtime import whole
    from edgepatent_runtime.errors import InputError
    from edgepatent_runtime.record import Skipped

    if out.suffix != ".npy":
        raise InputError(f"{out} must end in .npy")
    opened = open_model(model, threads=threads)
    skipped = Skipped()
    with console.progress_bar() as progress:
        records, embeddings = encode_records(
            read_records(sources, skipped), opened, skipped, progress
        )
    beside = out.with_suffix(".jsonl")
    whole.write(beside, msgspec.json.Encoder().encode_lines(records))
    with whole.replacing(out) as file:
        np.save(file, embeddings)
    console.report_skipped(skipped)
    if as_json:
        console.print_json(
            {
                "embeddings": str(out),
                "metadata": str(beside),
                "drawings": len(records),
                "dimensions": opened.dimensions,
                "space": opened.space,
                "skipped": skipped.counts,
            }
        )
    else:
        console.say(f"{len(records)} embeddings of {opened.dimensions} dimensions in {out}")


def _embed_shard(
    sources: tuple[str, ...], model: str, out: Path, shard: str, threads: int, as_json: bool
) -> None:
    from dataclasses import asdict

    from edgepatent_runtime import shards
    from edgepatent_runtime.collection.ingest import Added
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.record import Skipped
    from edgepatent_runtime.sources import open_source

    wanted = shards.Shard.parse(shard)
    skipped = Skipped()
    with console.progress_bar() as progress:
        result = shards.embed(
            [open_source(spec) for spec in sources],
            wanted,
            out,
            open_bundle(model),
            threads=threads,
            skipped=skipped,
            progress=progress,
        )
    folder = out / wanted.name
    with Index.open(folder) as made:
        info = made.info()
    console.report_skipped(skipped)
    if as_json:
        counts = asdict(result or Added(unchanged=info.drawings))
        told = {"shard": str(wanted), "out": str(folder), "skipped": skipped.counts, "index": info}
        console.print_json({**counts, **told})
    else:
        there = " was there already:" if result is None else ":"
        console.say(
            f"shard {wanted}{there} {info.drawings} drawings of {info.patents} patents in {folder}"
        )
