"""What is installed, whether it can be loaded, and what is missing would bring.

Only the standard library is imported here: what looks for a broken installation must not break
with it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

Status = Literal["ok", "note", "bad"]
# Of a cold disk and a slow card; loading takes a second or two.
_PATIENCE = 120


@dataclass(frozen=True)
class Check:
    """One thing looked at. ``note`` leaves the exit status alone, ``bad`` makes it 1."""

    name: str
    status: Status
    detail: str


@dataclass(frozen=True)
class Part:
    """Something that is imported as ``module``; ``packages`` are the distributions it may be of.

    ``brings`` says what it is for. One without an ``extra`` is needed by everything.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    brings: str = ""
    extra: str = ""


OURS = ("edgepatent", "edgepatent-runtime")
NEEDED = (
    Part("numpy", "numpy", ("numpy",)),
    Part("opencv", "cv2", ("opencv-python-headless", "opencv-python")),
    Part("pillow", "PIL.Image", ("pillow",)),
    Part("onnxruntime", "onnxruntime", ("onnxruntime",)),
    Part("filelock", "filelock", ("filelock",)),
    Part("msgspec", "msgspec", ("msgspec",)),
)
OPTIONAL = (
    Part("synthetic", "edgepatent_synthetic.source", ("edgepatent-synthetic",),
         "demo, data synthesize, and the sources synthetic: and meshes:"),
    Part("graph", "hnswlib", ("hnswlib",),
         "faster searches of large indexes in a process that stays; compiled on installation, "
         "which needs a C++ compiler; searches scan without it", "graph"),
    Part("pdf", "pypdfium2", ("pypdfium2",), "PDF files as sources and queries", "pdf"),
    Part("heif", "pillow_heif", ("pillow-heif",), "HEIC pictures of telephones as queries", "heif"),
    Part("svg", "resvg_py", ("resvg_py",), "SVG pictures as queries", "svg"),
    Part("postgres", "edgepatent_postgres.store", ("edgepatent-postgres",),
         "indexes in PostgreSQL: --index postgresql://…", "postgres"),
    Part("ray", "edgepatent_cluster.embedding", ("edgepatent-cluster",),
         "shards made and searched on many machines: cluster embed", "ray"),
    Part("train", "edgepatent_train", ("edgepatent-train",), "training of models", "train"),
    Part("export", "edgepatent_export", ("edgepatent-export",),
         "bundles made of trained runs", "export"),
)  # fmt: skip


def ours() -> Iterator[Check]:
    """The distributions of this project: there, and of one version."""
    found = {name: _version(name) for name in (*OURS, *(p.packages[0] for p in OPTIONAL))}
    wanted = found["edgepatent"]
    for name, number in found.items():
        if number is None:
            if name in OURS:
                yield Check(name, "note", "not installed as a package")
        elif name.startswith("edgepatent") and wanted and number != wanted:
            advice = f"pip install --upgrade {name}=={wanted}"
            yield Check(name, "bad", f"{number} beside edgepatent {wanted}: {advice}")
        elif name in OURS:
            yield Check(name, "ok", number)


def needed() -> Iterator[Check]:
    """The libraries that every search loads, each in a process of its own."""
    for part in NEEDED:
        number = _version(*part.packages)
        failure = load_failure(part.module)
        if failure is None:
            yield Check(part.name, "ok", number or "not installed as a package")
        else:
            again = f"pip install --force-reinstall {part.packages[0]}"
            what = "not installed" if number is None else f"{number} cannot be loaded ({failure})"
            yield Check(part.name, "bad", f"{what}: {again}")


def optional() -> Iterator[Check]:
    """The parts that one can do without, and what each of them brings."""
    for part in OPTIONAL:
        package = part.packages[0]
        install = f"pip install '{f'edgepatent[{part.extra}]' if part.extra else package}'"
        number = _version(*part.packages)
        if number is None:
            yield Check(part.name, "note", f"not installed ({part.brings}): {install}")
            continue
        failure = load_failure(part.module)
        if failure is None:
            yield Check(part.name, "ok", f"{package} {number} ({part.brings.partition(';')[0]})")
        else:
            again = f"pip install --force-reinstall {package}"
            yield Check(
                part.name, "bad", f"{package} {number} cannot be loaded ({failure}): {again}"
            )


def load_failure(module: str) -> str | None:
    """Why ``module`` cannot be imported in a fresh process, in a few words; None where it can.

    In a process of its own, since a library that was built for another processor does not raise:
    it takes its process down.
    """
    code = (
        "import sys, json\n"
        "try:\n"
        f"    import {module}\n"
        "except BaseException as error:\n"
        "    lines = str(error).strip().splitlines() or ['']\n"
        "    print(json.dumps(f'{type(error).__name__}: {lines[0]}'), file=sys.stderr)\n"
        "    sys.exit(3)\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
            env={**os.environ, "ORT_DISABLE_TELEMETRY": "1"},
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {_PATIENCE} s"
    if done.returncode == 0:
        return None
    if done.returncode == 3 and done.stderr.strip():
        return str(json.loads(done.stderr.splitlines()[-1]))
    if done.returncode < 0:
        return f"it ends the process with signal {-done.returncode}: not built for this processor?"
    return f"it ends the process with status {done.returncode}"


def _version(*packages: str) -> str | None:
    for package in packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None
