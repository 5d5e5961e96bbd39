"""``edgepatent index add``: make drawings searchable."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import all_threads_option, json_option, sources_argument
from edgepatent.places import index_option
from edgepatent_runtime.errors import InputError


@click.command()
@sources_argument
@index_option
@click.option(
    "--model",
    default=None,
    metavar="MODEL",
    help="A bundle, starter or starter-small, for a new index. "
    "[default: the index's own, or starter]",
)
@click.option(
    "--metadata",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help="What the embeddings are of, when SOURCE is a .npy file. [default: FILE.jsonl beside it]",
)
@click.option("--prune", is_flag=True, help="Remove drawings whose files have vanished.")
@click.option(
    "--allow-empty",
    is_flag=True,
    help="Let --prune remove all drawings of a SOURCE in which nothing can be used.",
)
@click.option(
    "--thumbnails/--no-thumbnails",
    default=True,
    show_default=True,
    help="Keep a picture of 128 pixels of each drawing, so that hits can be shown anywhere.",
)
@click.option(
    "--figures/--no-figures",
    default=None,
    help="Take sheets apart and store their figures beside them. [default: grants, PDF and "
    "DeepPatent2's originals]",
)
@all_threads_option
@json_option
def command(
    sources: tuple[str, ...],
    index: Path | str,
    model: str | None,
    metadata: Path | None,
    prune: bool,
    allow_empty: bool,
    thumbnails: bool,
    figures: bool | None,
    threads: int,
    as_json: bool,
) -> None:
    """Make drawings searchable; what is known and unchanged costs next to nothing.

    Unchanged files are told by size and time, renamed ones by their content; changed ones are
    encoded again. Each batch of 64 drawings is on the disk before the next one: Ctrl-C loses no
    more than that, and the same command goes on where it stopped. SOURCE may also be a .npy file
    of embeddings, as edgepatent embed writes it.
    """
    import sys
    from dataclasses import asdict

    from edgepatent_runtime import embeddings_file
    from edgepatent_runtime.collection.ingest import Added
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.record import Skipped
    from edgepatent_runtime.sources import open_source

    ready = [Path(spec) for spec in sources if spec.endswith(".npy")]
    opened = [open_source(spec) for spec in sources if not spec.endswith(".npy")]
    if metadata is not None and len(ready) != 1:
        raise click.UsageError("--metadata goes with one .npy file")
    for source in opened:
        described_by = getattr(source, "described_by", None)
        if described_by is not None:
            console.say(f"{source.spec} is described by {described_by}", err=True)
    # Only a person who watches wants the time left: it costs listing everything twice.
    totals = {}
    if sys.stderr.isatty():
        totals = {s.spec: sum(1 for _ in s.records(Skipped())) for s in opened}
    skipped = Skipped()
    result = Added()
    with Index.ready(index, model) as target, console.progress_bar() as progress:
        for path in ready:
            records, embeddings = embeddings_file.read(path, metadata)
            result += target.add(
                records, embeddings=embeddings, threads=threads, skipped=skipped, progress=progress
            )
        if opened:
            result += target.add(
                *opened,
                prune=prune,
                thumbnails=thumbnails,
                figures=figures,
                threads=threads,
                skipped=skipped,
                progress=progress,
                allow_empty=allow_empty,
                totals=totals,
            )
        info, name = target.info(), target.name
    console.report_skipped(skipped)
    counts = {name: count for name, count in asdict(result).items() if count}
    if as_json:
        console.print_json({**asdict(result), "skipped": skipped.counts, "index": info})
    else:
        done = ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing to do"
        console.say(f"{done}; {info.drawings} drawings of {info.patents} patents in {name}")
    used = sum(counts.values()) - result.removed
    if len(skipped) and not used:
        raise InputError("no drawing could be used")
