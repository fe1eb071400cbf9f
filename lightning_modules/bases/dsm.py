"""Denoising score matching on a corpus: the wiring that both generators share."""

from typing import Any

import torch
from torch import Tensor

from lightning_modules.bases.frozen_classifier import BackboneMode, FrozenClassifier, control, describe_classifier
from lightning_modules.bases.generator import Generator
from lightning_modules.checkpoints.reading import fingerprint
from lightning_modules.diffusion import Denoiser, Parameterization, Preconditioned, TimeDistribution, dsm_loss
from lightning_modules.errors import InputError
from lightning_modules.optimization import Optimization


class DSMModule(Generator):
    """Base of the Score Subnet and U-Net modules: subclasses make ``denoiser`` in :meth:`assemble`.

    Args:
        classifier: path or name of a classifier checkpoint. It is opened once, when the module is first used, and
            replaced by its description, so that checkpoints of this module need no other file.
        parameterization: what the network's output means; default preconditioned.
        times: distribution of training times; default uniform.
        optimization: optimiser and learning-rate schedule.
        label_dropout: probability that training hides an example's label from a conditional network, in (0, 1).

    Raises:
        ValueError: ``label_dropout`` is out of range.
    """

    def __init__(
        self,
        classifier: str | dict | None,
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
        self._classifier_path = classifier if isinstance(classifier, str) else None
        self._classifier_description = classifier if isinstance(classifier, dict) else None
        self.backbone_mode: BackboneMode = "frozen"
        self._assembled = False

    def assemble(self) -> None:
        """Build everything that depends on the classifier. Runs once; later calls do nothing.

        Raises:
            InputError: the classifier cannot be read or does not fit.
        """
        if self._assembled:
            return
        weights = None
        if self._classifier_path is not None:
            self._classifier_description, weights = describe_classifier(self._classifier_path)
            self.hparams["classifier"] = self._classifier_description
        if self._classifier_description is not None:
            if self.backbone_mode == "random" and weights is not None:
                self.classifier = control(self._classifier_description)
            else:
                self.classifier = FrozenClassifier(self._classifier_description)
                if weights is not None:
                    self.classifier.network.load_state_dict(weights)
        object.__setattr__(self, "denoiser", self.make_denoiser())  # its network is registered once, as `network`
        self._assembled = True

    def make_denoiser(self) -> Denoiser:
        """The denoiser, with its network registered on this module."""
        raise NotImplementedError

    @property
    def frozen(self) -> FrozenClassifier | None:
        """The part that training must not change, but for its parameters that ask for gradients."""
        return self.classifier

    def setup(self, stage: str) -> None:
        self.assemble()
        super().setup(stage)

    def check_data(self, datamodule: Any) -> None:
        super().check_data(datamodule)
        if self.denoiser.conditional:
            self._check_classes(getattr(datamodule, "labels", []))
        known = self.classifier.labels if self.classifier else range(10)
        if unknown := [label for label in getattr(datamodule, "labels", []) if label not in known]:
            raise InputError(
                f"the classifier was trained on digits {list(known)}, the data hold {unknown[0]} too: "
                "choose labels among them, or pretrain a classifier on all"
            )

    def _check_classes(self, labels: list[int]) -> None:
        if (classes := int(getattr(self.network, "num_classes", 0))) <= max(labels, default=-1):
            raise InputError(
                f"the network is told digits below {classes}, the data hold {max(labels)}: set its num_classes to 10"
            )

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        self.assemble()
        return super().load_state_dict(state_dict, strict, assign)

    def losses(self, batch: Any, t: Tensor, eps: Tensor) -> Tensor:
        """DSM loss ``(B,)`` of the batch's log-Mels at times ``t`` with noise ``eps``.

        A conditional network is told the labels, in training not all of them.
        """
        y = self._told(batch.y) if self.denoiser.conditional else None
        return dsm_loss(self.denoiser, self.sde, batch.x_0, t, eps, y)

    def _told(self, y: Tensor) -> Tensor:
        if not self.training:
            return y
        return y.masked_fill(torch.rand(len(y), device=y.device) < self.label_dropout, -1)

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
