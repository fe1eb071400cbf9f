"""Fusions: ways to make one map for the decoder of a tap's feature and its gradient."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lightning_modules.networks.blocks import at_least_float32
from lightning_modules.ranges import SIZE, check_ranges


def rms_normalize(x: Tensor, dims: tuple[int, ...] = (1, 2, 3), eps: float = 1e-20) -> Tensor:
    """Scale each example of ``x`` ``(B, C, F, L)`` to a root mean square of 1 over ``dims``, in float32 at least.

    Gradient taps have magnitudes near 4e-4 and shrink as the classifier grows sure: eps must stay far below their
    square.
    """
    x = at_least_float32(x)
    return x * (x.square().mean(dim=dims, keepdim=True) + eps).rsqrt()


class Fusion(nn.Module, ABC):
    """Fuses a feature tap with the gradient tap of the same place; chosen in YAML by ``class_path``.

    :meth:`build` is called once per tap by the subnet, which knows the widths.
    """

    @abstractmethod
    def build(self, width: int) -> nn.Module:
        """A module ``(feature, gradient) -> fused`` on maps ``(B, width, F, L)``."""


class CrossAttention(Fusion):
    """Queries from the feature tap attend to keys and values from the gradient tap, along frames (the paper's fusion).

    Each Mel band is a sequence of its own, so that every query sees L keys. The attended values are added to the
    feature.

    Args:
        head_width: channels per attention head.
    """

    def __init__(self, head_width: int = 32) -> None:
        check_ranges(head_width=(head_width, SIZE))
        super().__init__()
        self.head_width = head_width

    def build(self, width: int) -> nn.Module:
        return _FrameAttention(width, max(1, width // self.head_width))


class Concat(Fusion):
    """Concatenates feature and gradient and mixes them by a 1x1 convolution."""

    def build(self, width: int) -> nn.Module:
        return _Concat(width)


class Add(Fusion):
    """Adds feature and gradient."""

    def build(self, width: int) -> nn.Module:
        return _Add()


class _FrameAttention(nn.Module):
    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(f"attention needs a width divisible by its {num_heads} heads, got {width}")
        self.num_heads = num_heads
        self.query, self.key_value = nn.Conv2d(width, width, 1), nn.Conv2d(width, 2 * width, 1)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, feature: Tensor, gradient: Tensor) -> Tensor:
        batch = len(feature)
        query = rearrange(self.query(feature), "b (h d) f l -> (b f) h l d", h=self.num_heads)
        key, value = rearrange(self.key_value(gradient), "b (s h d) f l -> s (b f) h l d", s=2, h=self.num_heads)
        attended = F.scaled_dot_product_attention(query, key, value)
        return feature + self.out(rearrange(attended, "(b f) h l d -> b (h d) f l", b=batch))


class _Concat(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * width, width, 1)

    def forward(self, feature: Tensor, gradient: Tensor) -> Tensor:
        return self.mix(torch.cat([feature, gradient], dim=1))


class _Add(nn.Module):
    def forward(self, feature: Tensor, gradient: Tensor) -> Tensor:
        return feature + gradient
