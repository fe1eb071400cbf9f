"""The noise-conditioned classifier: the encoder half of a U-Net with logits on top."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.networks.blocks import group_norm
from lightning_modules.networks.encoder import Encoder
from lightning_modules.ranges import SIZE, check_ranges


class Classifier(Encoder):
    """Class logits of noisy log-Mels (Makarov and Gerkmann 2026, arXiv:2606.20457, Section 3).

    It is an :class:`Encoder`, so its taps are called ``stem``, ``stages.0.0`` and so on.

    Args:
        input_shape: ``(F, L)`` of the log-Mels.
        num_classes: logits, K.
        noise_conditioned: whether it reads the noise level; otherwise ``c_noise`` is taken for 0.
        settings: those of :class:`Encoder`.

    Raises:
        ValueError: the input shape cannot be halved as often as there are stages.
    """

    def __init__(
        self,
        input_shape: tuple[int, int] = (80, 64),
        num_classes: int = 10,
        *settings: Any,
        noise_conditioned: bool = True,
        **named_settings: Any,
    ) -> None:
        check_ranges(input_shape=(list(input_shape), SIZE), num_classes=(num_classes, SIZE))
        super().__init__(*settings, **named_settings)
        self.noise_conditioned = noise_conditioned
        shrink = self.patch_size * 2 ** len(self.downs)
        if any(side % shrink for side in input_shape):
            raise ValueError(f"expected an input shape divisible by {shrink}, got {tuple(input_shape)}")
        positions = (input_shape[0] // shrink) * (input_shape[1] // shrink)
        self.logits = nn.Sequential(
            group_norm(self.widths[-1]),
            nn.SiLU(),
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(self.widths[-1] * positions, num_classes),
        )

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:  # type: ignore[override]
        """Logits ``(B, K)`` of scaled input ``(B, 1, F, L)`` at noise level ``c_noise`` ``(B,)``."""
        return self.logits(super().forward(x, c_noise if self.noise_conditioned else torch.zeros_like(c_noise))[0])
