"""The drawing encoder: timm backbone, pooling, one linear projection, unit length."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgepatent_runtime.errors import RecipeError
from edgepatent_train.backbone import build_backbone, feature_widths, features, first_line
from edgepatent_train.pyramid import Pyramid
from edgepatent_train.recipe import ModelRecipe, Recipe


class GeM(nn.Module):
    """Generalised-mean pooling [N, C, H, W] → [N, C] (Radenović et al. 2018, eq. 2).

    p = 1 is average pooling, p → ∞ takes the maximum. Where most of a drawing is white paper, a
    larger p keeps what the few strokes say.
    """

    def __init__(self, p: float = 3.0, *, learn: bool = False, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.p: nn.Parameter | float = nn.Parameter(torch.tensor(p)) if learn else p

    def forward(self, maps: Tensor) -> Tensor:
        """Pool each channel over its positions."""
        powered = maps.clamp(min=self.eps).pow(self.p)
        return powered.mean((2, 3)).pow(1.0 / self.p)


class AvgPool(nn.Module):
    """Average pooling [N, C, H, W] → [N, C]."""

    def forward(self, maps: Tensor) -> Tensor:
        """Average each channel over its positions."""
        return maps.mean((2, 3))


class Unit(nn.Module):
    """Outputs of the head [N, D] → embeddings of unit length."""

    def forward(self, y: Tensor) -> Tensor:
        """Take each row to unit length."""
        return F.normalize(y, dim=1)


class UnitParts(nn.Module):
    """The same for an embedding in two parts, kin and twin, each of unit length by itself.

    ``kin`` [D] is 1 where a dimension is kin's and 0 where it is twin's; ``weight`` is w: the inner
    product of two embeddings is w · cos_kin + (1 − w) · cos_twin.
    """

    kin: Tensor
    weight: Tensor

    def __init__(self, dimensions: int, kin: int, weight: float) -> None:
        super().__init__()
        self.register_buffer("kin", (torch.arange(dimensions) < kin).float())
        self.register_buffer("weight", torch.tensor(weight))

    def forward(self, y: Tensor) -> Tensor:
        """Take both parts of each row to their lengths √w and √(1 − w)."""
        twin = 1 - self.kin
        return y * (
            self.kin * (self.weight.sqrt() / _length(y * self.kin))
            + twin * ((1 - self.weight).sqrt() / _length(y * twin))
        )


def _length(y: Tensor) -> Tensor:
    return y.square().sum(1, keepdim=True).clamp_min(1e-24).sqrt()


class DrawingEncoder(nn.Module):
    """Normalised drawings in, unit-length embeddings out.

    ``backbone`` is a timm network for one channel, ``pool`` turns its maps into a vector (None:
    the backbone's own pooling), ``head`` is the last linear layer: export folds axes in.
    ``widths`` are the numbers of features that the last maps and each of the ``taps`` give;
    ``pyramid`` puts the drawing before the network at several sizes, whose features are averaged;
    ``unit`` takes what the head gives to unit length, as a whole or in parts.
    """

    def __init__(
        self,
        backbone: nn.Module,
        pool: nn.Module | None,
        widths: tuple[int, ...],
        dimensions: int,
        taps: tuple[str, ...] = (),
        unit: nn.Module | None = None,
        pyramid: Pyramid | None = None,
    ) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.backbone = backbone
        self.pool = pool
        self.widths = widths
        self.taps = taps
        self.head = nn.Linear(sum(widths), dimensions)
        self.unit = unit or Unit()

    def features(self, pixels: Tensor) -> Tensor:
        """Pooled features [N, sum(widths)] of pixels [N, 1, S, S], uint8 or float in 0..255,
        paper 255."""
        x = pixels.float() - 255.0
        if self.pyramid is not None:
            x = self.pyramid(x)
        x = x * (1.0 / 255.0)
        if self.pool is None:
            pooled = self.backbone(x)
            assert isinstance(pooled, Tensor)
            return pooled
        maps = features(self.backbone, x, self.taps)
        return torch.cat([self._pooled(each, self.pool) for each in maps], 1)

    def _pooled(self, maps: Tensor, pool: nn.Module) -> Tensor:
        """Maps [N, C, H, W] → [N, C]: the mean of what the drawing gives at each size."""
        if self.pyramid is None:
            pooled: Tensor = pool(maps)
            return pooled
        return torch.stack([pool(part) for part in self.pyramid.parts(maps)]).mean(0)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embeddings [N, D] of unit length, float32 also under autocast."""
        z: Tensor = self.unit(self.head(self.features(pixels)).float())
        return z


def build_model(recipe: Recipe) -> DrawingEncoder:
    """The network of ``recipe`` with its initial weights; ``head`` is random until trained.

    Seeds torch's global generator with the recipe's seed: the same recipe gives the same weights.
    Raises what `build_backbone` raises, and `RecipeError` for a network that cannot look at a
    drawing at several sizes.
    """
    torch.manual_seed(recipe.seed)
    settings = recipe.model
    pool: nn.Module | None = None
    if settings.pool == "gem":
        pool = GeM(settings.gem_p, learn=settings.learn_gem)
    elif settings.pool == "avg":
        pool = AvgPool()
    backbone = build_backbone(settings)
    widths = feature_widths(backbone, settings)
    unit: nn.Module = Unit()
    if recipe.kin.dimensions:
        unit = UnitParts(settings.dimensions, recipe.kin.dimensions, recipe.kin.weight)
    pyramid = Pyramid(settings.sides) if settings.pyramid else None
    model = DrawingEncoder(
        backbone, pool, widths, settings.dimensions, settings.taps, unit, pyramid
    )
    if pyramid is not None:
        _try(model, settings)
    return model.to(memory_format=torch.channels_last)  # a third faster on CPUs


@torch.no_grad()
def _try(model: DrawingEncoder, settings: ModelRecipe) -> None:
    """Raise `RecipeError` unless the network gives maps of a drawing at several sizes."""
    try:
        model.eval().features(torch.full((1, 1, settings.size, settings.size), 255.0))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise RecipeError(
            f"{settings.backbone} cannot look at a drawing at several sizes (model.pyramid), only "
            f"networks of convolutions can: {first_line(error)}"
        ) from error
    finally:
        model.train()
