"""Drawing samples: what both generators offer to `predict`, to callbacks and to notebooks."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lightning_modules.audio import GriffinLim, LogMel, Vocoder
from lightning_modules.base import NoisyModule
from lightning_modules.diffusion import ClassifierGuidance, Denoiser, Sampling, TimeDistribution
from lightning_modules.errors import InputError
from lightning_modules.frozen_classifier import FrozenClassifier
from lightning_modules.optimization import Optimization


class Generated(NamedTuple):
    """What drawing returns.

    Attributes:
        waveform: ``(B, N)`` in [-1, 1].
        x_0: ``(B, 1, F, L)`` scaled log-Mels.
        nfe: denoiser evaluations per sample.
    """

    waveform: Tensor
    x_0: Tensor
    nfe: int


class Generator(NoisyModule):
    """A module with a denoiser, and perhaps a frozen classifier that can guide it; not used by itself.

    Attributes:
        denoiser: ``(x_t, t)`` to an estimate of ``x_0``.
        network: the denoiser's network, registered here and not there.
        classifier: the classifier that guides, or None.
        sampling: settings of the current run; never stored in checkpoints.
    """

    front_end: LogMel
    denoiser: Denoiser
    network: nn.Module

    def __init__(self, optimization: Optimization | None, times: TimeDistribution | None) -> None:
        super().__init__(optimization, times)
        self.classifier: FrozenClassifier | None = None
        self.sampling = Sampling()
        self._vocoder: Vocoder | None = None

    def predict_step(self, batch: Any, batch_idx: int) -> Generated:
        """Draw what a request batch asks for, with the settings of :attr:`sampling`."""
        return self.draw(batch.y, batch.seed.tolist(), self.sampling)

    @property
    def vocoder(self) -> Vocoder:
        """Turns log-Mels into waveforms; Griffin-Lim unless :meth:`use_vocoder` chose another."""
        if self._vocoder is None:
            self.use_vocoder(GriffinLim(self.front_end))
        assert self._vocoder is not None
        return self._vocoder

    def use_vocoder(self, vocoder: Vocoder) -> None:
        """Synthesise with ``vocoder`` from now on; it is not part of checkpoints.

        Raises:
            InputError: it was made for another front end, or its weights cannot be had.
        """
        if differences := self.front_end.differences(vocoder.front_end):
            raise InputError(f"vocoder and model must share one front end, they differ in {'; '.join(differences)}")
        vocoder.prepare()
        object.__setattr__(self, "_vocoder", vocoder)  # not a submodule: neither saved nor wrapped by DDP

    def parts(self, guided: bool) -> list[nn.Module]:
        """Networks that an evaluation reads, with the class gradient or without."""
        return [self.network, *([self.classifier] if guided and self.classifier is not None else [])]

    @property
    def title(self) -> str:
        """Name of the model in tables."""
        return type(self).__name__.removesuffix("Module")

    def check_guidance(self, labels: list[int], guidance_scale: float) -> None:
        """Refuse labels that cannot be guided to.

        Raises:
            InputError: there is no classifier, or it was not trained on a label.
        """
        wanted = sorted({label for label in labels if label >= 0})
        if guidance_scale == 0 or not wanted:
            return
        if self.classifier is None:
            raise InputError(
                "guidance needs a classifier and this model has none: set guidance_scale 0 or train with one"
            )
        if unknown := [label for label in wanted if label not in self.classifier.labels]:
            raise InputError(
                f"cannot guide to digit {unknown[0]}: the classifier was trained on {self.classifier.labels}"
            )

    @torch.no_grad()
    def draw(self, y: Tensor, seeds: list[int], sampling: Sampling) -> Generated:
        """Samples for digits ``y`` ``(B,)``, -1 for none, and one seed each; see :class:`Sampling`."""
        self.check_guidance(y.tolist(), sampling.guidance_scale)
        with torch.inference_mode(False):
            wanted = y.clone() if bool((y >= 0).any()) else None  # without a label no class gradient is computed
            x_0, nfe = sampling.draw(self.denoiser, self.sde, self.front_end.shape, wanted, seeds, self.device)
            return Generated(self.vocoder.to(self.device)(x_0), x_0, nfe)

    def sample(
        self, labels: list[int], guidance_scale: float = 3.0, seed: int = 0, num_steps: int = 100
    ) -> tuple[Tensor, Tensor]:
        """Speak ``labels``: the j-th sample uses seed ``seed + j``.

        Args:
            labels: digits 0 to 9; -1 leaves one unguided.
            guidance_scale: gamma, at least 0.
            seed: first seed.
            num_steps: sampler steps.

        Returns:
            Waveforms ``(len(labels), 16000)`` in [-1, 1] at the front end's rate, and their scaled log-Mels
            ``(len(labels), 1, F, L)``, both on the CPU.

        Raises:
            InputError: a label is no digit, or the classifier cannot guide to it.
            ValueError: ``guidance_scale`` is negative or ``num_steps`` below 1.
        """
        if bad := [label for label in labels if label not in range(-1, 10)]:
            raise InputError(f"labels must be digits 0 to 9, or -1 for none, got {bad[0]}")
        sampling = self.sampling.replace(guidance_scale=guidance_scale, num_steps=num_steps)
        y = torch.tensor(labels, device=self.device)
        drawn = self.draw(y, [seed + j for j in range(len(labels))], sampling)
        return drawn.waveform.cpu(), drawn.x_0.cpu()

    def cost_probe(self, guidance_scale: float = 0.0) -> Any:
        """A function of a batch size that evaluates the (guided) denoiser once, for counting its cost."""
        guided = ClassifierGuidance(self.denoiser, self.sde, guidance_scale)

        def evaluate(batch_size: int) -> None:
            x_t = torch.randn(batch_size, *self.front_end.shape, device=self.device)
            guided(
                x_t,
                torch.full((batch_size,), 0.5, device=self.device),
                torch.zeros(batch_size, dtype=torch.long, device=self.device),
            )

        return evaluate
