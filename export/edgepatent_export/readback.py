"""The backbone of a bundle, read back out of its ONNX file so that training can start from it.

A bundle holds what a device needs: BatchNorm is folded into the convolutions, and in INT8 every
weight is one of 256 values. Read back, y = W'x + b' stands in a convolution and its BatchNorm as
W', mean 0, variance 1, γ = √(1 + ε), β = b': the same function, but no statistics to train with
(``optimizer.freeze_bn``). The rounding of INT8 stays in the weights, some tenths of a percent.
"""

import re
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn

from edgepatent_runtime import onnx_rules
from edgepatent_runtime.bundle import MODEL, SEEN, Bundle, BundleInfo
from edgepatent_runtime.errors import ExportError, RecipeError
from edgepatent_train.backbone import WEIGHTS, build_backbone
from edgepatent_train.cache import cache_folder
from edgepatent_train.recipe import LossName, LossRecipe, ModelRecipe, OptimizerRecipe, Recipe
from edgepatent_train.recipe_file import dump_recipe
from edgepatent_train.run import DATA, METRICS, RECIPE, RunData

Array = npt.NDArray[np.float32]
_LAYERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


def as_run(bundle: Bundle) -> Path:
    """The folder of a run that has the backbone of ``bundle`` and says what the bundle says.

    `train --weights` takes it like any earlier run. Kept in the cache, under the name and the
    space of the bundle. Raises `ExportError` where the backbone cannot be read back.
    """
    info = bundle.info
    # The name is anybody's: only what cannot lead anywhere stays of it.
    name = re.sub(r"[^\w.-]+", "-", info.name)[:60]
    folder = cache_folder() / "bundles" / f"{name}-{bundle.files[MODEL][:12]}"
    if (folder / RECIPE).is_file():
        return folder
    backbone = read_backbone(bundle)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        weights = {f"backbone.{k}": v.contiguous() for k, v in backbone.state_dict().items()}
        save_file(weights, part / WEIGHTS)
        (part / DATA).write_bytes(msgspec.json.encode(_data(bundle)))
        steps = {"step": info.training.get("steps", 0)}
        (part / METRICS).write_bytes(msgspec.json.encode(steps) + b"\n")
        if bundle.seen is not None:
            (part / SEEN).write_bytes(bundle.seen.to_bytes())
        (part / RECIPE).write_text(dump_recipe(_recipe(info)), "utf-8")
        if not folder.exists():  # somebody else may have been faster
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def read_backbone(bundle: Bundle) -> nn.Module:
    """The timm network of ``bundle`` with its weights, for x = (pixel − 255)/255.

    Raises `ExportError` for a network that has more than convolutions with BatchNorm, or whose
    layers are not those of the bundle.
    """
    info = bundle.info
    data = bundle.read(MODEL)
    try:
        onnx_rules.require(data)
        layers = _convolutions(onnx.load_model_from_string(data))
        gates = any(".se." in name for name in layers)
        backbone = build_backbone(ModelRecipe(info.backbone, size=info.size, squeeze_excite=gates))
    except (ValueError, LookupError, RecipeError) as error:
        raise _lost(bundle, str(error)) from error
    modules = dict(backbone.named_modules())
    left = {name for name, _ in backbone.named_parameters()}
    order = [name for name, module in modules.items() if isinstance(module, _LAYERS)]
    following = dict(pairwise(order))
    for name, (weight, bias) in layers.items():
        conv = modules.get(name)
        if not isinstance(conv, nn.Conv2d) or conv.weight.shape != weight.shape:
            raise _lost(bundle, f"{info.backbone} has no layer {name} like that of the bundle")
        # The first convolution of an ONNX file takes the drawing itself, less 255.
        scale = 255.0 if conv.in_channels == 1 and conv.groups == 1 else 1.0
        conv.weight.data = torch.from_numpy(weight) * scale
        left.discard(f"{name}.weight")
        after = following.get(name, "")
        norm = modules.get(after)
        if isinstance(norm, nn.BatchNorm2d):
            _pass_on(norm, torch.from_numpy(bias))
            left -= {f"{after}.weight", f"{after}.bias"}
        else:
            conv.bias = nn.Parameter(torch.from_numpy(bias))
            left.discard(f"{name}.bias")
    if left:
        raise _lost(
            bundle, f"{info.backbone} has more than convolutions with BatchNorm ({min(left)})"
        )
    return backbone


def _lost(bundle: Bundle, why: str) -> ExportError:
    return ExportError(f"the backbone of {bundle.folder} cannot be read back: {why}")


def _pass_on(norm: nn.BatchNorm2d, bias: Tensor) -> None:
    """Let ``norm`` add ``bias`` and do nothing else."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1)
    norm.weight.data = torch.full_like(bias, float(np.sqrt(1 + norm.eps)))
    norm.bias.data = bias


def _data(bundle: Bundle) -> RunData:
    """What a bundle says of its training, as a run says it."""
    nothing = RunData(sources=[], drawings=0, patents=0, held_out=[], digest="")
    known = msgspec.to_builtins(nothing)
    told = {key: value for key, value in bundle.info.training.items() if key in known}
    try:
        return msgspec.convert({**known, **told, "held_out": []}, RunData)
    except msgspec.ValidationError as error:
        raise _lost(bundle, f"what it says of its training makes no sense: {error}") from error


def _recipe(info: BundleInfo) -> Recipe:
    """The recipe of a bundle, as far as it is known."""
    told = info.training
    names = {name: name for name in get_args(LossName)}
    return Recipe(
        model=ModelRecipe(info.backbone, size=info.size, dimensions=info.dimensions),
        loss=LossRecipe(name=names.get(told.get("loss", ""), "hierarchical")),
        optimizer=OptimizerRecipe(epochs=told.get("epochs", 0), freeze_bn=True),
        seed=told.get("seed", 0),
    )


def _convolutions(proto: onnx.ModelProto) -> dict[str, tuple[Array, Array]]:
    """Weights and biases of the backbone's convolutions, by the name of the layer, in floats."""
    constants = {i.name: i for i in proto.graph.initializer}
    makers = {out: node for node in proto.graph.node for out in node.output}

    def value(name: str) -> Array:
        if name in constants:
            found: Array = numpy_helper.to_array(constants[name]).astype(np.float32)
            return found
        node = makers.get(name)
        # Of a layer that stayed in float: stored in 8 bits, multiplied by their scale.
        if node is not None and node.op_type == "Cast":
            return value(node.input[0])
        if node is not None and node.op_type == "Mul":
            return value(node.input[0]) * value(node.input[1])
        if node is None or node.op_type != "DequantizeLinear":
            raise ValueError(f"the weight {name} is computed")
        codes, scale, *zero = (numpy_helper.to_array(constants[each]) for each in node.input)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1) if scale.ndim else 0
        shape = [-1 if d == axis else 1 for d in range(codes.ndim)] if scale.size > 1 else [1]
        offset = zero[0].astype(np.float32).reshape(shape) if zero else np.float32(0)
        return (codes.astype(np.float32) - offset) * scale.astype(np.float32).reshape(shape)

    found = {}
    for node in proto.graph.node:
        if node.op_type == "Conv" and node.name.startswith("backbone."):
            weight = value(node.input[1])
            none = np.zeros(len(weight), np.float32)
            bias = value(node.input[2]) if len(node.input) > 2 else none
            found[node.name.removeprefix("backbone.")] = (weight, bias)
    return found
