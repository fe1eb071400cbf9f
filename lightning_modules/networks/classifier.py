"""The noise-conditioned classifier: the encoder half of a U-Net with logits on top."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_modules.networks.blocks import group_norm
from lightning_modules.networks.encoder import Encoder


class Classifier(Encoder):
    """Class logits of noisy log-Mels (Makarov and Gerkmann 2026, arXiv:2606.20457, Section 3).

    It is an :class:`Encoder`, so its taps are called ``stem``, ``stages.0.0`` and so on.

    Args:
        input_shape: ``(F, L)`` of the log-Mels.
        num_classes: logits, K.
        base_channels: channels of the stem and the first stage.
        multipliers: channels of each stage, in units of ``base_channels``.
        blocks_per_stage: ResBlocks in each stage.
        bottleneck_blocks: ResBlocks after the last stage.
        time_width: width of the time embedding.
        patch_size: side of the square of the input that becomes one position of the stem.
        dropout: dropout inside ResBlocks and before the logits.
        noise_conditioned: whether it reads the noise level; otherwise ``c_noise`` is taken for 0.

    Raises:
        ValueError: the input shape cannot be halved as often as there are stages.
    """

    def __init__(
        self,
        input_shape: tuple[int, int] = (80, 64),
        num_classes: int = 10,
        base_channels: int = 64,
        multipliers: Sequence[int] = (1, 2, 4),
        blocks_per_stage: int = 3,
        bottleneck_blocks: int = 2,
        time_width: int = 128,
        patch_size: int = 1,
        dropout: float = 0.0,
        noise_conditioned: bool = True,
    ) -> None:
        super().__init__(
            base_channels, multipliers, blocks_per_stage, bottleneck_blocks, time_width, patch_size, dropout
        )
        self.noise_conditioned = noise_conditioned
        shrink = patch_size * 2 ** (len(multipliers) - 1)
        if any(side % shrink for side in input_shape):
            raise ValueError(f"expected an input shape divisible by {shrink}, got {tuple(input_shape)}")
        positions = (input_shape[0] // shrink) * (input_shape[1] // shrink)
        self.logits = nn.Sequential(
            group_norm(self.widths[-1]),
            nn.SiLU(),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(self.widths[-1] * positions, num_classes),
        )

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:  # type: ignore[override]
        """Logits ``(B, K)`` of scaled input ``(B, 1, F, L)`` at noise level ``c_noise`` ``(B,)``."""
        return self.logits(super().forward(x, c_noise if self.noise_conditioned else torch.zeros_like(c_noise))[0])
