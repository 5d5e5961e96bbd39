"""``edgepatent doctor`` on a sound machine and on damaged ones."""

import json
import shutil

import numpy as np
import pytest

from edgepatent_runtime.bundle import GOLDEN, Bundle, write_info


@pytest.fixture
def diagnosed(edgepatent):
    def run(*arguments, status=0):
        done = edgepatent("doctor", "--json", *arguments, status=status)
        document = json.loads(done.stdout)
        assert document["ok"] is (status == 0)
        return {check["name"]: check for check in document["checks"]}

    return run


def test_a_sound_machine(diagnosed, index, tiny_bundle, edgepatent):
    checks = diagnosed("--model", tiny_bundle.folder, "--index", index)
    assert {check["status"] for check in checks.values()} <= {"ok", "note"}
    assert "lowest cosine 1.0000" in checks["golden"]["detail"]
    assert "30 drawings of 10 patents" in checks["index"]["detail"]
    assert "switched off" in checks["telemetry"]["detail"]
    assert "--threads" in checks["speed"]["detail"]
    text = edgepatent("doctor", "--model", tiny_bundle.folder, "--index", index).stdout
    assert text.startswith("ok    machine")


def test_no_index_yet_is_no_illness(diagnosed, tiny_bundle, tmp_path):
    checks = diagnosed("--model", tiny_bundle.folder, "--index", tmp_path / "none")
    assert checks["index"]["status"] == "note"
    assert "edgepatent index add" in checks["index"]["detail"]


def test_a_bundle_with_one_byte_changed(
    diagnosed, edgepatent, tiny_bundle, tmp_path, index, designs
):
    bundle = tmp_path / "bundle"
    shutil.copytree(tiny_bundle.folder, bundle)
    model = bytearray((bundle / "model.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (bundle / "model.onnx").write_bytes(model)
    checks = diagnosed("--model", bundle, "--index", index, status=1)
    assert checks["model"]["status"] == "bad"
    assert "damaged" in checks["model"]["detail"]
    done = edgepatent(
        "index", "add", designs, "--index", tmp_path / "i", "--model", bundle, status=1
    )
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
