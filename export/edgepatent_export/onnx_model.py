"""A trained network as one ONNX model: uint8 drawings in, unit-length embeddings out.

What can be folded is folded: BatchNorm into the convolutions, the input's scale into the first of
them, the axes that order the dimensions into the last linear layer. White paper enters the
first convolution as zero, so that its zero padding continues the sheet.
"""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from edgepatent_export.simplify import simplify
from edgepatent_runtime.encoder import open_session
from edgepatent_runtime.errors import ExportError
from edgepatent_train.model import DrawingEncoder, UnitParts

INPUT = "drawings"
OUTPUT = "embedding"
OPSET = 20
# The newest that onnxruntime 1.18 reads.
IR_VERSION = 10
# Between torch and onnxruntime in float32 nothing but rounding may differ.
SAME = 0.99999

Matrix = npt.NDArray[np.float32]


class _Exported(nn.Module):
    """The encoder as it is traced: ordered head, and a normalisation of a few plain operators."""

    def __init__(self, model: DrawingEncoder, axes: Matrix | None) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval().to(memory_format=torch.contiguous_format)
        if axes is not None:
            fold_axes(self.model.head, axes)
            if isinstance(self.model.unit, UnitParts):
                self.model.unit.kin.copy_(
                    torch.from_numpy(turned(axes, self.model.unit.kin.numpy()))
                )

    def forward(self, drawings: Tensor) -> Tensor:
        z: Tensor = self.model.head(self.model.features(drawings))
        if isinstance(self.model.unit, UnitParts):
            parts: Tensor = self.model.unit(z)
            return parts
        return z / z.square().sum(1, keepdim=True).sqrt().clamp_min(1e-12)


def fold_axes(head: nn.Linear, axes: Matrix) -> None:
    """Replace Wx + b by R(Wx + b), in place. ``axes`` R is [D, D] and orthonormal."""
    matrix = torch.from_numpy(axes.astype(np.float64))
    with torch.no_grad():
        head.weight.copy_((matrix @ head.weight.double()).float())
        if head.bias is not None:
            head.bias.copy_((matrix @ head.bias.double()).float())


def turned(axes: Matrix, kin: Matrix) -> Matrix:
    """``kin`` [D], 1 where a dimension is kin's, for embeddings turned to ``axes`` of one part."""
    share: Matrix = np.rint(np.square(axes) @ kin).astype(np.float32)
    return share


def to_onnx(model: DrawingEncoder, size: int, axes: Matrix | None = None) -> onnx.ModelProto:
    """Export ``model`` for drawings uint8 [N, 1, size, size], any N → float32 [N, D].

    Raises `ExportError` where torch cannot export the network, or where the model does not give
    what the network gives.
    """
    exported = _Exported(model, axes)
    traced = copy.deepcopy(exported)
    simplify(traced)
    sample = torch.from_numpy(_noise(2, size))
    try:
        with _quiet():
            program = torch.onnx.export(
                traced,
                (sample,),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim("N")},),
                verbose=False,
            )
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ExportError(f"torch cannot export this network to ONNX: {reason}") from error
    assert program is not None
    proto = program.model_proto
    fold_input_scale(proto)
    tidy(proto)
    give_biases(proto)
    onnx.checker.check_model(proto)
    compare(proto, exported, size)
    return proto


def compare(proto: onnx.ModelProto, network: nn.Module, size: int) -> None:
    """Raise `ExportError` unless ``proto`` gives what ``network`` gives, one drawing or seven."""
    session = open_session(proto.SerializeToString())
    for count in (1, 7):
        drawings = _noise(count, size)
        with torch.no_grad():
            expected = network(torch.from_numpy(drawings)).numpy()
        got = session.run([OUTPUT], {INPUT: drawings})[0]
        cosine = float((expected * got).sum(1).min()) if got.shape == expected.shape else -1.0
        if not cosine >= SAME:
            raise ExportError(
                f"the exported model differs from the network (cosine {cosine:.5f} for a batch of "
                f"{count}): this backbone cannot be exported, choose another"
            )


def fold_input_scale(proto: onnx.ModelProto) -> None:
    """Turn (pixel − 255) → Mul c → Conv W into (pixel − 255) → Conv cW, in place.

    The input of the first convolution is then the drawing itself, less 255: a quantised tensor
    of scale 1 and zero point 255. A network that begins otherwise is left as it is.
    """
    values = {i.name: i for i in proto.graph.initializer}
    users = consumers(proto)
    conv = next((node for node in proto.graph.node if node.op_type == "Conv"), None)
    mul = next((node for node in proto.graph.node if conv and conv.input[0] in node.output), None)
    if conv is None or mul is None or mul.op_type != "Mul" or len(users[mul.output[0]]) > 1:
        return
    factor = next((values[name] for name in mul.input if name in values), None)
    weight = values.get(conv.input[1])
    if factor is None or weight is None or numpy_helper.to_array(factor).size != 1:
        return
    scaled = numpy_helper.to_array(weight) * np.float32(numpy_helper.to_array(factor).item())
    weight.CopyFrom(numpy_helper.from_array(scaled, weight.name))
    conv.input[0] = next(name for name in mul.input if name not in values)
    proto.graph.node.remove(mul)


def tidy(proto: onnx.ModelProto) -> None:
    """Drop what the exporter only notes down, and give every node a name one can read.

    A node with weights is called after them ("backbone.blocks.2.0.conv_pw"), others after their
    type and place. Unused initializers go.
    """
    body = proto.graph
    used = {name for node in body.node for name in node.input}
    for value in [value for value in body.initializer if value.name not in used]:
        body.initializer.remove(value)
    weights = {value.name for value in body.initializer}
    taken: set[str] = set()
    for place, node in enumerate(body.node):
        name = f"{node.op_type}_{place}"
        if len(node.input) > 1 and node.input[1] in weights and node.input[1].endswith(".weight"):
            name = node.input[1].removesuffix(".weight").removeprefix("model.")
        node.name = name if name not in taken else f"{name}_{place}"
        taken.add(node.name)
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    for value in (*body.input, *body.output, *body.initializer):
        value.ClearField("doc_string")
        value.ClearField("metadata_props")
    body.ClearField("value_info")
    body.ClearField("metadata_props")
    body.name = "edgepatent"
    proto.ClearField("metadata_props")
    proto.ClearField("functions")
    proto.producer_name = "edgepatent"
    proto.producer_version = ""
    proto.ir_version = IR_VERSION


def give_biases(proto: onnx.ModelProto) -> None:
    """Add a bias of zeros to every convolution without one, in place: repairs need it."""
    values = weights_of(proto)
    for node in proto.graph.node:
        if node.op_type == "Conv" and len(node.input) == 2:
            bias = np.zeros(len(values[node.input[1]]), np.float32)
            node.input.append(f"{node.name}.bias")
            proto.graph.initializer.append(numpy_helper.from_array(bias, node.input[2]))


def consumers(proto: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """Which nodes read each tensor."""
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in proto.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    return users


def weights_of(proto: onnx.ModelProto) -> dict[str, npt.NDArray[np.float32]]:
    """Every initializer by name."""
    return {value.name: numpy_helper.to_array(value) for value in proto.graph.initializer}


def _noise(count: int, size: int) -> npt.NDArray[np.uint8]:
    """Drawings that no layer can ignore: random grey, the same every time."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, 1, size, size), dtype=np.uint8)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let torch's exporter work without telling the user about its internals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
