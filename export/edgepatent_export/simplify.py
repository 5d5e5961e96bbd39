"""Attention rewritten for export, so that less data is moved about.

Half the time of MobileViT outside its convolutions goes into reshaping, slicing and transposing
around attention. onnxruntime has one operator for all of it, com.microsoft.MultiHeadAttention, in
every CPU build since 1.14: in place of some fifteen nodes, and a fifth faster as a whole. (Making
one transposition of the two by which MobileViT unfolds its patches was tried and gained nothing.)
"""

from typing import Any

import torch
from timm.layers import Attention
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
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        mixed = torch.onnx.ops.symbolic(
            "com.microsoft::MultiHeadAttention",
            (query, key, value),
            {"num_heads": self.heads, "scale": self.scale},
            dtype=x.dtype,
            shape=value.shape,
            version=1,
        )
        projected: Tensor = self.proj(mixed)
        return projected


def simplify(module: nn.Module) -> None:
    """Replace every plain self-attention inside ``module``, in place."""
    for name, child in list(module.named_children()):
        if isinstance(child, Attention) and _plain(child):
            setattr(module, name, OneOperatorAttention(child))
        else:
            simplify(child)


def _plain(attention: Any) -> bool:
    """Whether there is nothing between the projections but softmax(QKᵀ)V."""
    between = (attention.q_norm, attention.k_norm, getattr(attention, "norm", nn.Identity()))
    return getattr(attention, "gate", None) is None and all(
        isinstance(module, nn.Identity) for module in between
    )
