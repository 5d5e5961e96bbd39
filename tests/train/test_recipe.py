from pathlib import Path

import pytest

from edgepatent_runtime.bundle import STARTERS, Bundle
from edgepatent_runtime.errors import RecipeError
from edgepatent_train.recipe_file import (
    dump_recipe,
    load_recipe,
    override,
    parse_recipe,
    recipe_names,
)

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
BACKBONES = [
    "mobilevit_xxs",
    "mobilevit_xs",
    "mobilevit_s",
    "mobilevitv2_050",
    "efficientnet_b0",
    "tf_efficientnet_lite0",
    "mobilenetv4_conv_small",
]


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_has_a_recipe_and_an_edge_variant(name: str) -> None:
    plain, edge = load_recipe(name), load_recipe(f"{name}-edge")
    assert plain.model.backbone == edge.model.backbone == name
    assert (plain.model.activation, edge.model.activation) == ("own", "relu")
    assert (plain.model.squeeze_excite, edge.model.squeeze_excite) == (True, False)


def test_all_recipes_of_the_package_and_the_repository_can_be_read() -> None:
    for name in [*recipe_names(), *map(str, RECIPES.glob("*.toml"))]:
        load_recipe(name)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_recipe_survives_being_written(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    (tmp_path / "recipe.toml").write_text(dump_recipe(recipe), "utf-8")
    assert load_recipe(tmp_path / "recipe.toml") == recipe


def test_extends_overrides_one_setting_and_keeps_the_rest(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('extends = "mobilevit_xxs"\n[loss]\ntau = 0.2\n')
    (tmp_path / "mine.toml").write_text('extends = "base.toml"\n[model]\nsize = 96\n')
    recipe = load_recipe(tmp_path / "mine.toml")
    assert (recipe.model.backbone, recipe.model.size, recipe.loss.tau) == ("mobilevit_xxs", 96, 0.2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[model]\nbackbone = 'x'\n[los]\n", r"unknown key los: did you mean loss\?"),
        ("[model]\nbackbon = 'x'", r"unknown key model.backbon: did you mean backbone\?"),
        (
            "[model]\nbackbone = 'x'\n[optimizer]\nepoch = 3",
            r"optimizer.epoch: did you mean epochs",
        ),
        ("extend = 'mobilevit_xs'", r"unknown key extend: did you mean extends\?"),
        (
            "[model]\nbackbone = 'x'\n[loss]\ntau = 'hot'",
            r"Expected `float`, got `str` - at `\$.loss",
        ),
        ("[model]\nbackbone = 'x'\n[loss]\nname = 'triplet'", r"Invalid enum value 'triplet'"),
        ("[model]\nbackbone = 'x'\n[loss]\ntau = 0.0", r"loss.tau must be positive"),
        ("[model]\nbackbone = 'x'\n[loss]\nprefixes = [256]", r"prefixes must be smaller"),
        ("[model]\nbackbone = 'x'\n[augment]\nerase = 2", r"augment settings must be in \[0, 1\]"),
        (
            "[model]\nbackbone = 'x'\nsize = 100\npyramid = [64]",
            r"model.size and model.pyramid must be multiples of 32 pixels",
        ),
        ("[model]\nbackbone = 'x'\nsize = 96\npyramid = [96]", r"pyramid must be smaller than"),
        (
            "[model]\nbackbone = 'x'\npool = 'native'\npyramid = [96]",
            r"model.pyramid needs pool gem or avg",
        ),
        (
            "[model]\nbackbone = 'x'\npyramid = [96]\n[optimizer]\nsizes = [128, 224]",
            r"optimizer.sizes cannot change while there is a model.pyramid",
        ),
        ("model = 3", r"model must be a table"),
        ("[model", r"is no TOML"),
        ("", r"Object missing required field `model`"),
        ("extends = 'self.toml'", r"extends itself"),
        ("extends = 'mobilevit_xx'", r"no recipe 'mobilevit_xx': did you mean mobilevit_xxs\?"),
        ("extends = 3", r"extends must name one recipe"),
    ],
)
def test_a_mistake_is_named(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "self.toml"
    file.write_text(text)
    with pytest.raises(RecipeError, match=says):
        load_recipe(file)


def test_a_name_that_does_not_exist_suggests_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"did you mean efficientnet_b0\?"):
        load_recipe("eficientnet_b0")


def test_overrides_leave_the_rest_alone() -> None:
    recipe = parse_recipe({"model": {"backbone": "x"}, "loss": {"tau": 0.3}}, "test")
    changed = override(recipe, loss="supcon", epochs=0, seed=7, weights=["w.safetensors"])
    assert (changed.loss.name, changed.loss.tau) == ("supcon", 0.3)
    assert (changed.optimizer.epochs, changed.seed) == (0, 7)
    assert changed.model.weights == "w.safetensors"
    assert override(recipe, weights=["a", "b"]).model.origins == ("a", "b")
    assert override(recipe) == recipe


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_is_what_its_recipe_says(name: str) -> None:
    recipe, info = load_recipe(RECIPES / f"{name}.toml"), Bundle.starter(name).info
    assert (info.backbone, info.size) == (recipe.model.backbone, recipe.model.size)
    assert info.training.get("sides", [info.size])[1:] == list(recipe.model.pyramid)
    assert len(info.parts["kin"].dimensions) == recipe.kin.dimensions
    assert info.parts["kin"].weight == pytest.approx(recipe.kin.weight)
