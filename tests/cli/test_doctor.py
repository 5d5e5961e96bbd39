"""``edgepatent doctor`` on a sound machine and on damaged ones."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import edgepatent_runtime
from edgepatent_runtime.bundle import GOLDEN, Bundle, write_info


@pytest.fixture
def diagnosed(process):
    def run(*arguments, status=0):
        done = process("doctor", "--json", *arguments, status=status)
        document = json.loads(done.stdout)
        assert document["ok"] is (status == 0)
        return {check["name"]: check for check in document["checks"]}

    return run


def test_a_sound_machine(diagnosed, index, tiny_bundle, process):
    checks = diagnosed("--model", tiny_bundle.folder, "--index", index)
    assert {check["status"] for check in checks.values()} <= {"ok", "note"}
    assert "lowest cosine 1.0000" in checks["golden"]["detail"]
    assert "30 drawings of 10 patents" in checks["index"]["detail"]
    assert "switched off" in checks["telemetry"]["detail"]
    assert "--threads" in checks["speed"]["detail"]
    text = process("doctor", "--model", tiny_bundle.folder, "--index", index).stdout
    assert text.startswith("ok    machine")


def test_no_index_yet_is_no_illness(diagnosed, tiny_bundle, tmp_path):
    checks = diagnosed("--model", tiny_bundle.folder, "--index", tmp_path / "none")
    assert checks["index"]["status"] == "note"
    assert "edgepatent index add" in checks["index"]["detail"]


def test_a_bundle_with_one_byte_changed(diagnosed, process, tiny_bundle, tmp_path, index, designs):
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle.folder, bundle)
    model = bytearray((bundle / "model.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (bundle / "model.onnx").write_bytes(model)
    checks = diagnosed("--model", bundle, "--index", index, status=1)
    assert checks["model"]["status"] == "bad"
    assert "damaged" in checks["model"]["detail"]
    done = process("index", "add", designs, "--index", tmp_path / "i", "--model", bundle, status=1)
    assert "model.onnx is damaged" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_another_processor_is_told_by_the_golden_drawings(diagnosed, tiny_bundle, tmp_path, index):
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle.folder, bundle)
    drawings, embeddings = tiny_bundle.golden
    wrong = embeddings + 0.1 * np.random.default_rng(0).normal(size=embeddings.shape)
    wrong /= np.linalg.norm(wrong, axis=1, keepdims=True)
    np.savez(bundle / GOLDEN, drawings=drawings, embeddings=wrong.astype(np.float32))
    write_info(bundle, Bundle(bundle).info)
    checks = diagnosed("--model", bundle, "--index", index, status=1)
    assert checks["golden"]["status"] == "bad"
    assert "--target" in checks["golden"]["detail"]


def test_a_damaged_index_is_named_with_the_line_that_repairs_it(
    diagnosed, tiny_bundle, index, tmp_path
):
    copy = tmp_path / "index"
    shutil.copytree(index, copy)
    rows = next(copy.glob("vectors-*"))
    data = bytearray(rows.read_bytes())
    data[-20] ^= 1
    rows.write_bytes(data)
    checks = diagnosed("--model", tiny_bundle.folder, "--index", copy, status=1)
    assert checks["index"]["status"] == "bad"
    assert "index verify --repair" in checks["index"]["detail"]


# As sitecustomize: hides distributions and their modules from every process that is started.
HIDING = """
import importlib.metadata, os, sys

gone = dict(pair.split("=") for pair in os.environ["GONE"].split(","))

class Hiding:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in gone.values():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hiding())
version = importlib.metadata.version

def version_of_what_is_left(name):
    if name in gone:
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)

importlib.metadata.version = version_of_what_is_left
"""


@pytest.fixture
def without(tmp_path):
    """The environment of processes that lack distributions, given with the module of each."""

    def hide(**modules):
        site = tmp_path / "hiding"
        site.mkdir()
        (site / "sitecustomize.py").write_text(HIDING)
        pairs = (f"{name.replace('_', '-')}={module}" for name, module in modules.items())
        return {"PYTHONPATH": str(site), "GONE": ",".join(pairs)}

    return hide


def diagnosis(process, *arguments, status=1, **environment):
    done = process("doctor", "--json", *arguments, status=status, **environment)
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_what_is_missing_is_named_with_what_it_would_bring(process, without, index, tiny_bundle):
    gone = without(hnswlib="hnswlib", edgepatent_synthetic="edgepatent_synthetic",
                   pypdfium2="pypdfium2")  # fmt: skip
    checks = diagnosis(process, "--model", tiny_bundle.folder, "--index", index, status=0, **gone)
    for name, brings, line in (
        ("graph", "C++ compiler", "pip install 'edgepatent[graph]'"),
        ("synthetic", "demo", "pip install 'edgepatent-synthetic'"),
        ("pdf", "PDF files", "pip install 'edgepatent[pdf]'"),
    ):
        assert checks[name]["status"] == "note"
        assert brings in checks[name]["detail"]
        assert checks[name]["detail"].endswith(line)
    assert checks["index"]["status"] == "ok"


def test_a_library_that_is_gone_is_named_and_nothing_else_falls(process, without, index, query):
    gone = without(numpy="numpy")
    checks = diagnosis(process, "--index", index, **gone)
    assert checks["numpy"]["status"] == "bad"
    assert checks["numpy"]["detail"] == "not installed: pip install --force-reinstall numpy"
    assert checks["msgspec"]["status"] == "ok"
    assert checks["model"]["status"] == checks["index"]["status"] == "note"
    assert "numpy" in checks["index"]["detail"]
    done = process("search", query, "--index", index, status=1, **gone)
    assert "edgepatent doctor" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_libraries_that_fail_to_load_or_end_the_process_are_told_apart(process, tmp_path, index):
    for name, code in (
        ("cv2", "raise ImportError('libGL.so.1: cannot open shared object file')"),
        ("onnxruntime", "import os; os.abort()"),
        ("hnswlib", "raise SystemError('built for another Python')"),
    ):
        (tmp_path / f"{name}.py").write_text(code)
    checks = diagnosis(process, "--index", index, PYTHONPATH=str(tmp_path))
    assert "ImportError: libGL.so.1: cannot open" in checks["opencv"]["detail"]
    assert "signal 6" in checks["onnxruntime"]["detail"]
    assert "built for another Python" in checks["graph"]["detail"]
    assert {checks[name]["status"] for name in ("opencv", "onnxruntime", "graph")} == {"bad"}
    assert checks["numpy"]["status"] == "ok"


def test_a_damaged_starter_is_named_with_what_brings_it_back(process, tmp_path, index):
    package = tmp_path / "edgepatent_runtime"
    shutil.copytree(Path(edgepatent_runtime.__file__).parent, package)
    model = package / "starter" / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    checks = diagnosis(process, "--index", index, PYTHONPATH=str(tmp_path))
    assert checks["model"]["status"] == "bad"
    assert "model.onnx is damaged" in checks["model"]["detail"]
    assert "pip install --force-reinstall edgepatent-runtime" in checks["model"]["detail"]
    assert checks["index"]["status"] == "ok"
