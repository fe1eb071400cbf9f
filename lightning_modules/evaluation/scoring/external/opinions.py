"""Averages the opinion scores that other packages predict for clips, one package a class."""

import contextlib
import io
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from lightning_modules.evaluation.scoring.external.metric import SAMPLE_RATE, ExternalMetric, Outcome
from lightning_modules.metrics import bootstrap


class OpinionScore(ExternalMetric):
    """Measures the mean over clips of predicted opinion scores (1 to 5), with its bootstrap 95 % interval."""

    @abstractmethod
    def score(self, waveform: Tensor) -> Tensor:
        """Predict scores ``(B,)`` of waveforms ``(B, N)``, one second each at 16 kHz."""

    def measure(self, clips: Iterable[Tensor]) -> Outcome:
        with torch.no_grad():
            scores = torch.cat([self.score(batch).double().flatten() for batch in clips])
        failed = int((~scores.isfinite()).sum())
        if failed:
            return {}, [f"{self.name}: {failed} of {len(scores)} clips have no finite score"]
        if len(scores) < 2:
            note = f"{self.name} interval: expected at least 2 clips, got {len(scores)}"
            return {self.name: float(scores.mean())}, [note]
        return bootstrap(scores).figures(self.name), []


class DistillMos(OpinionScore):
    """Measures ``distillmos``: speech quality as listeners rate it, by the package of that name (MIT).

    Stahl & Gamper 2025 (arXiv:2502.05356). The weights lie in the package. It fills a clip of a second with zeros to
    7.7 s, so compare its scores with those of real clips of the same length only.
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        super().__init__("distillmos")
        self.device = torch.device(device)
        self._network: Any = None

    def prepare(self) -> None:
        import distillmos

        with contextlib.redirect_stdout(io.StringIO()):  # the package prints where its weights lie
            self._network = distillmos.ConvTransformerSQAModel().to(self.device).eval()

    def score(self, waveform: Tensor) -> Tensor:
        # Eight clips at a time: the network sees 7.7 s of each.
        return torch.cat([self._network(part.to(self.device)).flatten().cpu() for part in waveform.split(8)])


class Dnsmos(OpinionScore):
    """Measures ``dnsmos``: overall quality of speech in noise (OVRL), by the package ``speechmos`` (MIT).

    Reddy et al. 2022 (arXiv:2110.01763). The weights lie in the package, which runs them by ONNX Runtime. It repeats a
    clip of a second to 9 s, so compare its scores with those of real clips of the same length only.
    """

    def __init__(self) -> None:
        super().__init__("dnsmos")
        self._run: Callable[..., dict[str, float]] | None = None

    def prepare(self) -> None:
        from speechmos import dnsmos

        self._run = dnsmos.run

    def score(self, waveform: Tensor) -> Tensor:
        assert self._run is not None
        clips = waveform.clamp(-1.0, 1.0).double().numpy()  # the package refuses what lies outside
        return torch.tensor([float(self._run(clip, SAMPLE_RATE)["ovrl_mos"]) for clip in clips])
