"""A timm network as a feature extractor for drawings: one input channel, white paper is zero.

The network sees x = (pixel − 255) / 255, so that paper is 0 and the zero padding of every
convolution continues the sheet. Weights trained on RGB pictures are folded to that input exactly:
with y = BN(Σ_c W_c · (p/255 − μ_c)/σ_c) for a grey pixel p, W' = Σ_c W_c/σ_c and the constant
k = Σ_c Σ W_c · (1 − μ_c)/σ_c give the same response W'·x + k, and k moves into the BatchNorm that
follows (or the bias). Away from the border nothing changes; at the border the padding is now
paper, where it used to be the mean grey of ImageNet.
"""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models._efficientnet_blocks import SqueezeExcite
from torch import Tensor, nn

from edgepatent_runtime.errors import RecipeError, TrainingError
from edgepatent_train.recipe import ModelRecipe

WEIGHTS = "model.safetensors"  # of a run
SMOOTH_ACTIVATIONS = (nn.SiLU, nn.Hardswish, nn.GELU)
_LAYERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


def build_backbone(recipe: ModelRecipe) -> nn.Module:
    """The timm network that ``recipe`` names, without classifier, for x = (pixel − 255)/255.

    ``forward_features`` gives [N, C, H, W] (or what the network's own pooling takes), C is
    ``num_features``. Raises `RecipeError` for a name that timm does not know, `TrainingError` for
    weights that cannot be had or do not fit.
    """
    name = recipe.backbone
    if not timm.is_model(name):
        close = get_close_matches(name, timm.list_models(), n=1, cutoff=0.4)
        hint = f"did you mean {close[0]}?" if close else "see timm.list_models()"
        raise RecipeError(f"timm has no model {name!r}: {hint}")
    # An earlier run's network has one channel already; pretrained ones look at RGB.
    earlier = earlier_runs(recipe)
    channels = 3 if recipe.weights and not earlier else 1
    backbone = _create(recipe, channels)
    if recipe.pool != "native":
        x = torch.zeros(1, channels, recipe.size, recipe.size)
        try:
            _drop_unused(backbone, x)
        except (RuntimeError, AssertionError, ValueError) as error:
            raise _impossible(recipe, error) from error
    if recipe.weights and not earlier and recipe.weights != "timm":
        _load(backbone, Path(recipe.origins[0]))
    if channels == 3:
        fold_to_paper_zero(backbone)
    else:
        _input_convolutions(backbone, 1)  # the same parameters with and without weights
    if recipe.activation == "relu":
        replace(backbone, SMOOTH_ACTIVATIONS, nn.ReLU)
    if not recipe.squeeze_excite:
        replace(backbone, (SqueezeExcite, timm.layers.SEModule), nn.Identity)
    if earlier:
        _load_mean(backbone, earlier)
    return backbone


def earlier_runs(recipe: ModelRecipe) -> list[Path]:
    """The folders of the runs that ``recipe.weights`` names; none where it names none.

    Raises `RecipeError` for several origins that are not all runs.
    """
    folders = [Path(origin) for origin in recipe.origins]
    runs = [folder for folder in folders if folder.is_dir()]
    if runs != folders and len(folders) > 1:
        other = next(folder for folder in folders if not folder.is_dir())
        raise RecipeError(f"model.weights: only runs can be averaged, and {other} is none")
    return runs


def _create(recipe: ModelRecipe, channels: int) -> nn.Module:
    options: dict[str, Any] = {"in_chans": channels, "num_classes": 0}
    config = timm.get_pretrained_cfg(recipe.backbone)
    if config is not None and config.fixed_input_size:
        options["img_size"] = recipe.size
    if recipe.drop_path:
        options["drop_path_rate"] = recipe.drop_path
    if recipe.pool != "native":
        options["global_pool"] = ""
    try:
        backbone = timm.create_model(
            recipe.backbone, pretrained=recipe.weights == "timm", **options
        )
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        if recipe.weights == "timm":
            raise TrainingError(
                f"the pretrained weights of {recipe.backbone} cannot be downloaded: get the "
                f"safetensors file on another machine and give --weights FILE ({first_line(error)})"
            ) from error
        raise _impossible(recipe, error) from error
    assert isinstance(backbone, nn.Module)
    return backbone


