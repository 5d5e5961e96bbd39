"""``edgepatent doctor``: whether model, index and machine are in order."""

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgepatent import console, installation
from edgepatent.installation import Check
from edgepatent.options import json_option, model_option
from edgepatent.places import index_option
from edgepatent_runtime.errors import EdgepatentError

if TYPE_CHECKING:
    from edgepatent_runtime.bundle import Bundle

SPEED_RUNS = 25


@click.command()
@model_option
@index_option
@json_option
@click.pass_context
def command(ctx: click.Context, model: str, index: Path | str, as_json: bool) -> None:
    """Check that model, index and machine are in order.

    Loads every library by itself and says what is missing and what it would bring. Runs the
    bundle's golden drawings through its model and compares the embeddings with those of the
    machine that exported it (the same INT8 file can give other answers on another processor), and
    checks every file of the index. Exits with 1 when something is wrong.
    """
    checks = [*_machine(), *installation.ours(), *installation.needed()]
    broken = [check.name for check in checks if check.status == "bad"]
    checks += installation.optional()
    if broken:
        advice = f"looked at when this is in order: {', '.join(broken)}"
        checks += [Check("model", "note", advice), Check("index", "note", advice)]
    else:
        checks += _guarded("model", lambda: _bundle(model))
        checks += _guarded("index", lambda: _index(index))
    ok = all(check.status != "bad" for check in checks)
    if as_json:
        document = {"ok": ok, "checks": [asdict(check) for check in checks]}
        console.say(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for check in checks:
            console.say(f"{check.status:4}  {check.name:18} {check.detail}")
    ctx.exit(0 if ok else 1)


def _guarded(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """What ``look`` finds; what it fails with is one more finding."""
    try:
        yield from look()
    except EdgepatentError as error:
        yield Check(name, "bad", str(error))
    except Exception as error:  # noqa: BLE001  # a diagnosis goes on whatever it meets
        first = (str(error).splitlines() or [""])[0]
        yield Check(name, "bad", f"{type(error).__name__}: {first}")


def _machine() -> Iterator[Check]:
    """The interpreter and the processor."""
    bits = 64 if sys.maxsize > 2**32 else 32
    detail = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    yield (
        Check("machine", "ok", detail)
        if bits == 64
        else Check(
            "machine", "bad", f"{detail}: a 64-bit system is needed (onnxruntime has no other)"
        )
    )


def _bundle(model: str) -> Iterator[Check]:
    """The digests of a bundle, and its golden drawings on this processor."""
    from edgepatent.options import open_bundle
    from edgepatent_runtime.bundle import STARTERS

    try:
        bundle = open_bundle(model)
        bundle.verify()
    except EdgepatentError as error:
        advice = "pip install --force-reinstall edgepatent-runtime" if model in STARTERS else ""
        yield Check("model", "bad", f"{error}{f' ({advice})' if advice else ''}")
        return
    info = bundle.info
    yield Check(
        "model",
        "ok",
        f"{info.name}: {info.backbone}, {info.precision} for {info.target}, "
        f"{info.size} px, {info.dimensions} dimensions, space {info.space[:12]}",
    )
    yield _golden(bundle)
    yield _speed(bundle)
    yield _saved(bundle)
    yield _telemetry()


def _golden(bundle: "Bundle") -> Check:
    """Whether this processor gives the embeddings that the exporting one gave."""
    from edgepatent_runtime import golden
    from edgepatent_runtime.encoder import Encoder

    worst = golden.lowest_cosine(Encoder(bundle))
    detail = f"{len(bundle.golden[0])} golden drawings, lowest cosine {worst:.5f}"
    if worst >= golden.COSINE:
        return Check("golden", "ok", detail)
    return Check(
        "golden",
        "bad",
        f"{detail}, below {golden.COSINE}: this processor computes the INT8 model differently; "
        "export the run again with --target for this machine, or without --int8",
    )


def _speed(bundle: "Bundle") -> Check:
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


def _saved(bundle: "Bundle") -> Check:
    """What `bench --compare --save` has set for this model."""
    from edgepatent_runtime import device
    from edgepatent_runtime.bundle import MODEL

    saved = device.setting(bundle.info.files[MODEL])
    if saved is None:
        return Check("setting", "note", "none yet; edgepatent bench --compare --save measures one")
    return Check(
        "setting",
        "ok",
        f"{saved.precision}, {saved.threads} threads for a search, {saved.adding} and "
        f"{saved.batch} drawings at once for index add (saved in {device.file()})",
    )


def _telemetry() -> Check:
    """onnxruntime reads this before its import; `encoder` sets it there."""
    off = os.environ.get("ORT_DISABLE_TELEMETRY") == "1"
    return (
        Check("telemetry", "ok", "onnxruntime's is switched off")
        if off
        else Check("telemetry", "bad", "onnxruntime's is on: report this as a bug")
    )


def _index(name: Path | str) -> Iterator[Check]:
    """Everything that is stored in the index."""
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.stores import exists, is_address

    if not exists(name):
        where = "at this address" if is_address(name) else f"in {name}"
        yield Check("index", "note", f"none yet {where}; edgepatent index add SOURCE")
        return
    with Index.open(name) as index:
        info = index.info()
        problems = index.verify() if index.changeable else []
        called = index.name if index.changeable else f"{index.name} (verified where it lies)"
    yield Check("index", "ok", f"{called}: {info.drawings} drawings of {info.patents} patents")
    for problem in problems:
        line = f"{problem.part}: {problem.what}; edgepatent index verify --repair --index {called}"
        yield Check("index", "bad", line)
