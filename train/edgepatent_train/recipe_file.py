"""Recipes as text: TOML in, typed settings out, every mistake named.

A recipe is a TOML file whose tables are the structures of `recipe`. ``extends = "NAME"`` takes the
settings of another recipe (one that comes with the package, or a file beside this one) and
overrides some of them. ``load_recipe`` gives a `Recipe`; ``dump_recipe`` writes all settings back,
so that a run folder says everything that made it.
"""

import re
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from edgepatent_runtime.errors import RecipeError
from edgepatent_train.recipe import Recipe, SourceRecipe


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    folder = resources.files("edgepatent_train") / "recipes"
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".toml"))


def load_recipe(name: str | Path) -> Recipe:
    """Read a recipe by its name, or from a TOML file.

    Raises `RecipeError` for a name that does not exist, text that is no TOML, an unknown key
    (naming the nearest known one) or a value of the wrong type or range.
    """
    return parse_recipe(_read(str(name), Path(), ()), str(name))


def parse_recipe(settings: dict[str, Any], where: str) -> Recipe:
    """Settings as TOML gives them → `Recipe`. ``where`` names their origin in errors."""
    _refuse_unknown(Recipe, settings, where, "")
    try:
        recipe = msgspec.convert(settings, Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(f"recipe {where}: {error}") from error
    _refuse_nonsense(recipe, where)
    return recipe


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as TOML with every setting written out."""
    return tomli_w.dumps(msgspec.to_builtins(recipe))


def override(
    recipe: Recipe,
    *,
    loss: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    weights: Sequence[str] = (),
    teachers: Sequence[str] = (),
) -> Recipe:
    """The recipe with what the command line says instead, where it says something."""
    changes: dict[str, Any] = {
        "loss": {} if loss is None else {"name": loss},
        "optimizer": {} if epochs is None else {"epochs": epochs},
        "model": {"weights": weights[0] if len(weights) == 1 else list(weights)} if weights else {},
        "distill": {"teachers": list(teachers)} if teachers else {},
    }
    if seed is not None:
        changes["seed"] = seed
    return parse_recipe(merge(msgspec.to_builtins(recipe), changes), "with overrides")


def _read(name: str, beside: Path, seen: tuple[str, ...]) -> dict[str, Any]:
    """The merged settings of a recipe and those that it extends."""
    if name in seen:
        raise RecipeError(f"recipe {seen[0]} extends itself through {' → '.join([*seen, name])}")
    packaged = resources.files("edgepatent_train") / "recipes" / f"{name}.toml"
    file = beside / name
    try:
        if name in recipe_names():
            text, folder = packaged.read_text("utf-8"), beside
        else:
            text, folder = file.read_text("utf-8"), file.parent
    except FileNotFoundError:
        raise RecipeError(
            f"no recipe {name!r}: {_nearest(name, recipe_names())} or give a TOML file"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe {name} cannot be read: {error}") from error
    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"recipe {name} is no TOML: {error}") from error
    base = settings.pop("extends", None)
    if base is None:
        return settings
    if not isinstance(base, str):
        raise RecipeError(f"recipe {name}: extends must name one recipe")
    return merge(_read(base, folder, (*seen, name)), settings)


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Settings ``base`` with ``changes``, table by table."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            value = merge(old, value)
        merged[key] = value
    return merged


def _refuse_unknown(struct: type, settings: dict[str, Any], where: str, table: str) -> None:
    """Raise for the first key that ``struct`` does not have, naming the nearest one."""
    known = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for key, value in settings.items():
        if key not in known:
            keys = [*known, "extends"] if not table else list(known)
            raise RecipeError(f"recipe {where}: unknown key {table}{key}: {_nearest(key, keys)}")
        inner = known[key]
        if inner == tuple[SourceRecipe, ...] and isinstance(value, list):
            for each in value:
                if isinstance(each, dict):
                    _refuse_unknown(SourceRecipe, each, where, f"{key}.")
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            if not isinstance(value, dict):
                raise RecipeError(f"recipe {where}: {table}{key} must be a table")
            _refuse_unknown(inner, value, where, f"{table}{key}.")


def _refuse_nonsense(recipe: Recipe, where: str) -> None:
    """Raise for values that have the right type and still make no sense."""
    model, loss, sampler = recipe.model, recipe.loss, recipe.sampler
    optimizer, evaluation, distill = recipe.optimizer, recipe.evaluation, recipe.distill
    probabilities = msgspec.structs.asdict(recipe.augment)
    checks: list[tuple[bool, str]] = [
        (model.size >= 32, "model.size must be at least 32 pixels"),
        (model.dimensions >= 1, "model.dimensions must be at least 1"),
        (model.gem_p > 0, "model.gem_p must be positive"),
        (not (model.taps and model.pool == "native"), "model.taps needs pool gem or avg"),
        *_pyramid_checks(recipe),
        (0 <= model.drop_path < 1, "model.drop_path must be in [0, 1)"),
        (loss.tau > 0, "loss.tau must be positive"),
        (min(loss.taus, default=1.0) > 0, "loss.taus must be positive"),
        (
            len(loss.scores) in (3, 4),
            "loss.scores must be three (patent, subclass, class) or four (with name, second)",
        ),
        (
            min(loss.scores, default=-1) >= 0 and max(loss.scores) > 0,
            "loss.scores must be ≥ 0, one above 0",
        ),
        (
            not loss.taus or (len(loss.taus) == len(loss.scores) and loss.normalise == "apart"),
            'loss.taus needs one for each score, and normalise = "apart"',
        ),
        (loss.level in loss.levels, "loss.level name needs four loss.scores"),
        (
            all(1 <= p < model.dimensions for p in loss.prefixes),
            "loss.prefixes must be smaller than model.dimensions",
        ),
        (
            0 <= recipe.kin.dimensions < model.dimensions,
            "kin.dimensions must leave some of model.dimensions to twins",
        ),
        (0 <= recipe.kin.weight <= 1, "kin.weight must be in [0, 1]"),
        (
            min(recipe.kin.ridge, *recipe.kin.labels.values()) >= 0,
            "kin.ridge and kin.labels must be at least 0",
        ),
        (
            optimizer.freeze >= 0 and (not optimizer.freeze or optimizer.freeze_bn),
            "optimizer.freeze must be at least 0, and needs freeze_bn = true",
        ),
        (
            min(sampler.classes, sampler.subclasses, sampler.patents, sampler.views) >= 1,
            "sampler counts must be at least 1",
        ),
        (sampler.batch >= 2, "sampler must give batches of at least 2 drawings"),
        (sampler.views_cap >= sampler.views, "sampler.views_cap must be at least sampler.views"),
        (
            len({source.name for source in recipe.sources}) == len(recipe.sources)
            and all(re.fullmatch(r"[\w-]+", source.name) for source in recipe.sources),
            "sources need names of letters, digits, - and _, each its own",
        ),
        (
            all(s.share > 0 and s.loss >= 0 and s.views >= 0 for s in recipe.sources),
            "sources need a share above 0, loss and views at least 0",
        ),
        (
            all(0 <= value <= 1 for value in probabilities.values()),
            "augment settings must be in [0, 1]",
        ),
        (optimizer.epochs >= 0, "optimizer.epochs must be at least 0"),
        (optimizer.epoch_steps >= 0, "optimizer.epoch_steps must be at least 0"),
        (min(optimizer.sizes, default=32) >= 32, "optimizer.sizes must be at least 32 pixels"),
        (
            not optimizer.epochs or optimizer.epochs >= len(optimizer.sizes),
            "optimizer.sizes need an epoch each",
        ),
        (optimizer.lr > 0, "optimizer.lr must be positive"),
        (0 <= optimizer.ema < 1, "optimizer.ema must be in [0, 1)"),
        (0 <= optimizer.warmup < 1, "optimizer.warmup must be a share of the steps in [0, 1)"),
        (0 < optimizer.layer_decay <= 1, "optimizer.layer_decay must be in (0, 1]"),
        (0 < optimizer.interpolate <= 1, "optimizer.interpolate must be in (0, 1]"),
        (
            optimizer.backbone_lr >= 0 and optimizer.l2sp >= 0 and optimizer.clip >= 0,
            "optimizer.backbone_lr, l2sp and clip must be at least 0",
        ),
        (
            optimizer.micro_batch >= 0 and optimizer.workers >= 0,
            "optimizer.micro_batch and workers must be at least 0",
        ),
        (0 <= evaluation.holdout < 1, "evaluation.holdout must be in [0, 1)"),
        (
            min(distill.labels, distill.regression, distill.relation, distill.queue) >= 0
            and distill.labels + distill.regression + distill.relation > 0,
            "distill weights and queue must be at least 0, one weight above 0",
        ),
        (
            distill.student_tau > 0 and distill.teacher_tau > 0,
            "distill temperatures must be positive",
        ),
        (min(distill.spaces.values(), default=0) >= 0, "distill.spaces must be at least 0"),
        (evaluation.every >= 1, "evaluation.every must be at least 1"),
        (evaluation.patience >= 0, "evaluation.patience must be at least 0"),
    ]
    for good, complaint in checks:
        if not good:
            raise RecipeError(f"recipe {where}: {complaint}")


def _pyramid_checks(recipe: Recipe) -> list[tuple[bool, str]]:
    """What must hold where the network looks at a drawing at several sizes."""
    model, sizes = recipe.model, recipe.optimizer.sizes
    if not model.pyramid:
        return []
    return [
        (model.pool != "native", "model.pyramid needs pool gem or avg"),
        (
            all(side >= 32 and side % 32 == 0 for side in model.sides),
            "model.size and model.pyramid must be multiples of 32 pixels",
        ),
        (max(model.pyramid) < model.size, "model.pyramid must be smaller than model.size"),
        (
            set(sizes) <= {model.size},
            "optimizer.sizes cannot change while there is a model.pyramid",
        ),
    ]


def _nearest(name: str, known: list[str]) -> str:
    """A phrase that suggests what was meant."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
