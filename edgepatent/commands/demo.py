"""``edgepatent demo``: the whole chain on synthetic designs, each step as it would be typed."""

import csv
import shlex
from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import model_option

DESIGNS, VIEWS, SEED = 40, 6, 1
# The view that is shown at the end: a table lamp.
EXAMPLE = 31
# Other designs than those that are searched: what a model has seen is no test of it.
TRAINING = "synthetic:designs=500,seed=2,views=3"
CALIBRATION = "synthetic:designs=70,seed=3,views=3"
RECIPE = """\
# Small and quick rather than good: 64 steps on drawings of 96 pixels. It starts from the backbone
# of the starter (--weights starter): from random weights two minutes teach nothing.
extends = "tf_efficientnet_lite0"

[model]
backbone = "{backbone}"
size = 96
dimensions = 128

[loss]
name = "supcon"

[sampler]
classes = 8
subclasses = 2
patents = 1
views = 3

[optimizer]
epochs = 4
epoch_steps = 16
lr = 5e-4
backbone_lr = 0.5
"""


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("edgepatent-demo"),
    show_default=True,
    metavar="DIR",
    help="Where everything goes; what an earlier demo left there is replaced.",
)
@click.option(
    "--train",
    is_flag=True,
    help="Train and export a small model first: some minutes, needs the train and export extras.",
)
@model_option
@click.pass_context
def command(ctx: click.Context, out: Path, train: bool, model: str) -> None:
    """Show a search on synthetic designs, start to finish.

    Draws designs, leaves one view of each out, indexes the others, and searches with the views
    that the index has not seen, as they are and as if drawn by hand. Each step is printed as the
    command that does it. Nothing outside DIR is touched, nothing is downloaded.
    """
    _make_room(out)
    _run(ctx, "data", "synthesize", "--out", out / "designs", "--designs", DESIGNS,
         "--views", VIEWS, "--seed", SEED)  # fmt: skip
    unseen = _leave_out(out / "designs", out / "unseen")
    console.say(f"\nOne view of each design was moved to {out / 'unseen'}: no index sees it.")
    learned = ""
    if train:
        learned = _train(ctx, out)
        model = str(out / "bundle")
    index = out / "index"
    _run(ctx, "index", "add", out / "designs", "--index", index, "--model", model)
    _run(ctx, "batch", out / "unseen", "--out", out / "results", "--index", index)
    right = _first_hits(unseen, out / "results")

    by_hand = _redraw(unseen, out / "by-hand")
    console.say(f"\nThe same views as if drawn by a shaky hand lie in {out / 'by-hand'}.")
    _run(ctx, "batch", out / "by-hand", "--out", out / "results-by-hand", "--index", index)
    again = _first_hits(by_hand, out / "results-by-hand")

    patent, view = list(unseen.items())[EXAMPLE]
    report = out / "report.html"
    console.say("\nOne of the views, with a page to look at:")
    _run(ctx, "search", view, "--index", index, "--top", 5, "--html", report)
    console.say(
        f"\nOf {len(unseen)} designs, {right} came first for a view that the index has not seen, "
        f"{again} for that view drawn by hand."
    )
    if learned:
        console.say(learned)
    console.say(
        f"""
Look at {report} in a browser. Then try:
  edgepatent index add FOLDER              your own drawings: PNG, TIFF, PDF, USPTO grants
  edgepatent search IMAGE --html page.html what looks like it, on a page to print
  edgepatent search --like {patent} --index {index}
  edgepatent classify {view} --index {index}
  edgepatent --help"""
    )


def _train(ctx: click.Context, out: Path) -> str:
    """Make ``out / bundle``; what training did to its network, in a sentence."""
    from edgepatent_runtime.bundle import Bundle

    recipe = out / "recipe.toml"
    recipe.write_text(RECIPE.format(backbone=Bundle.starter().info.backbone))
    begin = ("--data", TRAINING, "--recipe", recipe, "--weights", "starter")
    console.say("\nThe network before a single step, to compare with:")
    _run(ctx, "train", *begin, "--epochs", 0, "--out", out / "run-before")
    _run(ctx, "train", *begin, "--out", out / "run")
    _run(ctx, "export", out / "run", "--int8", "--out", out / "bundle",
         "--data", CALIBRATION, "--evaluate", out / "designs",
         "--max-drop", 0.02, "--keep-going")  # fmt: skip
    console.say("\nBefore and after, on designs that neither has seen:")
    _run(ctx, "compare", out / "run-before", out / "bundle", "--data", out / "designs",
         "--html", out / "compared.html")  # fmt: skip
    from edgepatent_train.run import Run

    outcome = Run.open(out / "run").outcome()
    assert outcome is not None
    return (
        f"Training took {outcome.level} mAP on designs that were held out from {outcome.first:.3f} "
        f"to {outcome.kept:.3f}: look at {out / 'run' / 'report.html'} and {out / 'compared.html'}."
    )


def _run(ctx: click.Context, *arguments: object) -> None:
    """Print a command as it would be typed, and run it. Ends the demo where it fails."""
    from edgepatent.cli import run

    words = [str(argument) for argument in arguments]
    console.say(f"\n$ edgepatent {shlex.join(words)}")
    status = run(words)
    if status:
        ctx.exit(status)


def _make_room(out: Path) -> None:
    """Take away what an earlier demo left. Raises `InputError` where ``out`` is something else."""
    import shutil

    from edgepatent_runtime.errors import InputError

    mark = out / "made-by-edgepatent-demo"
    if out.exists() and not mark.exists() and any(out.iterdir()):
        raise InputError(f"{out} holds other files: name a new folder with --out")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    mark.touch()


def _leave_out(designs: Path, unseen: Path) -> dict[str, Path]:
    """Move the last drawing of each patent out of a folder source; where each lies now."""
    with (designs / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    last = {row["patent_id"]: row for row in rows}
    unseen.mkdir()
    moved = {}
    for patent, row in last.items():
        source = designs / row["file_name"]
        moved[patent] = source.rename(unseen / f"{patent}{source.suffix}")
    with (designs / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if row is not last[row["patent_id"]])
    return moved


def _first_hits(unseen: dict[str, Path], results: Path) -> int:
    """How many of the queries found their own patent first."""
    import msgspec

    right = 0
    for patent, path in unseen.items():
        found = msgspec.json.decode((results / f"{path.name}.json").read_bytes())["hits"]
        right += bool(found) and found[0]["patent_id"] == patent
    return right


def _redraw(views: dict[str, Path], folder: Path) -> dict[str, Path]:
    """Redraw images with a shaky hand: lines waver by a hundredth of the page, ink thickens."""
    import cv2
    import numpy as np

    from edgepatent_runtime import drawing

    random = np.random.default_rng(SEED)
    folder.mkdir()
    redrawn = {}
    for patent, view in views.items():
        page = np.pad(drawing.decode(view), 24, constant_values=255)
        side = max(page.shape)
        places = list(np.mgrid[0 : page.shape[0], 0 : page.shape[1]].astype(np.float32))
        for place in places:
            noise = cv2.GaussianBlur(random.normal(size=page.shape), (0, 0), side / 30)
            place += (noise / np.abs(noise).max() * side / 80).astype(np.float32)
        y, x = places
        moved = cv2.remap(page, x, y, cv2.INTER_LINEAR, borderValue=255)
        redrawn[patent] = folder / view.name
        cv2.imwrite(str(redrawn[patent]), cv2.erode(moved, np.ones((2, 2), np.uint8)))
    return redrawn
