"""``edgepatent embed``: embeddings of drawings as a file."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option, model_option, sources_argument, threads_option


@click.command()
@sources_argument
@model_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.npy",
    help="Where the embeddings go; what they are of goes to FILE.jsonl beside it.",
)
@threads_option
@json_option
def command(sources: tuple[str, ...], model: str, out: Path, threads: int, as_json: bool) -> None:
    """Write the embeddings of drawings to a .npy file.

    FILE.npy holds float32 [N, D] of unit length; FILE.jsonl holds N records, one JSON object a
    line, in the same order: image, patent_id, locarno, figure, title, date and so on. Both
    together are what index add takes in place of drawings.
    """
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
