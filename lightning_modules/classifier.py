"""The classifier is trained on noisy log-Mels; frozen, it is the backbone of a Score Subnet."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.audio import LogMel
from lightning_modules.bases.classes import check_logits, try_out
from lightning_modules.bases.noisy import NoisyModule
from lightning_modules.diffusion import VPSDE, InputScaling, TimeDistribution
from lightning_modules.networks import Classifier
from lightning_modules.optimization import Optimization
from lightning_modules.ranges import BELOW_ONE, check_ranges


class ClassifierModule(NoisyModule):
    r"""Trains :math:`p(y \mid x_t, t)` at random noise levels (Makarov and Gerkmann 2026, arXiv:2606.20457, Section 3).

    Args:
        network: maps scaled input ``(B, 1, F, L)`` and ``c_noise`` ``(B,)`` to logits ``(B, K)``; default
            :class:`~lightning_modules.networks.Classifier` at paper size.
        sde: diffusion process.
        sigma_data: standard deviation of the scaled log-Mels.
        front_end: analysis of the corpus; linked to the data's.
        label_smoothing: share of the target spread over all classes.
        times: distribution of training times; default uniform.
        optimization: optimiser and learning-rate schedule.
        clean: whether training uses the smallest noise level only, as for a classifier of clean speech; ``times`` is
            then ignored. Validation and test use all levels in either case.
    """

    tracked = ("loss", "accuracy")
    front_end: LogMel

    def __init__(
        self,
        network: nn.Module | None = None,
        sde: VPSDE | None = None,
        sigma_data: float = 0.35,
        front_end: LogMel | None = None,
        label_smoothing: float = 0.0,
        times: TimeDistribution | None = None,
        optimization: Optimization | None = None,
        clean: bool = False,
    ) -> None:
        check_ranges(label_smoothing=(label_smoothing, BELOW_ONE))
        super().__init__(optimization, times)
        self.save_hyperparameters()
        self.network = network or Classifier()
        self.sde = sde or VPSDE()
        self.scaling = InputScaling(self.sde, sigma_data)
        self.front_end = front_end or LogMel()
        self.label_smoothing, self.clean = label_smoothing, clean

    def check_data(self, datamodule: Any) -> None:
        super().check_data(datamodule)
        x_t = torch.zeros(2, *self.front_end.shape, device=self.device)
        t = torch.full((2,), 0.5, device=self.device)
        expected = f"scaled log-Mels {('B', *self.front_end.shape)} and c_noise (B,) to logits (B, K)".replace("'", "")
        logits = try_out(self.network, lambda: self(x_t, t), expected)
        check_logits(logits, getattr(datamodule, "labels", self.labels), self.network)

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Logits ``(B, K)`` of noisy log-Mels ``(B, 1, F, L)`` at times ``(B,)``."""
        return self.network(*self.scaling(x_t, t))

    def training_noise(self, x_0: Tensor) -> tuple[Tensor, Tensor]:
        t, eps = super().training_noise(x_0)
        return (torch.full_like(t, self.sde.t_min) if self.clean else t), eps

    def measures(self, batch: Any, t: Tensor, eps: Tensor) -> dict[str, Tensor]:
        logits = self(self.sde.perturb(batch.x_0, t, eps), t).float()
        losses = F.cross_entropy(logits, batch.y, label_smoothing=self.label_smoothing, reduction="none")
        return {"loss": losses, "accuracy": (logits.argmax(dim=1) == batch.y).float()}

    def cost_probe(self) -> Any:
        """A function of a batch size that evaluates the network once, for counting its cost."""
        return lambda batch_size: self(
            torch.randn(batch_size, *self.front_end.shape, device=self.device),
            torch.full((batch_size,), 0.5, device=self.device),
        )
