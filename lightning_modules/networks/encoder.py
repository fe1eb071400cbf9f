"""The encoder that the classifier and the U-Net share."""

from collections.abc import Sequence

from torch import Tensor, nn

from lightning_modules.networks.blocks import ResBlock, Stem, TimeEmbedding
from lightning_modules.ranges import LAYERS, SIZE, check_ranges


class Encoder(nn.Module):
    """Stem, stages of ResBlocks with strided convolutions between them, and a bottleneck.

    Submodules that can be tapped: ``stem``, ``stages.<stage>.<block>``, ``downs.<stage>``, ``bottleneck.<block>``.

    Args:
        base_channels: channels of the stem and the first stage.
        multipliers: channels of each stage, in units of ``base_channels``; the grid halves between stages.
        blocks_per_stage: ResBlocks in each stage; the decoder of a U-Net has one more.
        bottleneck_blocks: ResBlocks after the last stage.
        time_width: width of the time embedding.
        patch_size: side of the square of the input that becomes one position of the stem.
        dropout: dropout inside ResBlocks, and before the logits of a classifier.
        num_classes: number of classes whose labels it reads, so that a network can guide itself; 0 for none.

    Raises:
        InputError: a setting is out of its range.
    """

    def __init__(
        self,
        base_channels: int = 64,
        multipliers: Sequence[int] = (1, 2, 4),
        blocks_per_stage: int = 3,
        bottleneck_blocks: int = 2,
        time_width: int = 128,
        patch_size: int = 1,
        dropout: float = 0.0,
        *,
        num_classes: int = 0,
    ) -> None:
        check_ranges(
            base_channels=(base_channels, SIZE),
            multipliers=(list(multipliers), LAYERS),
            blocks_per_stage=(blocks_per_stage, LAYERS),
            bottleneck_blocks=(bottleneck_blocks, "[0, 1000]"),
        )
        super().__init__()
        self.patch_size, self.time_width = patch_size, time_width
        self.blocks_per_stage, self.dropout = blocks_per_stage, dropout
        self.widths = [base_channels * m for m in multipliers]
        self.embedding = TimeEmbedding(time_width, num_classes=num_classes)
        self.stem = Stem(base_channels, patch_size)
        self.stages, self.downs = nn.ModuleList(), nn.ModuleList()
        channels = base_channels
        self.skip_widths = [base_channels]
        for i, width in enumerate(self.widths):
            if i > 0:
                self.downs.append(nn.Conv2d(channels, channels, 3, stride=2, padding=1))
                self.skip_widths.append(channels)
            blocks = [
                ResBlock(channels if b == 0 else width, width, time_width, dropout) for b in range(blocks_per_stage)
            ]
            self.stages.append(nn.ModuleList(blocks))
            self.skip_widths += [width] * blocks_per_stage
            channels = width
        self.bottleneck = nn.ModuleList(
            ResBlock(channels, channels, time_width, dropout) for _ in range(bottleneck_blocks)
        )

    def forward(self, x: Tensor, c_noise: Tensor, y: Tensor | None = None) -> tuple[Tensor, list[Tensor], Tensor]:
        """Bottleneck ``(B, C, F', L')``, skips from shallow to deep (widths ``skip_widths``), time embedding.

        The input is scaled log-Mels ``(B, 1, F, L)``, F and L divisible by patch_size * 2 ** (stages - 1). An encoder
        with classes reads labels ``y`` ``(B,)``, :data:`NO_LABEL` for none.
        """
        time = self.embedding(c_noise, y)
        h = self.stem(x)
        skips = [h]
        for i, stage in enumerate(self.stages):
            if i > 0:
                h = self.downs[i - 1](h)
                skips.append(h)
            for block in stage.children():
                h = block(h, time)
                skips.append(h)
        for block in self.bottleneck:
            h = block(h, time)
        return h, skips, time
