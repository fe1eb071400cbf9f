"""The base of both generators: it trains a denoiser by score matching, and draws samples with it."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lightning_modules.audio import LogMel, Vocoder
from lightning_modules.bases import batch_size
from lightning_modules.bases.frozen_classifier import BackboneMode, FrozenClassifier, open_classifier
from lightning_modules.bases.noisy import NoisyModule
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.checkpoints.vocoders import default_vocoder
from lightning_modules.diffusion import (
    Denoiser,
    Parameterization,
    Preconditioned,
    Sampling,
    TimeDistribution,
    dsm_loss,
)
from lightning_modules.errors import InputError
from lightning_modules.optimization import Optimization


class GeneratorOutput(NamedTuple):
    """The result of drawing.

    Attributes:
        waveform: ``(B, N)`` in [-1, 1].
        x_0: ``(B, 1, F, L)`` scaled log-Mels.
        nfe: denoiser evaluations per sample.
    """

    waveform: Tensor
    x_0: Tensor
    nfe: int


class Generator(NoisyModule):
    """Trains a denoiser and draws speech with it, guided perhaps by a frozen classifier or by the network's own labels.

    Not used by itself. A subclass calls :meth:`add_classifier` in its constructor, and sets ``network``, ``denoiser``,
    ``sde`` and ``front_end``.

    Args:
        parameterization: what the network's output means; default preconditioned.
        times: distribution of training times; default uniform.
        optimization: optimiser and learning-rate schedule.
        label_dropout: probability that training hides an example's label from a conditional network, in (0, 1).

    Attributes:
        denoiser: ``(x_t, t)`` to an estimate of ``x_0``.
        network: the denoiser's network.
        classifier: a frozen classifier that can guide, or None.
        backbone_mode: whether that classifier is trained further, or was never trained.
        sampling: settings of the current run; never stored in checkpoints.

    Raises:
        ValueError: ``label_dropout`` is out of range.
    """

    front_end: LogMel
    denoiser: Denoiser
    network: nn.Module

    def __init__(
        self,
        parameterization: Parameterization | None,
        times: TimeDistribution | None,
        optimization: Optimization | None,
        label_dropout: float,
    ) -> None:
        super().__init__(optimization, times)
        if not 0.0 < label_dropout < 1.0:  # guidance needs both the estimate with a label and the one without
            raise ValueError(f"label_dropout must be above 0 and below 1, got {label_dropout}")
        self.label_dropout = label_dropout
        self.parameterization = parameterization or Preconditioned()
        self.classifier: FrozenClassifier | None = None
        self.backbone_mode: BackboneMode = "frozen"
        self.sampling = Sampling()
        self._vocoder: Vocoder | None = None

    def add_classifier(self, source: str | dict[str, Any], mode: BackboneMode = "frozen") -> FrozenClassifier:
        """Build the classifier from a checkpoint's path or name, or from the description that was stored of one.

        Call it after ``save_hyperparameters``: the description takes the path's place there, so that checkpoints of
        this module need no other file.

        Raises:
            InputError: the classifier cannot be read.
        """
        self.classifier, self.backbone_mode = open_classifier(source, mode), mode
        self.hparams["classifier"] = self.classifier.description
        return self.classifier

    @property
    def frozen(self) -> FrozenClassifier | None:
        """The part that training must not change, but for its parameters that ask for gradients."""
        return self.classifier

    @property
    def title(self) -> str:
        """Name of the model in tables."""
        return type(self).__name__.removesuffix("Module")

    # Training

    def check_data(self, datamodule: Any) -> None:
        super().check_data(datamodule)
        labels = getattr(datamodule, "labels", [])
        if self.denoiser.conditional and (classes := self._num_classes()) <= max(labels, default=-1):
            raise InputError(
                f"the network reads digits below {classes}, the data hold {max(labels)}: set its num_classes to 10"
            )
        known = self.classifier.labels if self.classifier else range(10)
        if unknown := [label for label in labels if label not in known]:
            raise InputError(
                f"the classifier was trained on digits {list(known)}, the data hold {unknown[0]} too: "
                "choose labels among them, or pretrain a classifier on all"
            )

    def losses(self, batch: Any, t: Tensor, eps: Tensor) -> Tensor:
        """DSM loss ``(B,)`` of the batch's log-Mels at times ``t`` with noise ``eps``.

        A conditional network and label taps are told the labels, in training not all of them.
        """
        told = self.denoiser.conditional or self.denoiser.follows_labels
        y = self._visible_labels(batch.y) if told else None
        return dsm_loss(self.denoiser, self.sde, batch.x_0, t, eps, y)

    def _visible_labels(self, y: Tensor) -> Tensor:
        if not self.training:
            return y
        return y.masked_fill(torch.rand(len(y), device=y.device) < self.label_dropout, -1)

    def _num_classes(self) -> int:
        return int(getattr(self.network, "num_classes", 0))

    def measures(self, batch: Any, t: Tensor, eps: Tensor) -> dict[str, Tensor]:
        return {"loss": self.losses(batch, t, eps)}

    def metadata(self) -> dict[str, Any]:
        facts = super().metadata()
        return facts if self.classifier is None else {**facts, "classifier": self.classifier.fingerprint}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        if self.backbone_mode == "fine-tuned":  # `classifier` says where it started, `backbone` what is stored
            prefix = "classifier.network."
            stored = {k[len(prefix) :]: v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
            checkpoint["scoretap"]["backbone"] = fingerprint(stored)

    # Guidance

    def is_classifier_free(self, sampling: Sampling | None = None) -> bool:
        """Whether guidance comes from the network's own labels, with ``sampling`` or the current settings."""
        return (sampling or self.sampling).guidance_settings.is_classifier_free(self.denoiser)

    def guided_labels(self, sampling: Sampling | None = None) -> list[int]:
        """Digits that guidance knows with ``sampling``, or the current settings; none where nothing guides."""
        if not self.is_classifier_free(sampling):
            return list(self.classifier.labels) if self.classifier is not None else []
        if self.denoiser.conditional:
            return [label for label in self.labels if label < self._num_classes()]
        return list(self.labels) if self.denoiser.follows_labels else []

    def labels_to_ask(self, sampling: Sampling | None = None) -> list[int]:
        """Digits that samples drawn with ``sampling``, or the current settings, can be asked for.

        There are none where neither guidance nor the denoiser itself follows them.
        """
        followed = (sampling or self.sampling).guidance_scale > 0 or self.denoiser.follows_labels
        return self.guided_labels(sampling) if followed else []

    def check_guidance(self, labels: list[int], sampling: Sampling) -> None:
        """Refuse labels that cannot be guided to with ``sampling``, and steps that its time grid does not have.

        Raises:
            InputError: there is nothing that guides as asked, or it was not trained on a label, or steps do not fit.
        """
        try:
            sampling.time_grid(sampling.num_steps, self.sde)
        except ValueError as error:
            raise InputError(str(error)) from error
        sampling.guidance_settings.check(labels, self.guided_labels(sampling), self.denoiser)

    def parts(self, guided: bool) -> list[nn.Module]:
        """Networks that one evaluation of the denoiser uses, with the class gradient or without."""
        guide = self.classifier if guided and not self.is_classifier_free() else None
        return [self.network, *([guide] if guide is not None else [])]

    # Drawing

    @property
    def default_sampling(self) -> Sampling:
        """Settings of drawing where nobody chose any."""
        return Sampling()

    def predict_step(self, batch: Any, batch_idx: int) -> GeneratorOutput:
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

    @torch.no_grad()
    def draw(self, y: Tensor, seeds: list[int], sampling: Sampling) -> GeneratorOutput:
        """Draw samples for digits ``y`` ``(B,)``, -1 for none, and one seed each; see :class:`Sampling`."""
        self.check_guidance(y.tolist(), sampling)
        with torch.inference_mode(False):
            labels = y.clone() if bool((y >= 0).any()) else None  # without a label no class gradient is computed
            x_0, nfe = sampling.draw(self.denoiser, self.sde, self.front_end.shape, labels, seeds, self.device)
            return GeneratorOutput(self.vocoder.to(self.device)(x_0), x_0, nfe)

    def sample(
        self,
        labels: list[int],
        guidance_scale: float | None = None,
        seed: int = 0,
        num_steps: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Speak ``labels``: the j-th sample uses seed ``seed + j``.

        Args:
            labels: digits 0 to 9; -1 leaves one unguided.
            guidance_scale: gamma, at least 0; 3 by default, and 0 of a student, which has learned it.
            seed: first seed.
            num_steps: sampler steps; 100 by default, or as many as a student was made for.

        Returns:
            Waveforms ``(len(labels), 16000)`` in [-1, 1] at the front end's rate, and their scaled log-Mels
            ``(len(labels), 1, F, L)``, both on the CPU.

        Raises:
            InputError: a label is no digit, or nothing guides to it.
            ValueError: ``guidance_scale`` is negative or ``num_steps`` below 1.
        """
        if bad := [label for label in labels if label not in range(-1, 10)]:
            raise InputError(f"labels must be digits 0 to 9, or -1 for none, got {bad[0]}")
        own = self.default_sampling
        sampling = self.sampling.replace(
            guidance_scale=own.guidance_scale if guidance_scale is None else guidance_scale,
            num_steps=own.num_steps if num_steps is None else num_steps,
        )
        y = torch.tensor(labels, device=self.device)
        drawn = self.draw(y, [seed + j for j in range(len(labels))], sampling)
        return drawn.waveform.cpu(), drawn.x_0.cpu()

    def fitting_batch_size(self, y: Tensor, most: int, sampling: Sampling | None = None) -> int:
        """How many samples to draw at once; see :func:`~lightning_modules.bases.batch_size.fitting_batch_size`."""
        return batch_size.fitting_batch_size(self, y, most, sampling or self.sampling)

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


DSMModule = Generator  # its name in the package and in former versions
