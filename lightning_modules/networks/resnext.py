"""The evaluator's network: a residual network with grouped convolutions, of another kind than the backbone."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.ranges import LAYERS, SIZE, check_ranges


class ResNeXt(nn.Module):
    """ResNeXt for 32x32 inputs (Xie et al. 2017, arXiv:1611.05431); the defaults are the SC09 benchmark's 29 layers.

    Args:
        channels: output channels of each stage; the grid halves between stages.
        cardinality: groups of the 3x3 convolutions.
        base_width: channels per group in the first stage.
        blocks_per_stage: bottlenecks in each stage.
        num_classes: logits, K.

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(
        self,
        channels: Sequence[int] = (256, 512, 1024),
        cardinality: int = 8,
        base_width: int = 64,
        blocks_per_stage: int = 3,
        num_classes: int = 10,
    ) -> None:
        check_ranges(
            channels=(list(channels), "[4, 65536]"),
            cardinality=(cardinality, SIZE),
            base_width=(base_width, SIZE),
            blocks_per_stage=(blocks_per_stage, LAYERS),
            num_classes=(num_classes, SIZE),
        )
        super().__init__()
        width = channels[0] // 4
        layers: list[nn.Module] = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        for i, out in enumerate(channels):
            inner = cardinality * (base_width * out // channels[0])
            for b in range(blocks_per_stage):
                layers.append(_Bottleneck(width, out, inner, cardinality, stride=2 if i > 0 and b == 0 else 1))
                width = out
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.num_features = width
        self.logits = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, K)`` and pooled features ``(B, D)`` of ``x`` ``(B, 1, F, L)`` in dB, [-80, 0]."""
        features = self.features(x / 40.0 + 1.0)
        return self.logits(features), features


class _Bottleneck(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, inner: int, groups: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, stride, padding=1, groups=groups, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.skip: nn.Module = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.skip = nn.Sequential(projection, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.skip(x) + self.body(x))
