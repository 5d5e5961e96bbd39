from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from edgepatent_runtime.errors import RecipeError, TrainingError
from edgepatent_train.backbone import build_backbone, features, fold_to_paper_zero
from edgepatent_train.checkpoint import save_weights
from edgepatent_train.model import build_model
from edgepatent_train.recipe import ModelRecipe, Recipe
from edgepatent_train.recipe_file import load_recipe
from edgepatent_train.run import without_weights

LITE0 = "weights/tf_efficientnet_lite0.in1k_int8deq_nohead.safetensors"


def rgb_input(pixels: torch.Tensor, backbone: nn.Module) -> torch.Tensor:
    """What an ImageNet network is fed: three equal channels, normalised."""
    config = backbone.pretrained_cfg
    assert isinstance(config, dict)
    mean = torch.tensor(config["mean"]).view(1, 3, 1, 1)
    std = torch.tensor(config["std"]).view(1, 3, 1, 1)
    return (pixels.expand(-1, 3, -1, -1) / 255 - mean) / std


@pytest.mark.parametrize("name", ["test_efficientnet", "mobilenetv3_small_050", "test_vit"])
def test_folding_changes_no_response_inside_the_sheet(name: str) -> None:
    """The first convolution and its norm, away from the border, to rounding."""
    torch.manual_seed(0)
    backbone = timm.create_model(name, num_classes=0).eval()
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_()
    seen: list[torch.Tensor] = []
    norms = (nn.BatchNorm2d, nn.Linear)
    after = next((m for m in backbone.modules() if isinstance(m, norms)), None)
    first = next(m for m in backbone.modules() if isinstance(m, nn.Conv2d))
    watched = after if isinstance(after, nn.BatchNorm2d) else first
    watched.register_forward_hook(lambda *args: seen.append(args[2]))
    size = backbone.pretrained_cfg["input_size"][-1]
    pixels = torch.randint(0, 256, (2, 1, size, size)).float()
    with torch.no_grad():
        backbone(rgb_input(pixels, backbone))
        fold_to_paper_zero(backbone)
        backbone((pixels - 255) / 255)
    before, folded = (maps[..., 1:-1, 1:-1] for maps in seen)
    assert torch.allclose(before, folded, atol=1e-4)


def test_white_paper_looks_the_same_up_to_the_border() -> None:
    """Zero padding is paper: a blank sheet gives one response everywhere."""
    recipe = ModelRecipe("test_efficientnet", size=64)
    backbone = build_backbone(recipe).eval()
    with torch.no_grad():
        maps = backbone.bn1(backbone.conv_stem(torch.zeros(1, 1, 64, 64)))
    assert torch.allclose(maps, maps[..., :1, :1].expand_as(maps), atol=1e-6)


def test_real_weights_load_and_a_network_of_another_name_is_refused(shared: Path) -> None:
    build_backbone(ModelRecipe("tf_efficientnet_lite0", weights=str(shared / LITE0)))
    with pytest.raises(TrainingError, match=r"lack|another shape"):
        build_backbone(ModelRecipe("mobilenetv2_100", weights=str(shared / LITE0)))


def test_all_weights_at_hand_load(shared: Path) -> None:
    for name in ("mobilenetv2_100", "tf_mobilenetv3_small_100"):
        (file,) = (shared / "weights").glob(f"{name}.*")
        assert build_backbone(ModelRecipe(name, weights=str(file))).num_features in (576, 1280)


def test_bad_weights_are_one_line(tmp_path: Path) -> None:
    recipe = ModelRecipe("test_efficientnet", weights=str(tmp_path / "none.safetensors"))
    with pytest.raises(TrainingError, match="cannot be read"):
        build_backbone(recipe)
    (tmp_path / "none.safetensors").write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="cannot be read"):
        build_backbone(recipe)


def test_a_timm_name_that_does_not_exist_suggests_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"did you mean mobilevit_xxs\?"):
        build_backbone(ModelRecipe("mobilvit_xxs"))


@pytest.mark.parametrize("pool", ["native", "avg"])
def test_a_size_that_the_backbone_cannot_take_is_one_line(pool: str) -> None:
    with pytest.raises(RecipeError, match="timm cannot make test_vit at 100 pixels"):
        build_model(Recipe(ModelRecipe("test_vit", size=100, pool=pool)))


@pytest.mark.parametrize("name", ["mobilevit_xxs", "efficientnet_b0", "mobilevitv2_050"])
def test_edge_variants_hold_nothing_that_int8_cannot_fuse(name: str) -> None:
    kinds = {type(m).__name__ for m in build_model(load_recipe(f"{name}-edge")).modules()}
    assert not kinds & {"SiLU", "Hardswish", "GELU", "SqueezeExcite", "SEModule", "Sigmoid"}
    assert "ReLU" in kinds


