"""Building blocks shared by all networks."""

import math

import torch
import torch.nn.functional as F
from einops.layers.torch import Rearrange
from torch import Tensor, nn

from lightning_modules.errors import InputError
from lightning_modules.labels import NO_LABEL
from lightning_modules.ranges import ABOVE_ZERO, BELOW_ONE, LAYERS, SIZE, check_ranges


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` in float32 if it is in half precision, else unchanged."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with as many groups as divide ``channels``, eight at most."""
    return nn.GroupNorm(math.gcd(8, channels), channels)


class TimeEmbedding(nn.Module):
    """Sinusoids of ``c_noise``, plus a learned vector per class, followed by a two-layer perceptron.

    Args:
        width: width of the embedding; even.
        max_frequency: highest angular frequency; ``c_noise`` spans about [-1.2, 1.3].
        num_classes: classes, K, with one vector each and one more for "no label"; 0 for none at all.

    Raises:
        InputError: a setting is out of its range, or ``width`` is odd.
    """

    frequencies: Tensor

    def __init__(self, width: int, max_frequency: float = 50.0, num_classes: int = 0) -> None:
        super().__init__()
        check_ranges(time_width=(width, "[2, 65536]"), max_frequency=(max_frequency, ABOVE_ZERO))
        check_ranges(num_classes=(num_classes, "[0, 65536]"))
        if width % 2:
            raise InputError(f"time_width must be even, got {width}: give {width + 1}")
        self.num_classes = num_classes
        frequencies = torch.logspace(-1, math.log10(max_frequency), width // 2)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.classes = nn.Embedding(num_classes + 1, width) if num_classes else None

    def forward(self, c_noise: Tensor, y: Tensor | None = None) -> Tensor:
        """Embedding ``(B, width)`` of ``c_noise`` ``(B,)`` and, if there are any, of labels ``y`` ``(B,)``."""
        angles = torch.outer(c_noise, self.frequencies)
        embedding = torch.cat([angles.sin(), angles.cos()], dim=1)
        if self.classes is not None:
            y = torch.full_like(c_noise, NO_LABEL, dtype=torch.long) if y is None else y
            embedding = embedding + self.classes(torch.where(y < 0, self.num_classes, y))
        return self.mlp(embedding)


class ResBlock(nn.Module):
    """A residual block of two 3x3 convolutions, to which the time embedding is added between them.

    Each convolution follows a GroupNorm and a SiLU; activations before the second are dropped with probability
    ``dropout``. The skip is a 1x1 convolution where widths differ.
    """

    def __init__(self, in_channels: int, out_channels: int, time_width: int, dropout: float = 0.0) -> None:
        check_ranges(channels=([in_channels, out_channels], SIZE), dropout=(dropout, BELOW_ONE))
        super().__init__()
        self.norm1, self.conv1 = group_norm(in_channels), nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time = nn.Linear(time_width, out_channels)
        self.norm2, self.conv2 = group_norm(out_channels), nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.skip = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """``(B, C_out, F, L)`` of ``x`` ``(B, C_in, F, L)`` and the time embedding ``(B, time_width)``."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time(time).reshape(*h.shape[:2], 1, 1)
        return self.skip(x) + self.conv2(self.dropout(F.silu(self.norm2(h))))


class Stem(nn.Sequential):
    """The input projection: a 3x3 convolution of the log-Mel.

    With ``patch_size`` 2 each 2x2 square is first moved into channels, which quarters all later work.
    """

    def __init__(self, channels: int, patch_size: int = 1) -> None:
        check_ranges(channels=(channels, SIZE), patch_size=(patch_size, LAYERS))
        super().__init__(
            Rearrange("b c (f p) (l q) -> b (c p q) f l", p=patch_size, q=patch_size),
            nn.Conv2d(patch_size**2, channels, 3, padding=1),
        )


class Head(nn.Sequential):
    """The output projection: GroupNorm, SiLU and a 3x3 convolution to one channel.

    It undoes the stem's ``patch_size``, and its weights start at zero.
    """

    def __init__(self, channels: int, patch_size: int = 1) -> None:
        check_ranges(channels=(channels, SIZE), patch_size=(patch_size, LAYERS))
        conv = nn.Conv2d(channels, patch_size**2, 3, padding=1)
        for parameter in conv.parameters():
            nn.init.zeros_(parameter)
        super().__init__(
            group_norm(channels),
            nn.SiLU(),
            conv,
            Rearrange("b (p q) f l -> b 1 (f p) (l q)", p=patch_size, q=patch_size),
        )