def _impossible(recipe: ModelRecipe, error: Exception) -> RecipeError:
    return RecipeError(
        f"timm cannot make {recipe.backbone} at {recipe.size} pixels with pool {recipe.pool}: "
        f"{first_line(error)}"
    )


def first_line(error: Exception) -> str:
    """The first line of an error, without its traceback of causes."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _load(backbone: nn.Module, file: Path, prefix: str = "") -> None:
    """Load what safetensors hold under ``prefix``; only the classifier's keys may be too many."""
    try:
        every = load_file(file)
        weights = {k.removeprefix(prefix): v for k, v in every.items() if k.startswith(prefix)}
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"the weights {file} cannot be read: {first_line(error)}") from error
    own = backbone.state_dict()
    needed = {name for name in own if not name.endswith("num_batches_tracked")}
    missing = sorted(needed - set(weights))
    wrong = sorted(k for k in set(own) & set(weights) if own[k].shape != weights[k].shape)
    if missing or wrong:
        what = f"lack {missing[0]}" if missing else f"have another shape of {wrong[0]}"
        raise TrainingError(
            f"the weights {file} {what}: they are not those of a {type(backbone).__name__} "
            "of this name"
        )
    backbone.load_state_dict({k: v for k, v in weights.items() if k in own}, strict=False)


