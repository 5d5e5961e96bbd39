import base64

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgepatent_runtime import encoder
from edgepatent_runtime.bundle import MODEL, Bundle
from edgepatent_runtime.encoder import Encoder, saturates
from edgepatent_runtime.errors import BundleError, InputError

SIZE = 32


@pytest.fixture
def bundle(tmp_path) -> Bundle:
    return write(tmp_path / "bundle", model())


def model() -> bytes:
    """The mean and the first pixel of each drawing: enough to see what came in."""
    nodes = [
        helper.make_node("Cast", ["drawings"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["z"]),
        helper.make_node("LpNormalization", ["z"], ["embedding"], axis=1, p=2),
    ]
    weights = np.zeros((SIZE * SIZE, 2), np.float32)
    weights[:, 0] = 1 / SIZE**2
    weights[0, 1] = 1
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("drawings", TensorProto.UINT8, ["n", 1, SIZE, SIZE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 2])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def write(folder, content: bytes) -> Bundle:
    from edgepatent_runtime.bundle import BundleInfo, write_info

    folder.mkdir()
    (folder / MODEL).write_bytes(content)
    info = BundleInfo(
        format=1, name="x", space="s", size=SIZE, dimensions=2, precision="fp32",
        target="portable", backbone="none", created="", versions={}, files={},
    )  # fmt: skip
    write_info(folder, info)
    return Bundle(folder)


def test_any_number_of_drawings_in_any_batch(bundle: Bundle) -> None:
    drawings = np.random.default_rng(0).integers(0, 256, (7, SIZE, SIZE), dtype=np.uint8)
    expected = np.stack([drawings.mean((1, 2)), drawings[:, 0, 0]], 1)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    opened = Encoder(bundle)
    for batch in (1, 3, 16):
        np.testing.assert_allclose(opened.encode(drawings, batch=batch), expected, rtol=1e-5)
    np.testing.assert_array_equal(opened.encode(drawings[:, None]), opened.encode(drawings))
    assert opened.encode(drawings[:0]).shape == (0, 2)


def test_strided_drawings_are_taken(bundle: Bundle) -> None:
    drawings = np.random.default_rng(0).integers(0, 256, (4, SIZE, 2 * SIZE), dtype=np.uint8)
    halves = drawings[:, :, ::2]
    opened = Encoder(bundle)
    np.testing.assert_array_equal(opened.encode(halves), opened.encode(halves.copy()))


@pytest.mark.parametrize(
    "drawings",
    [
        np.zeros((1, 1, SIZE, SIZE), np.float32),
        np.zeros((1, 1, SIZE, SIZE + 1), np.uint8),
        np.zeros((1, 3, SIZE, SIZE), np.uint8),
        np.zeros((SIZE, SIZE), np.uint8),
    ],
)
def test_other_shapes_are_named(bundle: Bundle, drawings: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"uint8 drawings \[N,1,32,32\]"):
        Encoder(bundle).encode(drawings)


def test_a_changed_byte_is_found_before_the_model_runs(bundle: Bundle) -> None:
    content = bytearray((bundle.folder / MODEL).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle.folder / MODEL).write_bytes(content)
    with pytest.raises(BundleError, match="damaged"):
        Encoder(Bundle(bundle.folder))


def test_what_is_no_model_is_named(tmp_path) -> None:
    with pytest.raises(BundleError, match="its model is refused: it is no ONNX model"):
        Encoder(write(tmp_path / "other", b"no model"))


def test_the_probe_is_what_its_comment_says() -> None:
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node],
        "p",
        [
            helper.make_tensor_value_info("x", TensorProto.UINT8, [4, 16]),
            helper.make_tensor_value_info("w", TensorProto.INT8, [16, 16]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [4, 16])],
    )
    probe = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    assert base64.b85decode(encoder._PROBE) == probe.SerializeToString()
    assert isinstance(saturates(), bool)


def test_exact_kernels_are_asked_for_only_where_fast_ones_overflow(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    original = encoder.onnxruntime.InferenceSession

    def spy(content: bytes, options: object, **rest: object) -> object:
        try:
            asked.append(options.get_session_config_entry("session.x64quantprecision"))  # type: ignore[attr-defined]
        except RuntimeError:
            asked.append(None)
        return original(content, options, **rest)

    content = bundle.read(MODEL)
    monkeypatch.setattr(encoder.onnxruntime, "InferenceSession", spy)
    for overflow, wide, expected in (
        (True, True, "1"),
        (False, True, None),
        (True, False, None),
    ):
        monkeypatch.setattr(encoder, "saturates", lambda value=overflow: value)
        encoder.open_session(content, overflows=wide)
        assert asked[-1] == expected


def test_telemetry_is_off_whatever_the_environment_says() -> None:
    import os
    import subprocess
    import sys

    code = (
        "import os; os.environ['ORT_DISABLE_TELEMETRY'] = '0'; "
        "import edgepatent_runtime.encoder; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert done.stdout.strip() == "1"


def test_what_computes_must_be_there(bundle: Bundle) -> None:
    with pytest.raises(InputError, match=r"has no NoExecutionProvider here, .* onnxruntime-gpu"):
        Encoder(bundle, provider="NoExecutionProvider")
    assert Encoder(bundle, provider=encoder.CPU).precision == "fp32"


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_what_computes_must_start_and_nothing_else_takes_its_place(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime-gpu without its libraries names CUDA among what it has, and takes the CPU."""
    monkeypatch.setattr(
        encoder.onnxruntime, "get_available_providers", lambda: [encoder.CUDA, encoder.CPU]
    )
    if encoder.CUDA in encoder.onnxruntime.capi._pybind_state.get_available_providers():
        pytest.skip("there may be a GPU")
    with pytest.raises(InputError, match=r"CUDAExecutionProvider of onnxruntime .* does not start"):
        Encoder(bundle, provider=encoder.CUDA)
