"""``edgepatent cluster embed``: shards made by many machines."""

from dataclasses import asdict

import click

from edgepatent import console
from edgepatent.options import (
    MOST_THREADS,
    address_option,
    json_option,
    model_option,
    open_bundle,
    sources_argument,
)


@click.command()
@sources_argument
@model_option
@click.option(
    "--shards",
    type=click.IntRange(1, 99_999),
    required=True,
    metavar="N",
    help="How many shards the index has; some times as many as there are cores.",
)
@click.option(
    "--out",
    required=True,
    metavar="DIR|URI",
    help="Where the shards go: a folder that all machines see, or what fsspec knows (s3://…).",
)
@address_option
@click.option(
    "--threads",
    type=click.IntRange(1, MOST_THREADS),
    default=1,
    show_default=True,
    metavar="N",
    help="Cores that each worker takes; there are as many workers as find room.",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="What encodes; cuda takes onnxruntime-gpu on the machines and a model in floats (export "
    "--both).",
)
@click.option(
    "--gpus-per-worker",
    "gpus",
    type=click.FloatRange(0, 8, min_open=True),
    metavar="F",
    help="With --device cuda: of the GPUs that Ray counts, what each worker takes; .5 lets two "
    "share one.  [default: 1]",
)
@json_option
def command(
    sources: tuple[str, ...],
    model: str,
    shards: int,
    out: str,
    address: str | None,
    threads: int,
    device: str,
    gpus: float | None,
    as_json: bool,
) -> None:
    """Make the shards of an index on many cores or machines.

    Each shard is the one that edgepatent embed --shard would make. The machines must see the
    sources under the same paths and have the same version of edgepatent; they are told numbers of
    shards and send no drawing anywhere. A shard that is there is skipped, one whose machine dies
    is made by another: interrupted, the same command goes on.
    """
    from edgepatent_cluster import embedding, task

    if gpus is not None and device != "cuda":
        raise click.UsageError("--gpus-per-worker goes with --device cuda")
    encoding = task.on_gpu(gpus or 1.0) if device == "cuda" else task.ON_CPU
    with console.progress_bar() as progress:
        made = embedding.embed(
            sources,
            out,
            shards,
            open_bundle(model),
            address=address,
            threads=threads,
            encoding=encoding,
            progress=progress,
        )
    console.report_skipped(made.skipped)
    if as_json:
        told = {"shards": shards, "were_there": made.were_there, "failures": made.failures}
        console.print_json({**told, **asdict(made.added), "skipped": made.skipped.counts})
    else:
        again = f", {made.failures} of them tried again" if made.failures else ""
        console.say(
            f"{shards} shards in {out}: {made.were_there} were there, "
            f"{made.done - made.were_there} made{again}, with {made.added.added} drawings"
        )
