import json
from pathlib import Path

import pytest

from edgepatent_export import certify

RECIPE = """
[model]
backbone = "test_efficientnet"
size = 64
dimensions = 16
activation = "relu"
squeeze_excite = false
head = "whitened"
whiten_power = 0.0

[optimizer]
epochs = 0

[evaluation]
holdout = 0.0
"""
DATA = "synthetic:designs=24,views=2,seed=31"
EXAM = "synthetic:designs=20,views=2,seed=32"


@pytest.fixture(scope="module")
def run(edgepatent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    (folder / "recipe.toml").write_text(RECIPE)
    edgepatent(
        "train", "--data", DATA, "--recipe", folder / "recipe.toml", "--out", folder / "run",
        "--epochs", "0",
    )  # fmt: skip
    return folder / "run"


def test_a_program_of_its_own_writes_a_bundle(process, run: Path, tmp_path: Path) -> None:
    done = process("export", run, "--data", DATA, "--out", tmp_path / "bundle", "--json")
    assert json.loads(done.stdout)["precision"] == "fp32"
    assert (tmp_path / "bundle" / "model.onnx").is_file()


def test_run_to_int8_bundle_to_embedding(
    edgepatent, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A network this small takes .3 ms either way: which is faster is not for the clock to say here.
    times = [certify.Latency(2.0, 2.5), certify.Latency(1.0, 1.5)]
    monkeypatch.setattr(certify, "interleaved_latency", lambda models, drawing: times)
    out = tmp_path / "bundle"
    done = edgepatent(
        "export", run, "--int8", "--data", DATA, "--evaluate", EXAM, "--max-drop", "1",
        "--out", out, "--json",
    )  # fmt: skip
    info = json.loads(done.stdout)
    assert info["precision"] == "int8"
    assert info["certificate"]["accepted"]
    assert info["certificate"]["evaluation"]["drawings"] == 40
    assert {p.name for p in out.iterdir()} == {
        "bundle.json",
        "model.onnx",
        "golden.npz",
        "MODEL_CARD.md",
        "seen.npz",
    }
    assert "200 or more" in done.stderr  # 48 drawings to calibrate on


def test_refusal_is_one_line_and_leaves_nothing(edgepatent, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    done = edgepatent(
        "export", run, "--int8", "--data", "synthetic:designs=3,views=1,seed=5",
        "--evaluate", EXAM, "--out", out, status=1,
    )  # fmt: skip
    assert "at least 16 different drawings" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_one_line_each(edgepatent, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    done = edgepatent("export", tmp_path / "missing", "--out", out, status=1)
    assert "is no training run" in done.stderr
    (tmp_path / "model.onnx").write_bytes(b"")
    done = edgepatent("export", tmp_path / "model.onnx", "--out", out, status=1)
    assert "is an exported model" in done.stderr
    assert not out.exists()
