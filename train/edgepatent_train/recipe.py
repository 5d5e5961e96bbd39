"""What a training recipe says: its tables as typed structures (`recipe_file` reads and checks).

Every setting that decides what a run gives has its place here, with its default and its unit.
"""

from typing import Literal

import msgspec

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
    ``pyramid`` lists smaller sides, in pixels, at which the network looks at the drawing as well,
    in the same pass; features are the mean over all sizes (`pyramid.Pyramid`).
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
    pyramid: tuple[int, ...] = ()
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

    @property
    def sides(self) -> tuple[int, ...]:
        """All sizes at which the network looks at a drawing, its input's first."""
        return (self.size, *self.pyramid)


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
