"""The Score Subnet, which is trained: a light decoder that reads the taps of the frozen classifier."""

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.networks.blocks import Head, ResBlock, TimeEmbedding
from lightning_modules.networks.fusion import CrossAttention, Fusion, rms_normalize
from lightning_modules.networks.taps import Reading, TapShape
from lightning_modules.ranges import SIZE, check_ranges


class ScoreSubnet(nn.Module):
    """Decodes feature and gradient taps to the raw output of a denoiser (arXiv:2606.20457, Section 3).

    From the deepest fused tap upwards: ``blocks_per_tap`` ResBlocks, upsampling and a 3x3 convolution where the grid
    changes, then the next shallower fused tap is added; above the shallowest tap the same up to ``output_shape``.

    Args:
        taps: taps in the order in which the classifier computes them, with their shapes.
        output_shape: ``(F, L)`` of the log-Mels.
        widths: channels per grid, finest first; grids beyond the list use its last entry.
        blocks_per_tap: ResBlocks after each tap.
        fusion: how feature and gradient of one tap are joined; default cross-attention.
        time_width: width of the time embedding.
        patch_size: side of the square of the output that each position of the finest grid becomes; the stem's.
        dropout: dropout inside ResBlocks.
        rms_dims: axes of a tap's signal over which its root mean square is made 1: some of 1 (channels), 2 (bands)
            and 3 (frames).
        num_classes: number of classes whose labels it reads, so that it can guide itself; 0 for none.

    Raises:
        ValueError: there are no taps, one is finer than the finest grid, ``patch_size`` does not divide the output, or
            ``rms_dims`` names no axis or another one.
    """

    def __init__(
        self,
        taps: Sequence[TapShape],
        output_shape: tuple[int, int] = (80, 64),
        widths: Sequence[int] = (32, 64, 128),
        blocks_per_tap: int = 3,
        fusion: Fusion | None = None,
        time_width: int = 128,
        patch_size: int = 1,
        dropout: float = 0.0,
        rms_dims: Sequence[int] = (1, 2, 3),
        num_classes: int = 0,
    ) -> None:
        check_ranges(widths=(list(widths), SIZE), blocks_per_tap=(blocks_per_tap, "[0, 1000]"))
        check_ranges(output_shape=(list(output_shape), SIZE), patch_size=(patch_size, SIZE))
        super().__init__()
        self.num_classes = num_classes
        if not taps:
            raise ValueError("a Score Subnet needs at least one tap")
        if not rms_dims or not set(rms_dims) <= {1, 2, 3}:
            raise ValueError(f"rms_dims must name some of the axes 1, 2 and 3, got {list(rms_dims)}")
        if any(side % patch_size for side in output_shape):
            raise ValueError(
                f"expected an output shape divisible by patch_size {patch_size}, got {tuple(output_shape)}"
            )
        finest = (output_shape[0] // patch_size, output_shape[1] // patch_size)
        self.embedding = TimeEmbedding(time_width, num_classes=num_classes)
        self.inputs, self.blocks, self.ups = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self._names = [tap.tap.module for tap in reversed(taps)]
        grids = [tap.shape[1:] for tap in reversed(taps)]
        for tap, grid, next_grid in zip(reversed(taps), grids, [*grids[1:], finest], strict=True):
            width, next_width = self._width(widths, finest, grid), self._width(widths, finest, next_grid)
            self.inputs.append(_TapInput(tap, width, fusion or CrossAttention(), tuple(rms_dims)))
            self.blocks.append(
                nn.ModuleList(ResBlock(width, width, time_width, dropout) for _ in range(blocks_per_tap))
            )
            self.ups.append(nn.Identity() if next_grid == grid else _Resize(width, next_width, next_grid))
        self.head = Head(next_width, patch_size)

    def forward(self, reading: Reading, c_noise: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw output ``(B, 1, F, L)`` for a reading of noisy log-Mels at noise levels ``c_noise`` ``(B,)``.

        A reading of B / n log-Mels is fused once and used n times. A subnet with classes reads labels ``y`` ``(B,)``,
        :data:`NO_LABEL` for none.
        """
        time = self.embedding(c_noise, y)
        gradients = reading.gradients()
        h = None
        for name, tap_input, blocks, up in zip(self._names, self.inputs, self.blocks, self.ups, strict=True):
            fused = tap_input(reading.features[name], gradients.get(name))
            if len(fused) < len(c_noise):
                fused = fused.repeat(len(c_noise) // len(fused), 1, 1, 1)
            h = fused if h is None else h + fused
            for block in blocks.children():
                h = block(h, time)
            h = up(h)
        return self.head(h)

    @staticmethod
    def _width(widths: Sequence[int], finest: tuple[int, int], grid: tuple[int, ...]) -> int:
        if grid[0] > finest[0] or grid[1] > finest[1]:
            raise ValueError(
                f"a tap of {grid} positions is finer than the subnet's finest grid {finest}: lower patch_size"
            )
        level = round(math.log2(math.sqrt(finest[0] * finest[1] / (grid[0] * grid[1]))))
        return widths[min(level, len(widths) - 1)]


class _TapInput(nn.Module):
    """Normalises, projects and fuses the signals of one tap."""

    def __init__(self, tap: TapShape, width: int, fusion: Fusion, rms_dims: tuple[int, ...]) -> None:
        super().__init__()
        channels, self.rms_dims = tap.shape[0], rms_dims
        self.feature = nn.Conv2d(channels, width, 1) if tap.tap.feature else None
        self.gradient = nn.Conv2d(channels, width, 1) if tap.tap.gradient else None
        self.fusion = fusion.build(width) if tap.tap.feature and tap.tap.gradient else None

    def forward(self, feature: Tensor, gradient: Tensor | None) -> Tensor:
        signals = []
        if self.feature is not None:
            signals.append(self.feature(rms_normalize(feature, self.rms_dims)))
        if self.gradient is not None:
            assert gradient is not None, "this tap reads a gradient and got none"
            signals.append(self.gradient(rms_normalize(gradient, self.rms_dims)))
        return signals[0] if self.fusion is None else self.fusion(*signals)


class _Resize(nn.Module):
    """Resamples a map to another grid and convolves it to the width of that grid."""

    def __init__(self, in_channels: int, out_channels: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid, self.conv = tuple(grid), nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, size=self.grid, mode="nearest"))
