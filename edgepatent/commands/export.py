"""``edgepatent export``: a training run becomes a bundle that a device can use."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option
from edgepatent_runtime.errors import ExportError, MissingExtraError
from edgepatent_runtime.record import Skipped


@click.command(short_help="Turn a run into an ONNX bundle, INT8 if it earns its place.")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="BUNDLE",
    help="The folder of the bundle; it must not exist yet.",
)
@click.option("--int8", is_flag=True, help="Quantise to 8 bits, and certify it against FP32.")
@click.option(
    "--both",
    is_flag=True,
    help="As --int8, with the FP32 model beside it: edgepatent bench --compare --save finds out "
    "which is faster on a device.",
)
@click.option(
    "--data",
    multiple=True,
    metavar="SOURCE",
    help="Drawings to calibrate on, 200 or more, of the kind that will be searched; may be "
    "repeated. Patents that training held out are scored instead. Default: synthetic drawings.",
)
@click.option(
    "--evaluate",
    multiple=True,
    metavar="SOURCE",
    help="Drawings to certify on; may be repeated. Default: 2,000 synthetic drawings and the "
    "held-out patents of --data.",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    default=0.005,
    show_default=True,
    help="How much mAP (of 1) INT8 may lose at any level.",
)
@click.option(
    "--target",
    type=click.Choice(["portable", "x86", "arm64"]),
    default="portable",
    show_default=True,
    help="The processors it will run on; portable gives the same answers on all.",
)
@click.option(
    "--finetune",
    is_flag=True,
    help="Where INT8 is refused, train for a few minutes on the calibration drawings so that the "
    "network bears rounding, and try again.",
)
@click.option(
    "--keep-going", is_flag=True, help="Where INT8 is refused, write the FP32 bundle instead."
)
@click.option(
    "--notes",
    "notes_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Markdown to put into the model card, for what no program can know.",
)
@json_option
def command(
    run: Path,
    out: Path,
    int8: bool,
    both: bool,
    data: tuple[str, ...],
    evaluate: tuple[str, ...],
    max_drop: float,
    target: str,
    finetune: bool,
    keep_going: bool,
    notes_file: Path | None,
    as_json: bool,
) -> None:
    """Turn the training run RUN into a bundle.

    Without --int8 the bundle computes in 32-bit floats. With it, FP32 and INT8 are compared on
    drawings that INT8 was not calibrated on: scores, neighbours, speed (milliseconds, one thread)
    and size go into bundle.json and MODEL_CARD.md, pictures of both into RUN/report.html (layer by
    layer, where the time goes, ranges), and a model that loses too much is refused.
    """
    try:
        from edgepatent_export.bundle_run import export
        from edgepatent_export.finetune import STEPS
        from edgepatent_export.target import TARGETS
        from edgepatent_train.run import Run
    except ModuleNotFoundError as error:
        raise MissingExtraError("export", "export") from error

    if run.suffix == ".onnx" or (run / "bundle.json").is_file():
        raise ExportError(
            f"{run} is an exported model: export takes the folder of a training run, "
            "whose weights are still known"
        )
    skipped = Skipped()
    with console.progress_bar() as progress:
        bundle = export(
            Run.open(run),
            out,
            int8=int8 or both,
            both=both,
            data=data,
            evaluate=evaluate,
            max_drop=max_drop,
            target=next(known for known in TARGETS if known == target),
            finetune_steps=STEPS if finetune else 0,
            keep_going=keep_going,
            notes=notes_file.read_text("utf-8") if notes_file else "",
            report=True,
            skipped=skipped,
            progress=progress,
            notify=lambda line: console.say(line, err=True),
        )
    console.report_skipped(skipped)
    if as_json:
        console.print_json(bundle.info)
        return
    info = bundle.info
    size = (bundle.folder / "model.onnx").stat().st_size
    formats = " and ".join(bundle.models)
    console.say(f"{out}: {formats}, {size / 1e6:.1f} MB, space {info.space[:12]}")
    if info.certificate:
        _print_certificate(info.certificate)
    console.say(f"next: edgepatent index add SOURCE --model {out}")


def _print_certificate(certificate: dict) -> None:  # type: ignore[type-arg]
    """The figures of a certificate as a table."""
    rows = [
        [
            level,
            f"{fp32['mAP']:.4f}",
            f"{certificate['int8']['levels'][level]['mAP']:.4f}",
            f"{100 * certificate['drop'][level]:+.2f}",
            "{:+.2f} to {:+.2f}".format(*(100 * v for v in certificate["drop_interval"][level])),
        ]
        for level, fp32 in certificate["fp32"]["levels"].items()
    ]
    console.print_table(["", "mAP FP32", "mAP INT8", "drop (points)", "95 % interval"], rows)
    for line in certificate["undecided"]:
        console.warn(line)
    latency = [certificate[side]["latency_ms"]["median"] for side in ("fp32", "int8")]
    console.say(
        f"{latency[0]:.1f} → {latency[1]:.1f} ms a drawing on one thread "
        f"({certificate['speedup']:.2f} times as fast), cosine {certificate['cosine_min']:.4f} or "
        f"more, {100 * certificate['neighbour_overlap@10']:.1f} % of neighbours the same"
    )
