"""The U-Net, the baseline that is trained as a whole."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.networks.blocks import Head, ResBlock
from lightning_modules.networks.encoder import Encoder


class UNet(nn.Module):
    """An encoder like the classifier's and a decoder, each of whose blocks also reads one skip of the encoder.

    Args:
        decoder_widths: channels of the decoder's stages, shallow to deep.
        base_channels: channels of the encoder's stem and first stage.
        multipliers: channels of the encoder's stages, in units of ``base_channels``.
        blocks_per_stage: ResBlocks in each encoder stage; the decoder has one more per stage.
        bottleneck_blocks: ResBlocks after the last encoder stage.
        time_width: width of the time embedding.
        patch_size: side of the square of the input that becomes one position.
        dropout: dropout inside ResBlocks.
        num_classes: number of classes whose labels it reads, so that it can guide itself; 0 for none.

    Raises:
        ValueError: ``decoder_widths`` and ``multipliers`` have different lengths.
    """

    def __init__(
        self,
        decoder_widths: Sequence[int] = (96, 128, 224),
        base_channels: int = 64,
        multipliers: Sequence[int] = (1, 2, 4),
        blocks_per_stage: int = 3,
        bottleneck_blocks: int = 2,
        time_width: int = 128,
        patch_size: int = 1,
        dropout: float = 0.0,
        num_classes: int = 0,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        if len(decoder_widths) != len(multipliers):
            raise ValueError(f"expected one decoder width per stage, {len(multipliers)}, got {len(decoder_widths)}")
        self.encoder = Encoder(
            base_channels,
            multipliers,
            blocks_per_stage,
            bottleneck_blocks,
            time_width,
            patch_size,
            dropout,
            num_classes,
        )
        skips = list(self.encoder.skip_widths)
        channels = self.encoder.widths[-1]
        self.stages, self.ups = nn.ModuleList(), nn.ModuleList()
        for i, width in enumerate(reversed(decoder_widths)):
            if i > 0:
                self.ups.append(nn.Conv2d(channels, channels, 3, padding=1))
            stage = nn.ModuleList()
            for _ in range(blocks_per_stage + 1):
                stage.append(ResBlock(channels + skips.pop(), width, time_width, dropout))
                channels = width
            self.stages.append(stage)
        self.head = Head(channels, patch_size)

    def forward(self, x: Tensor, c_noise: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw output ``(B, 1, F, L)`` of scaled input ``(B, 1, F, L)`` at noise level ``c_noise`` ``(B,)``.

        A network with classes reads labels ``y`` ``(B,)``, :data:`NO_LABEL` for none; without ``y`` no example has one.
        """
        h, skips, time = self.encoder(x, c_noise, y)
        for i, stage in enumerate(self.stages):
            if i > 0:
                h = self.ups[i - 1](F.interpolate(h, scale_factor=2.0, mode="nearest"))
            for block in stage.children():
                h = block(torch.cat([h, skips.pop()], dim=1), time)
        return self.head(h)
