"""A run small enough to export in seconds: a tiny network with ReLU and one with every gate."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_networks import SIZE, tiny_model, tiny_recipe

from edgepatent_export.onnx_model import to_onnx
from edgepatent_runtime.encoder import Drawings
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources import load, open_source
from edgepatent_train.model import DrawingEncoder


@pytest.fixture(scope="session")
def drawings() -> Drawings:
    """60 synthetic drawings uint8 [60, 1, 64, 64]."""
    records = open_source("synthetic:designs=30,views=2,seed=11").records(Skipped())
    return np.stack([load(record.image, SIZE) for record in records])[:, None]


@pytest.fixture(scope="session")
def model(drawings: Drawings) -> DrawingEncoder:
    """ReLU and no gates: everything has an INT8 kernel."""
    return tiny_model(drawings, activation="relu", squeeze_excite=False)


@pytest.fixture(scope="session")
def proto(model: DrawingEncoder) -> onnx.ModelProto:
    return to_onnx(model, SIZE)


@pytest.fixture(scope="session")
def gated(drawings: Drawings) -> onnx.ModelProto:
    """SiLU and squeeze-excite gates, as EfficientNet comes."""
    return to_onnx(tiny_model(drawings), SIZE)


@pytest.fixture(scope="session")
def run_folder(model: DrawingEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ``model``, as training leaves it."""
    import msgspec
    from safetensors.torch import save_file

    from edgepatent_train.recipe_file import dump_recipe
    from edgepatent_train.run import RunData

    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    recipe = tiny_recipe(activation="relu", squeeze_excite=False)
    (folder / "recipe.toml").write_text(dump_recipe(recipe), "utf-8")
    data = RunData(["synthetic:designs=30,seed=11"], 60, 30, [], "0" * 64)
    (folder / "data.json").write_bytes(msgspec.json.encode(data))
    (folder / "metrics.jsonl").write_text("", "utf-8")
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    return folder