@pytest.mark.parametrize(
    ("name", "pool"),
    [
        ("test_efficientnet", "gem"),
        ("test_efficientnet", "avg"),
        ("test_efficientnet", "native"),
        ("mobilenetv4_conv_small_050", "gem"),
        ("mobilenetv4_conv_small_050", "native"),
        ("test_vit", "native"),
        ("test_vit", "avg"),
        ("test_byobnet", "gem"),
        ("test_convnext", "gem"),
        ("fastvit_mci0", "gem"),
        ("swin_tiny_patch4_window7_224", "gem"),
    ],
)
def test_any_timm_image_tower_is_a_backbone(name: str, pool: str) -> None:
    """Every parameter takes part: an unused one would stall several processes."""
    size = 64 if "swin" not in name else 224
    recipe = Recipe(ModelRecipe(name, size=size, dimensions=8, pool=pool))  # type: ignore[arg-type]
    model = build_model(recipe)
    z = model(torch.randint(0, 256, (2, 1, size, size), dtype=torch.uint8))
    assert z.shape == (2, 8)
    assert torch.allclose(z.norm(dim=1), torch.ones(2))
    (z * torch.randn(2, 8)).sum().backward()
    unused = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert unused == []


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit"])
def test_a_trained_network_is_rebuilt_without_its_first_weights(name: str, tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    size = timm.get_pretrained_cfg(name).input_size[-1]
    save_file(timm.create_model(name).state_dict(), file)
    recipe = Recipe(ModelRecipe(name, size=size, weights=str(file), pool="native"))
    trained = build_model(recipe)
    empty = build_model(without_weights(recipe))
    empty.load_state_dict(trained.state_dict())
    x = torch.randint(0, 256, (1, 1, size, size), dtype=torch.uint8)
    assert torch.equal(trained.eval()(x), empty.eval()(x))


def test_same_recipe_same_weights() -> None:
    recipe = Recipe(ModelRecipe("test_efficientnet"), seed=3)
    first, second = build_model(recipe).state_dict(), build_model(recipe).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_feature_maps_are_channels_first_for_every_layout() -> None:
    for name in ("test_efficientnet", "test_vit"):
        size = timm.get_pretrained_cfg(name).input_size[-1]
        backbone = build_backbone(ModelRecipe(name, size=size)).eval()
        (maps,) = features(backbone, torch.zeros(1, 1, size, size))
        assert maps.shape[1] == backbone.num_features


def test_tapped_maps_come_beside_the_last_ones_in_two_halves() -> None:
    recipe = ModelRecipe("test_efficientnet", size=64, taps=("blocks.1", "blocks.0"), dimensions=8)
    backbone = build_backbone(recipe).eval()
    x = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        last, second, first = features(backbone, x, recipe.taps)
        plain = backbone.blocks[0](backbone.bn1(backbone.conv_stem(x)))
        assert torch.equal(last, features(backbone, x)[0])
        assert torch.allclose(first[:, : plain.shape[1]] - first[:, plain.shape[1] :], plain)
        assert first.min() >= 0
        assert second.shape[1] == 2 * backbone.blocks[1](plain).shape[1]
    model = build_model(Recipe(recipe))
    assert model.widths == (last.shape[1], second.shape[1], first.shape[1])
    assert model(torch.randint(0, 256, (2, 1, 64, 64), dtype=torch.uint8)).shape == (2, 8)


def test_a_tap_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"did you mean blocks\.1"):
        build_model(Recipe(ModelRecipe("test_efficientnet", size=64, taps=("block.1",))))


def test_a_run_gives_its_backbone_to_the_next_at_another_size(tmp_path: Path) -> None:
    earlier = build_model(Recipe(ModelRecipe("test_efficientnet", size=64, activation="relu")))
    save_weights(tmp_path / "model.safetensors", earlier.state_dict())
    recipe = ModelRecipe(
        "test_efficientnet", size=96, activation="relu", weights=str(tmp_path), dimensions=8
    )
    later = build_model(Recipe(recipe, seed=1))
    x = torch.randn(2, 1, 96, 96)
    for model in (earlier, later):
        model.eval()
    assert torch.equal(earlier.backbone(x), later.backbone(x))


def test_several_runs_give_the_mean_of_their_backbones(tmp_path: Path) -> None:
    states = []
    for seed in range(3):
        model = build_model(Recipe(ModelRecipe("test_efficientnet", size=64), seed=seed))
        (tmp_path / str(seed)).mkdir()
        save_weights(tmp_path / str(seed) / "model.safetensors", model.state_dict())
        states.append(model.backbone.state_dict())
    runs = tuple(str(tmp_path / str(seed)) for seed in range(3))
    mean = build_backbone(ModelRecipe("test_efficientnet", size=64, weights=runs)).state_dict()
    for name, value in mean.items():
        if value.is_floating_point():
            each = torch.stack([state[name] for state in states])
            assert torch.allclose(value, each.mean(0), atol=1e-6), name
    # Three random networks differ, or the mean would say nothing.
    assert not torch.allclose(states[0]["conv_stem.weight"], mean["conv_stem.weight"], atol=1e-3)


def test_only_runs_are_averaged(tmp_path: Path) -> None:
    weights = (str(tmp_path), str(tmp_path / "w.safetensors"))
    with pytest.raises(RecipeError, match="only runs can be averaged"):
        build_backbone(ModelRecipe("test_efficientnet", size=64, weights=weights))


def test_a_folder_that_is_no_run_gives_no_weights(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"model\.safetensors cannot be read"):
        build_backbone(ModelRecipe("test_efficientnet", size=64, weights=str(tmp_path)))
