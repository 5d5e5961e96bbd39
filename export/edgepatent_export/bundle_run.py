"""A training run becomes a bundle: the whole export, all or nothing."""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx

from edgepatent_export import certify
from edgepatent_export.calibrate import RECOMMENDED, check_drawings
from edgepatent_export.card import model_card
from edgepatent_export.certify import Certificate
from edgepatent_export.drawings import Material, gather, named
from edgepatent_export.finetune import finetune
from edgepatent_export.golden import golden_drawings
from edgepatent_export.onnx_model import Matrix, to_onnx, turned
from edgepatent_export.order import (
    axes_of_run,
    own_space,
    principal_axes,
    space_of,
    weights_digest,
)
from edgepatent_export.repair import CLOSE, Found, find_int8
from edgepatent_export.target import Target
from edgepatent_runtime import whole
from edgepatent_runtime.bundle import (
    CARD,
    FLOATS,
    FORMAT,
    GOLDEN,
    MODEL,
    SEEN,
    Bundle,
    BundleInfo,
    Part,
    write_info,
)
from edgepatent_runtime.errors import ExportError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Skipped
from edgepatent_train.model import UnitParts
from edgepatent_train.run import Run, before

TOOLS = ("edgepatent-export", "torch", "timm", "onnx", "onnxruntime", "optimum")


def export(
    run: Run,
    out: Path,
    *,
    int8: bool = False,
    both: bool = False,
    data: Sequence[str] = (),
    evaluate: Sequence[str] = (),
    max_drop: float = 0.005,
    target: Target = "portable",
    finetune_steps: int = 0,
    keep_going: bool = False,
    notes: str = "",
    report: bool = False,
    skipped: Skipped | None = None,
    progress: Progress = silent,
    notify: Callable[[str], None] = lambda line: None,
) -> Bundle:
    """Write the bundle of ``run`` to ``out``, a folder that must not exist yet.

    With ``int8`` the model is quantised and has to earn a certificate: mAP may drop by
    ``max_drop`` (of 1) at no level. ``finetune_steps`` > 0 allows so many steps of training on the
    calibration drawings where nothing else helps. Where INT8 is refused, `ExportError` is raised
    with the numbers, or, with ``keep_going``, the FP32 bundle is written with the refused
    certificate in it. With ``report`` the run's report gets pictures of FP32 beside INT8, also
    where INT8 is refused. With ``both`` the bundle of an INT8 model holds the FP32 one beside it,
    for devices on which that is faster; not where the two are too far apart to share a space.
    ``notify`` is told what a person should know on the way.

    The folder takes its final name only when it is complete. Raises `ExportError` also where
    ``out`` exists or cannot be written, `TrainingError` for a run that has not finished.
    """
    skipped = Skipped() if skipped is None else skipped
    model = run.model()
    recipe = run.recipe.model
    threads = os.cpu_count() or 1
    with _staging(out) as folder:
        material = gather(
            data,
            evaluate,
            recipe.size,
            unseen=set(run.data.held_out),
            with_exam=int8,
            skipped=skipped,
            progress=progress,
        )
        if int8:
            check_drawings(material.calibration)
            if len(material.calibration) < RECOMMENDED:
                notify(
                    f"{len(material.calibration)} drawings to calibrate on: {RECOMMENDED} or more "
                    "give ranges that hold"
                )
        weights = weights_digest(model)

        unit = model.unit
        kin = unit.kin.numpy() if isinstance(unit, UnitParts) else None

        def fit() -> Matrix:
            plain = to_onnx(model, recipe.size).SerializeToString()
            embeddings = certify.embed(plain, material.calibration, threads=threads)
            return principal_axes(embeddings, kin)

        axes = axes_of_run(run.folder, weights, fit)
        proto = to_onnx(model, recipe.size, axes)
        fp32 = proto.SerializeToString()
        certificate, chosen = None, fp32
        if int8:

            def retrain() -> onnx.ModelProto:
                trained = finetune(
                    model, material.calibration, steps=finetune_steps, progress=progress
                )
                return to_onnx(trained, recipe.size, axes)

            certificate, found = _certified(
                proto,
                fp32,
                material,
                max_drop,
                target,
                retrain if finetune_steps else None,
                threads,
                progress,
                notify,
            )
            if report:
                _add_to_report(run, out.name, fp32, found, material, progress, notify)
            for line in certificate.undecided:
                notify(f"undecided: {line}")
            if certificate.accepted:
                chosen = found.model
            elif keep_going:
                notify("INT8 is refused, the FP32 model is written: " + _reasons(certificate))
            else:
                raise ExportError(
                    f"INT8 is refused: {_reasons(certificate)}. What could help: more calibration "
                    "drawings of the kind you search (--data), --finetune, a backbone with ReLU "
                    "(recipes ending in -edge), or FP32 (--keep-going, or no --int8)"
                )
        space = space_of(weights, axes, recipe.sides)
        is_int8 = chosen is not fp32
        if is_int8 and certificate is not None and certificate.cosine_min < CLOSE:
            # Too far from the FP32 model to share a collection with it.
            space = own_space(space, chosen)
            if both:
                notify(
                    f"the bundle holds INT8 alone: with a cosine of {certificate.cosine_min:.3f} "
                    f"to FP32, below {CLOSE}, the two cannot share an index"
                )
                both = False
        info = BundleInfo(
            format=FORMAT,
            name=out.name,
            space=space,
            size=recipe.size,
            dimensions=recipe.dimensions,
            precision="int8" if is_int8 else "fp32",
            target=target,
            backbone=recipe.backbone,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions={
                **{tool: version(tool) for tool in TOOLS},
                "python": platform.python_version(),
            },
            files={},
            also={"fp32": str(FLOATS)} if both and is_int8 else {},
            parts={} if kin is None else _parts(turned(axes, kin), run.recipe.kin.weight),
            training=_training(run.told()),
            certificate=None if certificate is None else msgspec.to_builtins(certificate),
        )
        drawings = golden_drawings(recipe.size)
        (folder / MODEL).write_bytes(chosen)
        if info.also:
            (folder / FLOATS).write_bytes(fp32)
        np.savez_compressed(
            folder / GOLDEN, drawings=drawings, embeddings=certify.embed(chosen, drawings)
        )
        seen = run.seen()
        if seen is not None:
            (folder / SEEN).write_bytes(seen.to_bytes())
        (folder / CARD).write_text(model_card(info, certificate, notes), "utf-8")
        write_info(folder, info)
        Bundle(folder).verify()
    return Bundle(out)


