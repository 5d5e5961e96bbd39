"""A training recipe: TOML in, typed settings out, every mistake named.

A recipe is a TOML file whose tables are the structures below. ``extends = "NAME"`` takes the
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
from typing import Any, Literal

import msgspec
import tomli_w

from edgepatent_runtime.errors import RecipeError

LossName = Literal["hierarchical", "infonce", "supcon", "himulcon"]
Level = Literal["patent", "subclass", "class"]
LossLevel = Literal["patent", "name", "subclass", "class"]


class ModelRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The network: ``backbone`` is its name in timm, ``size`` the side of a drawing in pixels,
    ``dimensions`` those of the embedding.

    ``weights`` is empty (random initial weights), a safetensors file, the folder of an earlier run
    whose backbone is taken over, or ``timm`` (download the pretrained weights of that name). A list
    of runs, trained from the same initial weights, gives the mean of their backbones (Wortsman et
    al. 2022, model soups).
    ``pool`` is ``gem`` (generalised mean with exponent ``gem_p``, learned with
    ``learn_gem = true``), ``avg``, or ``native``: the backbone's own, for transformers with a class
    token or attention pooling.
    ``head = "whitened"`` starts the projection as a PCA whitening fitted on the training drawings,
    its eigenvalues λ taken to −``whiten_power``/2; ``"discriminative"`` whitens what differs
    within a patent instead and keeps the directions in which patents differ most.
    ``taps`` names inner modules of the backbone ("blocks.4") whose maps are pooled beside the last:
    what tells one patent from the next is often in the strokes, which later layers forget.
    ``activation = "relu"`` puts ReLU in place of SiLU, hard-swish and GELU, and
    ``squeeze_excite = false`` leaves those gates out: neither has a fused INT8 kernel.
    ``drop_path`` is the probability with which a residual branch is skipped (stochastic depth).
    """

    backbone: str
    size: int = 224
    dimensions: int = 256
    weights: str | tuple[str, ...] = ""
    pool: Literal["gem", "avg", "native"] = "gem"
    gem_p: float = 3.0
    taps: tuple[str, ...] = ()
    learn_gem: bool = False
    head: Literal["linear", "whitened", "discriminative"] = "linear"
    whiten_power: float = 1.0
    activation: Literal["own", "relu"] = "own"
    squeeze_excite: bool = True
    drop_path: float = 0.0

    @property
    def origins(self) -> tuple[str, ...]:
        """All that the initial weights come from; none where they are random."""
        if isinstance(self.weights, str):
            return (self.weights,) if self.weights else ()
        return self.weights


class LossRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The loss: ``name`` says which, ``scores`` are those of the levels, finest first, ``tau`` is
    the temperature τ, which ``learn_tau = true`` lets training change.

    Three scores are those of patent, subclass and class; with four the second is that of the
    *name*: drawings whose titles or nouns say the same thing (`names`). ``normalise = "apart"``
    makes each level a loss of its own, with ``taus`` as its temperatures where given. ``level`` is
    the one whose labels ``supcon`` takes. ``prefixes`` lists leading dimensions that must work
    alone (Matryoshka): their mean loss is added with ``prefix_weight``.
    """

    name: LossName = "hierarchical"
    scores: tuple[float, ...] = (1.0, 0.5, 0.25)
    normalise: Literal["joint", "level", "none", "apart"] = "joint"
    tau: float = 0.1
    taus: tuple[float, ...] = ()
    learn_tau: bool = False
    level: LossLevel = "patent"
    prefixes: tuple[int, ...] = ()
    prefix_weight: float = 1.0

    @property
    def levels(self) -> tuple[LossLevel, ...]:
        """The levels that scores stand for."""
        if len(self.scores) == 3:
            return ("patent", "subclass", "class")
        return ("patent", "name", "subclass", "class")


class KinRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of the embedding that tells kin: other people's designs of the same kind.

    ``dimensions`` > 0 gives it so many of the embedding's; the others tell twins. The embedding is
    (√w · kin, √(1 − w) · twin) of two unit vectors, so that its inner products are
    w · cos_kin + (1 − w) · cos_twin; w is ``weight``. The kin part starts as the ridge regression
    (`ridge.fit_ridge`) of what teachers say and of ``labels``, levels with their weights, λ being
    ``ridge`` times the mean squared length of the features; the twin part as ``model.head``.
    Teachers are listened to by the kin part alone.
    """

    dimensions: int = 0
    weight: float = 0.5
    ridge: float = 0.2
    labels: dict[Literal["name", "subclass", "class"], float] = msgspec.field(
        default_factory=lambda: {"class": 1.0, "subclass": 0.7}
    )


class SamplerRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A batch: so many ``classes``, ``subclasses`` of each, ``patents`` of each, and ``views`` of
    each patent.

    ``views_cap`` is the most drawings of one patent that take part in an epoch, so that a patent
    with a hundred drawings does not fill it.
    """

    classes: int = 4
    subclasses: int = 2
    patents: int = 2
    views: int = 2
    views_cap: int = 8

    @property
    def batch(self) -> int:
        """Drawings in a full batch."""
        return self.classes * self.subclasses * self.patents * self.views


class SourceRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of several sources of drawings: ``--data NAME=SPEC`` says where those of that ``name``
    lie.

    ``share`` is its part of every batch beside the other sources' (`mixing`), ``loss`` what its
    drawings weigh as anchors of the labelled loss, ``views`` how many drawings of a patent stand in
    a batch (0: the sampler's; 1 where drawings of one patent are nothing to learn from). Whether
    patents are kept back for evaluation says ``holdout``. ``labels`` says of "class" and
    "subclass" whose labels its are: those of all sources ("shared", the default), of this source
    alone ("own"), or nobody's ("none"). ``title`` is the metadata column that holds the name of
    the thing drawn, where that is not ``title``; "" for a source whose titles are no names.
    ``parts`` are those of the head (`KinRecipe`) that are fitted on its drawings in closed form.
    """

    name: str
    share: float = 1.0
    loss: float = 1.0
    views: int = 0
    holdout: bool = True
    parts: tuple[Literal["kin", "twin"], ...] = ("kin", "twin")
    labels: dict[Literal["subclass", "class"], Literal["shared", "own", "none"]] = {}
    title: str = "title"


class AugmentRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Probabilities of the changes made to a drawing, and how strong they are.

    ``line_width`` thickens or thins strokes; ``erase`` paints a rectangle white, up to
    ``erase_area`` of the drawing; ``shift`` moves by up to ``shift_by`` of the side;
    ``remove_caption`` paints isolated short lines of text white; ``add_caption`` writes a
    "FIG. n" of its own on empty paper; ``flip`` mirrors left and right. ``scale`` and ``rotate``
    are off: published work lost 10 to 15 points by them.
    """

    line_width: float = 0.5
    erase: float = 0.25
    erase_area: float = 0.1
    shift: float = 0.5
    shift_by: float = 0.06
    remove_caption: float = 0.5
    add_caption: float = 0.25
    flip: float = 0.0
    scale: float = 0.0
    rotate: float = 0.0


class DistillRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learned from ``teachers``: runs, timm names whose pretrained weights are loaded, or
    files of vectors (.npz, .npy: see `stored`).

    ``labels``, ``regression`` and ``relation`` weigh the contrastive loss and the two terms of
    `distill` against each other; ``labels = 0`` needs no labels at all. ``queue`` past embeddings
    join the batch in the relation, with temperatures ``student_tau`` and ``teacher_tau``. Of a
    file of vectors, ``spaces`` weighs each by its name (1 where not given, 0 leaves it out), and
    ``centre`` takes their mean out first.
    """

    teachers: tuple[str, ...] = ()
    labels: float = 1.0
    regression: float = 1.0
    relation: float = 1.0
    student_tau: float = 0.1
    teacher_tau: float = 0.05
    queue: int = 1024
    spaces: dict[str, float] = {}
    centre: bool = True


class OptimizerRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights move: ``epochs`` of ``epoch_steps`` each (0: until every patent has come up),
    by the timm optimiser ``name``.

    ``lr`` is the head's learning rate, reached after ``warmup``, a share of the steps, and then
    lowered to 0 along a cosine; ``weight_decay`` pulls weights to 0; ``clip`` bounds the norm of a
    gradient (0: not at all). The backbone's rate is ``backbone_lr`` times it, with ``layer_decay``
    as one more factor for every stage further from the head. ``freeze`` leaves so many leading
    stages of the backbone as they are (the stem is the first): no gradient is computed for them,
    and large maps are the leading ones. ``freeze_bn`` keeps BatchNorm statistics as they
    are. ``sizes`` in pixels share the epochs evenly, one after the other: [128, 224, 320] spends a
    third of them on drawings of 128 pixels, where a step is six times cheaper than at the last;
    evaluated is always at ``model.size``. ``l2sp`` pulls the backbone towards its initial weights
    (Li et al. 2018, L2-SP); ``interpolate`` < 1 mixes the trained weights with the initial ones in
    the end (Wortsman et al. 2022, WiSE-FT): 0.5 is half way. ``ema`` is the decay of the averaged
    weights that are evaluated and kept, 0 for none. ``micro_batch`` > 0 computes that many
    drawings at a time with the exact gradient of the whole batch (gradient caching). Every
    ``checkpoint_steps`` steps a checkpoint is written. ``precision = "bf16"`` halves the memory on
    a GPU; ``workers`` processes augment drawings beside the training (0: the training itself).
    """

    epochs: int = 10
    epoch_steps: int = 0
    sizes: tuple[int, ...] = ()
    name: str = "adamw"
    lr: float = 1e-3
    backbone_lr: float = 0.1
    layer_decay: float = 1.0
    weight_decay: float = 0.05
    warmup: float = 0.1
    clip: float = 1.0
    ema: float = 0.99
    freeze: int = 0
    freeze_bn: bool = False
    l2sp: float = 0.0
    interpolate: float = 1.0
    micro_batch: int = 0
    checkpoint_steps: int = 50
    precision: Literal["no", "bf16"] = "no"
    workers: int = 0


class EvaluationRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Held-out patents and what is done with their scores.

    ``holdout`` is the share of patents kept for evaluation, siblings together. Every ``every``
    epochs they are scored; the weights with the best mAP at ``level`` are kept (``keep``), and
    ``patience`` > 0 evaluations without a better one stop the training.
    """

    holdout: float = 0.2
    every: int = 1
    level: Level = "patent"
    keep: Literal["best", "last"] = "best"
    patience: int = 0


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides what a training run gives, besides its data.

    The tables ``model``, ``kin``, ``loss``, ``sampler``, ``augment``, ``distill``, ``optimizer``
    and ``evaluation``, any number of ``sources``, and ``seed``, from which all randomness follows.
    ``extends`` names a recipe whose settings are taken over.
    """

    model: ModelRecipe
    kin: KinRecipe = KinRecipe()
    loss: LossRecipe = LossRecipe()
    sampler: SamplerRecipe = SamplerRecipe()
    sources: tuple[SourceRecipe, ...] = ()
    augment: AugmentRecipe = AugmentRecipe()
    distill: DistillRecipe = DistillRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    evaluation: EvaluationRecipe = EvaluationRecipe()
    seed: int = 0


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


def _nearest(name: str, known: list[str]) -> str:
    """A phrase that suggests what was meant."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