def _load_mean(backbone: nn.Module, runs: Sequence[Path]) -> None:
    """Load the mean of the backbones of some runs (Wortsman et al. 2022, uniform soup)."""
    total: dict[str, Tensor] = {}
    for run in runs:
        _load(backbone, run / WEIGHTS, "backbone.")
        for name, value in backbone.state_dict().items():
            total[name] = total.get(name, torch.zeros_like(value)) + value
    # A count of batches is whole and stays so; nothing hangs on it.
    mean = {k: v / len(runs) if v.is_floating_point() else v // len(runs) for k, v in total.items()}
    backbone.load_state_dict(mean)


@torch.no_grad()
def _drop_unused(backbone: nn.Module, x: Tensor) -> None:
    """Take out layers that come after the feature maps: we pool ourselves.

    What MobileNetV3, V4 and ConvNeXt do after pooling would never be reached, and parameters
    without a gradient stall a training on several processes.
    """
    layers = {name: m for name, m in backbone.named_modules() if [*m.parameters(recurse=False)]}
    reached: set[nn.Module] = set()
    hooks = [m.register_forward_hook(lambda m, *_: reached.add(m)) for m in layers.values()]
    training = backbone.training
    backbone.eval()
    backbone.forward_features(x)  # type: ignore[operator]
    backbone.train(training)
    for hook in hooks:
        hook.remove()
    for name, layer in layers.items():
        if name and layer not in reached:
            parent, _, child = name.rpartition(".")
            setattr(backbone.get_submodule(parent), child, nn.Identity())


def _input_convolutions(backbone: nn.Module, channels: int) -> list[tuple[nn.Conv2d, nn.Module]]:
    """The convolutions that read the picture, each with what takes up a constant after it.

    That is the BatchNorm that follows, or else the convolution itself through its bias, which is
    added where there is none. A network may have several: reparameterised blocks run side by side.
    """
    modules = list(backbone.modules())
    found: list[tuple[nn.Conv2d, nn.Module]] = []
    for at, module in enumerate(modules):
        if not (isinstance(module, nn.Conv2d) and module.in_channels == channels):
            continue
        if found and module.groups != 1:  # a depthwise convolution further in
            continue
        following = next((m for m in modules[at + 1 :] if isinstance(m, _LAYERS)), None)
        if module.bias is None and isinstance(following, nn.BatchNorm2d):
            found.append((module, following))
            continue
        if module.bias is None:
            module.bias = nn.Parameter(torch.zeros(module.out_channels))
        found.append((module, module))
    return found


def fold_to_paper_zero(backbone: nn.Module) -> None:
    """Fold three input channels and their normalisation into the first convolution, exactly."""
    config = backbone.pretrained_cfg
    assert isinstance(config, dict)
    std = torch.tensor(config["std"], dtype=torch.float64).view(1, -1, 1, 1)
    mean = torch.tensor(config["mean"], dtype=torch.float64).view(1, -1, 1, 1)
    for conv, after in _input_convolutions(backbone, 3):
        weight = conv.weight.detach().double()
        constant = (weight * (1 - mean) / std).sum((1, 2, 3)).float()
        conv.weight = nn.Parameter((weight / std).sum(1, keepdim=True).float())
        conv.in_channels = 1
        with torch.no_grad():
            if isinstance(after, nn.BatchNorm2d):
                assert after.running_mean is not None
                after.running_mean -= constant
            else:
                assert conv.bias is not None
                conv.bias += constant


def replace(module: nn.Module, kinds: tuple[type[nn.Module], ...], by: type[nn.Module]) -> None:
    """Put a ``by()`` in place of every child that is one of ``kinds``, at any depth."""
    for name, child in module.named_children():
        if isinstance(child, kinds):
            setattr(module, name, by())
        else:
            replace(child, kinds, by)


@torch.no_grad()
def feature_widths(backbone: nn.Module, recipe: ModelRecipe) -> tuple[int, ...]:
    """How many features a drawing has after pooling, the last maps' first, then each tap's.

    Found by trying. Raises `RecipeError` where the network cannot take the recipe's size, or has
    no such tap.
    """
    modules = [name for name, _ in backbone.named_modules() if name]
    for tap in recipe.taps:
        if tap not in modules:
            close = get_close_matches(tap, modules, n=1, cutoff=0.0)
            raise RecipeError(f"{recipe.backbone} has no module {tap!r}: did you mean {close[0]}?")
    x = torch.zeros(1, 1, recipe.size, recipe.size)
    training = backbone.training
    backbone.eval()
    try:
        if recipe.pool == "native":
            return (int(backbone(x).shape[1]),)
        return tuple(int(maps.shape[1]) for maps in features(backbone, x, recipe.taps))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise _impossible(recipe, error) from error
    finally:
        backbone.train(training)


def features(backbone: nn.Module, x: Tensor, taps: Sequence[str] = ()) -> list[Tensor]:
    """Feature maps [N, C, H, W] of x [N, 1, S, S], and those of the modules named by ``taps``.

    A tapped map comes as its positive and its negative part, [N, 2C, H, W]: many blocks end in a
    linear layer, and pooling wants what is not negative.
    """
    tapped: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(module: nn.Module, inputs: object, maps: Tensor) -> None:
            tapped[name] = maps

        return hook

    hooks = [backbone.get_submodule(name).register_forward_hook(keep(name)) for name in taps]
    try:
        last = _last_maps(backbone, x)
    finally:
        for hook in hooks:
            hook.remove()
    halves = [torch.cat((maps.relu(), (-maps).relu()), 1) for maps in map(tapped.__getitem__, taps)]
    return [last, *halves]


def _last_maps(backbone: nn.Module, x: Tensor) -> Tensor:
    """What the network ends in before pooling [N, C, H, W], whatever layout it has."""
    maps = backbone.forward_features(x)  # type: ignore[operator]
    assert isinstance(maps, Tensor)
    if maps.ndim == 3:  # a transformer's tokens [N, T, C], prefix tokens first
        patches = maps[:, getattr(backbone, "num_prefix_tokens", 0) :]
        return patches.transpose(1, 2).unsqueeze(-1)
    if maps.shape[1] != backbone.num_features and maps.shape[-1] == backbone.num_features:
        return maps.permute(0, 3, 1, 2)
    return maps
