"""Small model bundles for tests: real ONNX models that need no training."""

from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgepatent_runtime.bundle import FLOATS, GOLDEN, MODEL, Bundle, BundleInfo, digest, write_info
from edgepatent_runtime.encoder import Encoder

SIZE = 32
DIMENSIONS = 64


def tiny_model(size: int = SIZE, dimensions: int = DIMENSIONS, seed: int = 0) -> bytes:
    """Average pooling to 8×8 cells and a random projection, L2-normalised: uint8 in, as exported.

    Alike drawings get alike embeddings, which is all that a collection asks of a model.
    """
    cells = 8
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((cells * cells, dimensions)).astype(np.float32)
    constants = {
        "paper": np.array(255, np.float32),
        "scale": np.array(-1 / 255, np.float32),
        "weights": weights,
        # A blank page would have no direction.
        "bias": np.full(dimensions, 1e-3, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["drawings"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["pixels", "paper"], ["shifted"]),
        helper.make_node("Mul", ["shifted", "scale"], ["ink"]),
        helper.make_node(
            "AveragePool",
            ["ink"],
            ["cells"],
            kernel_shape=[size // cells] * 2,
            strides=[size // cells] * 2,
        ),
        helper.make_node("Flatten", ["cells"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["projected"]),
        helper.make_node("LpNormalization", ["projected"], ["embedding"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("drawings", TensorProto.UINT8, ["n", 1, size, size])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", dimensions])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_tiny_bundle(
    folder: Path, *, size: int = SIZE, dimensions: int = DIMENSIONS, seed: int = 0
) -> Bundle:
    """Write a bundle with `tiny_model` into ``folder``, golden drawings included."""
    folder.mkdir(parents=True, exist_ok=True)
    model = tiny_model(size, dimensions, seed)
    (folder / MODEL).write_bytes(model)
    info = BundleInfo(
        format=1,
        name=f"tiny-{seed}",
        space=digest(model),
        size=size,
        dimensions=dimensions,
        precision="fp32",
        target="portable",
        backbone="tiny",
        created="2026-01-01",
        versions={},
        files={},
    )
    write_info(folder, info)
    drawings = np.full((4, 1, size, size), 255, np.uint8)
    for number, drawing in enumerate(drawings):
        drawing[0, number * 4 : size - 4, 4 : size - number * 4] = 0
    embeddings = Encoder(Bundle(folder)).encode(drawings)
    np.savez(folder / GOLDEN, drawings=drawings, embeddings=embeddings)
    write_info(folder, info)
    return Bundle(folder)


def with_floats(folder: Path, **changed: object) -> Bundle:
    """The tiny bundle in ``folder`` as one in 8 bits (in name) that has floats beside it."""
    bundle = Bundle(folder)
    (folder / FLOATS).write_bytes(bundle.read(MODEL))
    fields = {"precision": "int8", "also": {"fp32": str(FLOATS)}, **changed}
    write_info(folder, msgspec.structs.replace(bundle.info, **fields))
    return Bundle(folder)