def _parts(kin: Matrix, weight: float) -> dict[str, Part]:
    """The two parts of an embedding, ``kin`` [D] being 1 in one and 0 in the other."""
    return {
        "kin": Part(np.flatnonzero(kin > 0).tolist(), weight),
        "twin": Part(np.flatnonzero(kin == 0).tolist(), 1 - weight),
    }


def _certified(
    proto: onnx.ModelProto,
    fp32: bytes,
    material: Material,
    max_drop: float,
    target: Target,
    retrain: Callable[[], onnx.ModelProto] | None,
    threads: int,
    progress: Progress,
    notify: Callable[[str], None],
) -> tuple[Certificate, Found]:
    """The best INT8 model that could be found, and its certificate, accepted or not."""
    exam = material.exam
    assert exam is not None
    reference = certify.embed(
        fp32, exam.drawings, threads=threads, progress=progress, task="scoring FP32"
    )

    def judge(candidate: bytes) -> Certificate:
        return certify.certify(
            fp32,
            candidate,
            exam,
            max_drop=max_drop,
            fp32_embeddings=reference,
            threads=threads,
            progress=progress,
        )

    found = find_int8(
        proto,
        material.calibration,
        judge,
        target=target,
        retrain=retrain,
        progress=progress,
        notify=notify,
    )
    calibration = {
        "sources": material.sources,
        "licences": material.licences,
        "drawings": len(material.calibration),
        "digest": material.digest,
        "method": found.plan.method,
    }
    certificate = msgspec.structs.replace(
        found.certificate,
        calibration=calibration,
        kept_float=found.plan.kept_float,
        repairs=found.repairs,
    )
    return certificate, found


def _add_to_report(
    run: Run,
    bundle: str,
    fp32: bytes,
    found: Found,
    material: Material,
    progress: Progress,
    notify: Callable[[str], None],
) -> None:
    """The bundle is good without it: where the run's folder cannot be written, that is told."""
    # Only here: matplotlib takes a second to import.
    from edgepatent_export.figures import measure
    from edgepatent_export.report import add_to_report

    figures = measure(bundle, fp32, found, material.calibration, progress)
    try:
        add_to_report(run, figures)
    except OSError as error:
        notify(f"the report of {run.folder} cannot be written: {error.strerror or error}")


def _reasons(certificate: Certificate) -> str:
    return "; ".join(certificate.refused)


def _training(told: dict[str, Any]) -> dict[str, Any]:
    """What a bundle says of how its model was trained: no paths of the machine that did it."""
    licences = {named(source): terms for source, terms in told.get("licences", {}).items()}
    told = told | {"sources": [named(source) for source in told["sources"]], "licences": licences}
    return told | {"earlier": [_training(each) for each in before(told)]}


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A hidden folder beside ``out`` that becomes ``out`` when the block succeeds, else goes."""
    out = out.absolute()
    if out.exists():
        raise ExportError(f"{out} exists already: remove it, or choose another --out")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{out.parent} cannot be written: {error.strerror}") from error
    with whole.new_folder(out) as folder:
        yield folder
