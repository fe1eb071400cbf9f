"""Drawing samples: what both generators offer to `predict`, to callbacks and to notebooks."""

from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lightning_modules.audio import LogMel, Vocoder
from lightning_modules.bases.batch_size import choose_batch_size
from lightning_modules.bases.frozen_classifier import FrozenClassifier
from lightning_modules.bases.noisy import NoisyModule
from lightning_modules.checkpoints.vocoders import default_vocoder
from lightning_modules.diffusion import Denoiser, Sampling, TimeDistribution
from lightning_modules.errors import InputError
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
    """A module with a denoiser, guided perhaps by a frozen classifier or by labels of its own; not used by itself.

    Attributes:
        denoiser: ``(x_t, t)`` to an estimate of ``x_0``.
        network: the denoiser's network, registered here and not there.
        classifier: a frozen classifier that can guide, or None.
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
        """Turns log-Mels into waveforms; a default one unless :meth:`use_vocoder` chose another.

        That is the shipped vocoder of the front end, or Griffin-Lim where none was trained on it.
        """
        if self._vocoder is None:
            self.use_vocoder(default_vocoder(self.front_end))
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
        asked = self.classifier if guided and not self.is_classifier_free() else None
        return [self.network, *([asked] if asked is not None else [])]

    def is_classifier_free(self, sampling: Sampling | None = None) -> bool:
        """Whether guidance comes from the network's own labels, with ``sampling`` or the current settings."""
        return (sampling or self.sampling).is_classifier_free(getattr(self, "denoiser", None))

    def guided_labels(self, sampling: Sampling | None = None) -> list[int]:
        """Digits that guidance knows with ``sampling``, or the current settings; none where nothing guides."""
        if not self.is_classifier_free(sampling):
            return list(self.classifier.labels) if self.classifier is not None else []
        return [label for label in self.labels if label < getattr(self.network, "num_classes", 0)]

    @property
    def title(self) -> str:
        """Name of the model in tables."""
        return type(self).__name__.removesuffix("Module")

    def check_guidance(self, labels: list[int], sampling: Sampling) -> None:
        """Refuse labels that cannot be guided to with ``sampling``.

        Raises:
            InputError: there is nothing that guides as asked, or it was not trained on a label.
        """
        wanted = sorted({label for label in labels if label >= 0})
        if sampling.guidance_scale == 0 or not wanted:
            return
        free, known = self.is_classifier_free(sampling), self.guided_labels(sampling)
        if free and not known:
            raise InputError(
                "classifier-free guidance needs a network trained with labels and this one was not: leave out "
                "guidance_by, or train one with num_classes 10"
            )
        if free and sampling.guidance_at == "denoised":
            raise InputError(
                "guidance_at denoised asks a classifier, classifier-free guidance has none: leave it out, or set "
                "guidance_by classifier"
            )
        if not free and self.classifier is None:
            raise InputError(
                "guidance needs a classifier and this model has none: set guidance_scale 0 or train with one"
            )
        if unknown := [label for label in wanted if label not in known]:
            raise InputError(
                f"cannot guide to digit {unknown[0]}: the {'network' if free else 'classifier'} was trained on {known}"
            )

    @torch.no_grad()
    def draw(self, y: Tensor, seeds: list[int], sampling: Sampling) -> Generated:
        """Samples for digits ``y`` ``(B,)``, -1 for none, and one seed each; see :class:`Sampling`."""
        self.check_guidance(y.tolist(), sampling)
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
            InputError: a label is no digit, or nothing guides to it.
            ValueError: ``guidance_scale`` is negative or ``num_steps`` below 1.
        """
        if bad := [label for label in labels if label not in range(-1, 10)]:
            raise InputError(f"labels must be digits 0 to 9, or -1 for none, got {bad[0]}")
        sampling = self.sampling.replace(guidance_scale=guidance_scale, num_steps=num_steps)
        y = torch.tensor(labels, device=self.device)
        drawn = self.draw(y, [seed + j for j in range(len(labels))], sampling)
        return drawn.waveform.cpu(), drawn.x_0.cpu()

    @torch.no_grad()
    def fitting_batch_size(self, y: Tensor, most: int, sampling: Sampling | None = None) -> int:
        """How many of ``most`` samples a process should draw at once, tried out: the same on all processes.

        Args:
            y: labels that will be asked for, -1 for none.
            most: number of samples per process.
            sampling: settings of drawing; by default the current ones.
        """
        brief = (sampling or self.sampling).replace(num_steps=2, compile=False)
        label, trainer, training = int(y.max()), self._trainer, self.training
        gamma = brief.guidance_scale if label >= 0 else 0.0

        def draw(count: int) -> None:
            self.draw(torch.full((count,), label, device=self.device), list(range(count)), brief)

        self.eval()
        with trainer.precision_plugin.forward_context() if trainer else nullcontext(), torch.inference_mode(False):
            size = choose_batch_size(draw, self.cost_probe(gamma), self.device, most)
        self.train(training)
        if trainer is not None and trainer.world_size > 1:
            size = int(trainer.strategy.all_gather(torch.tensor(size, device=self.device)).min())
        if trainer is None or trainer.is_global_zero:
            print(f"batch_size auto: {size} at a time")
        return size

    def cost_probe(self, guidance_scale: float = 0.0) -> Any:
        """A function of a batch size that evaluates the (guided) denoiser once, for counting its cost."""
        sampling = Sampling(guidance_scale, guidance_by=self.sampling.guidance_by)  # any schedule may rest at a time
        guided = sampling.guide(self.denoiser, self.sde)

        def evaluate(batch_size: int) -> None:
            x_t = torch.randn(batch_size, *self.front_end.shape, device=self.device)
            guided(
                x_t,
                torch.full((batch_size,), 0.5, device=self.device),
                torch.zeros(batch_size, dtype=torch.long, device=self.device),
            )

        return evaluate
