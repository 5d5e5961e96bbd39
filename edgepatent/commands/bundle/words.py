"""``edgepatent bundle words``: teach a bundle what words look like."""

import os
from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import all_threads_option, open_bundle
from edgepatent_runtime.errors import MissingExtraError
from edgepatent_runtime.record import Skipped


@click.command()
@click.argument("bundle", metavar="BUNDLE")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="NEW",
    help="The folder of the new bundle; it must not exist yet.",
)
@click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="SOURCE",
    help="Drawings with titles; may be repeated. Some hundred different titles serve.",
)
@click.option(
    "--titles",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE.csv",
    help="Further titles, without drawings, with their classes: the columns title and class (or "
    "uspc_d).",
)
@all_threads_option
def command(
    bundle: str, out: Path, data: tuple[str, ...], titles: Path | None, threads: int
) -> None:
    """Teach a bundle what words look like.

    Writes BUNDLE anew with a text side: a search for words then also finds designs that have no
    title, by the look of their drawings. The model and its space stay as they are, and so do
    indexes made with it; the same drawings and titles give the same words.npz. A text side that is
    there already is replaced. A signature stays behind: sign the new bundle. Needs the train extra.
    """
    try:
        from edgepatent_train import wording
    except ModuleNotFoundError as error:
        raise MissingExtraError("bundle words", "train") from error
    from edgepatent.encoding import encode_records, open_model, read_records
    from edgepatent_runtime.bundle import WORDS

    opened = open_bundle(bundle)
    opened.verify()
    classes = wording.read_titles(titles) if titles else []
    taught = wording.by_class(classes) if classes else None
    skipped = Skipped()
    titled = (one for one in read_records(data, skipped) if (one.title or "").strip())
    with console.progress_bar() as progress:
        model = open_model(bundle, threads=threads or os.cpu_count() or 1)
        records, embeddings = encode_records(titled, model, skipped, progress)
    console.report_skipped(skipped)
    names = [one.title or "" for one in records]
    fitted = wording.fit(names, embeddings[:, opened.info.kin], taught)
    learned = f"{len(set(names)):,} titles of {len(names):,} drawings"
    if classes:
        learned += f", and {len(classes):,} titles with classes"
    told = f"`{WORDS}` places words among drawings; it learned from {learned}."
    made = wording.with_words(opened, fitted, out, told)
    size = (made.folder / WORDS).stat().st_size
    console.say(f"{out}: {learned}, {WORDS} of {size / 1000:,.0f} kB")
