"""The evaluator recognises digits, to score generated speech; it is trained apart from the classifier that guides."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from lightning_modules.audio import DecibelMel, SpeechAugmentation, Waveform
from lightning_modules.bases.classes import check_logits, try_out
from lightning_modules.bases.corpus import CorpusModule
from lightning_modules.errors import InputError
from lightning_modules.networks import ResNeXt
from lightning_modules.optimization import Optimization
from lightning_modules.ranges import BELOW_ONE, check_ranges


class EvaluatorModule(CorpusModule):
    """Trains a digit recogniser that scores generated speech; its corpus must have the front end ``Waveform``.

    It has an architecture of its own, is trained on clean recordings without diffusion noise, and never guides.

    Args:
        network: maps ``(B, 1, 32, 32)`` decibels to logits and features; default the SC09 benchmark's ResNeXt.
        augmentation: applied to training clips; null trains on clips as they are.
        label_smoothing: share of the target spread over all classes.
        front_end: what the corpus stores; linked to the data's, samples only.
        optimization: optimiser and learning-rate schedule.

    Attributes:
        val_accuracy: share of validation clips that the latest validation recognised, in [0, 1]; checkpoints store it.
            None before any validation: the sanity check reads a few clips only and does not count.
    """

    front_end: Waveform

    def __init__(
        self,
        network: nn.Module | None = None,
        augmentation: SpeechAugmentation | None = None,
        label_smoothing: float = 0.0,
        front_end: Waveform | None = None,
        optimization: Optimization | None = None,
    ) -> None:
        check_ranges(label_smoothing=(label_smoothing, BELOW_ONE))
        super().__init__(optimization)
        self.save_hyperparameters()
        self.network = network or ResNeXt()
        self.front_end = front_end or Waveform()
        self.decibel_mel = DecibelMel(self.front_end.sample_rate)
        self.augmentation = augmentation  # has nothing to train or to save
        self.label_smoothing = label_smoothing
        accuracies = {f"{stage}_accuracy": MulticlassAccuracy(10, average="micro") for stage in ("val", "test")}
        self.accuracies = nn.ModuleDict(accuracies)
        self.val_accuracy: float | None = None

    def check_data(self, datamodule: Any) -> None:
        super().check_data(datamodule)
        silence = torch.zeros(2, self.front_end.num_samples, device=self.device)
        mels = tuple(self.decibel_mel(silence).shape[1:])
        expected = f"decibels (B, {', '.join(map(str, mels))}) to logits (B, K) and features (B, D)"
        made = try_out(self.network, lambda: self.network(self.decibel_mel(silence)), expected)
        if not isinstance(made, tuple | list) or len(made) != 2 or not isinstance(made[1], Tensor) or made[1].ndim != 2:
            raise InputError(f"{type(self.network).__name__} must map {expected}, it gives a {type(made).__name__}")
        check_logits(made[0], self.labels, self.network, exactly=True)

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities ``(B, K)`` and features ``(B, D)`` of waveforms ``(B, N)``."""
        logits, features = self.network(self.decibel_mel(waveform))
        return logits.float().log_softmax(dim=1), features

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        waveform = batch.x_0 if self.augmentation is None else self.augmentation(batch.x_0)
        logits, _ = self.network(self.decibel_mel(waveform))
        loss = F.cross_entropy(logits.float(), batch.y, label_smoothing=self.label_smoothing)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def evaluate(self, stage: str, batch: Any) -> None:
        log_probs, _ = self(batch.x_0)
        accuracy = self.accuracies[f"{stage}_accuracy"]
        accuracy(log_probs, batch.y)
        self.log(f"{stage}/accuracy", accuracy, on_epoch=True, prog_bar=True)
        self.log(f"{stage}/loss", F.nll_loss(log_probs, batch.y), on_epoch=True, sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        # Before Lightning resets the metric, and before any checkpoint that this validation may cause.
        if not self.trainer.sanity_checking:
            self.val_accuracy = float(self.accuracies["val_accuracy"].compute())

    def metadata(self) -> dict[str, Any]:
        return {**super().metadata(), "val_accuracy": self.val_accuracy}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.val_accuracy = checkpoint.get("scoretap", {}).get("val_accuracy")

    def cost_probe(self) -> Any:
        """A function of a batch size that evaluates the network once, for counting its cost."""
        return lambda batch_size: self(torch.zeros(batch_size, self.front_end.num_samples, device=self.device))
