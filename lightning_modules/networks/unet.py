"""The U-Net, the baseline that is trained as a whole."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.networks.blocks import Head, ResBlock
from lightning_modules.networks.encoder import Encoder
from lightning_modules.ranges import SIZE, check_ranges


class UNet(nn.Module):
    """An encoder like the classifier's and a decoder, each of whose blocks also reads one skip of the encoder.

    Args:
        decoder_widths: channels of the decoder's stages, shallow to deep.
        settings: those of :class:`Encoder`.

    Raises:
        ValueError: ``decoder_widths`` and ``multipliers`` have different lengths.
    """

    def __init__(self, decoder_widths: Sequence[int] = (96, 128, 224), *settings: Any, **named_settings: Any) -> None:
        check_ranges(decoder_widths=(list(decoder_widths), SIZE))
        super().__init__()
        self.encoder = encoder = Encoder(*settings, **named_settings)
        self.num_classes = encoder.embedding.num_classes
        if len(decoder_widths) != len(encoder.widths):
            raise ValueError(f"expected one decoder width per stage, {len(encoder.widths)}, got {len(decoder_widths)}")
        skips, channels = list(encoder.skip_widths), encoder.widths[-1]
        self.stages, self.ups = nn.ModuleList(), nn.ModuleList()
        for i, width in enumerate(reversed(decoder_widths)):
            if i > 0:
                self.ups.append(nn.Conv2d(channels, channels, 3, padding=1))
            stage = nn.ModuleList()
            for _ in range(encoder.blocks_per_stage + 1):
                stage.append(ResBlock(channels + skips.pop(), width, encoder.time_width, encoder.dropout))
                channels = width
            self.stages.append(stage)
        self.head = Head(channels, encoder.patch_size)

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
