"""``edgepatent doctor``: whether model, index and machine are in order."""

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import click
import msgspec

from edgepatent import console
from edgepatent.options import index_option, json_option, model_option, open_bundle
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.errors import EdgepatentError

# What the certificate asks of an INT8 file against FP32; another processor must do no worse.
GOLDEN_COSINE = 0.99
SPEED_RUNS = 25


class Check(msgspec.Struct, frozen=True):
    """One thing looked at. ``note`` leaves the exit status alone, ``bad`` makes it 1."""

    name: str
    status: Literal["ok", "note", "bad"]
    detail: str


class Diagnosis(msgspec.Struct, frozen=True):
    """What ``edgepatent doctor --json`` prints."""

    ok: bool
    checks: list[Check]


@click.command()
@model_option
@index_option
@json_option
@click.pass_context
def command(ctx: click.Context, model: str, index: Path, as_json: bool) -> None:
    """Check that model, index and machine are in order.

    Runs the bundle's golden drawings through its model and compares the embeddings with those of
    the machine that exported it (the same INT8 file can give other answers on another
    processor), checks every file of the index, and lists what is missing. Exits with 1 when
    something is wrong.
    """
    checks = [*_machine(), *_bundle(model), *_index(index)]
    ok = all(check.status != "bad" for check in checks)
    if as_json:
        console.print_json(Diagnosis(ok, checks))
    else:
        for check in checks:
            click.echo(f"{check.status:4}  {check.name:12} {check.detail}")
    ctx.exit(0 if ok else 1)


def _machine() -> Iterator[Check]:
    """The interpreter, the processor, and the libraries."""
    bits = 64 if sys.maxsize > 2**32 else 32
    detail = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    yield (
        Check("machine", "ok", detail)
        if bits == 64
        else Check(
            "machine", "bad", f"{detail}: a 64-bit system is needed (onnxruntime has no other)"
        )
    )
    for package in ("edgepatent", "edgepatent-runtime", "onnxruntime", "numpy"):
        yield Check(package, "ok", _version(package) or "not installed")
    opencv = _version("opencv-python-headless") or _version("opencv-python")
    yield Check("opencv", "ok", opencv or "not installed as a package")
    hnswlib = _version("hnswlib")
    yield (
        Check("hnswlib", "ok", hnswlib)
        if hnswlib
        else Check("hnswlib", "note", "not installed: searches scan instead of using the graph")
    )
    for module, extra, purpose in (
        ("pypdfium2", "pdf", "PDF files can be read"),
        ("edgepatent_train", "train", "models can be trained"),
        ("edgepatent_export", "export", "runs can be exported"),
    ):
        yield (
            Check(extra, "ok", purpose)
            if find_spec(module)
            else Check(extra, "note", f"not installed; pip install 'edgepatent[{extra}]'")
        )


def _bundle(model: str) -> Iterator[Check]:
    """The digests of a bundle, and its golden drawings on this processor."""
    try:
        bundle = open_bundle(model)
        bundle.verify()
        info = bundle.info
        yield Check(
            "model",
            "ok",
            f"{info.name}: {info.backbone}, {info.precision} for {info.target}, "
            f"{info.size} px, {info.dimensions} dimensions, space {info.space[:12]}",
        )
        yield _golden(bundle)
        yield _speed(bundle)
        yield _telemetry()
    except EdgepatentError as error:
        yield Check("model", "bad", str(error))


def _golden(bundle: Bundle) -> Check:
    """Whether this processor gives the embeddings that the exporting one gave."""
    import numpy as np

    from edgepatent_runtime.encoder import Encoder

    drawings, expected = bundle.golden
    cosine = np.sum(Encoder(bundle).encode(drawings) * expected, axis=1)
    worst = float(cosine.min())
    detail = f"{len(drawings)} golden drawings, lowest cosine {worst:.5f}"
    if worst >= GOLDEN_COSINE:
        return Check("golden", "ok", detail)
    return Check(
        "golden",
        "bad",
        f"{detail}, below {GOLDEN_COSINE}: this processor computes the INT8 model differently; "
        "export the run again with --target for this machine, or without --int8",
    )


def _speed(bundle: Bundle) -> Check:
    """How long one drawing takes here, by the number of threads."""
    from statistics import median
    from time import perf_counter

    from edgepatent_runtime.encoder import Encoder

    drawing = bundle.golden[0][:1]
    cores = os.cpu_count() or 1
    medians = {}
    for threads in sorted({1, 2, 4, cores} & set(range(1, cores + 1))):
        encoder = Encoder(bundle, threads=threads)
        times = []
        for _ in range(SPEED_RUNS):
            start = perf_counter()
            encoder.encode(drawing)
            times.append((perf_counter() - start) * 1000)
        # The first runs warm caches up.
        medians[threads] = median(times[SPEED_RUNS // 5 :])
    # More threads have to earn their place: a tenth at least.
    best = min(threads for threads, ms in medians.items() if ms <= 1.1 * min(medians.values()))
    listed = ", ".join(f"{ms:.1f} ms on {threads}" for threads, ms in medians.items())
    return Check("speed", "ok", f"one drawing: {listed} threads; best is --threads {best}")


def _telemetry() -> Check:
    """onnxruntime reads this before its import; `encoder` sets it there."""
    off = os.environ.get("ORT_DISABLE_TELEMETRY") == "1"
    return (
        Check("telemetry", "ok", "onnxruntime's is switched off")
        if off
        else Check("telemetry", "bad", "onnxruntime's is on: report this as a bug")
    )


def _index(folder: Path) -> Iterator[Check]:
    """The files of the index."""
    from edgepatent_runtime.collection import Collection

    if not folder.exists():
        yield Check("index", "note", f"none yet in {folder}; edgepatent index add SOURCE")
        return
    try:
        with Collection.open(folder) as collection:
            info = collection.info()
            problems = collection.verify()
    except EdgepatentError as error:
        yield Check("index", "bad", str(error))
        return
    yield Check("index", "ok", f"{folder}: {info.drawings} drawings of {info.patents} patents")
    for problem in problems:
        line = f"{problem.part}: {problem.what}; edgepatent index verify --repair --index {folder}"
        yield Check("index", "bad", line)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
