"""Guided sampling, metric logging and safety as Lightning callbacks."""

from callbacks.channels_last import ChannelsLast
from callbacks.compile import Compile
from callbacks.cost_report import CostReport
from callbacks.ema import EMA
from callbacks.frozen_guard import FrozenGuard
from callbacks.generation_metrics import GenerationMetrics
from callbacks.guided_sampling import GuidedSampling
from callbacks.non_finite_guard import NonFiniteGuard
from callbacks.sample_scores import SampleScores
from callbacks.sample_writer import SampleWriter
from callbacks.stop_on_signal import StopOnSignal

__all__ = [
    "EMA", "ChannelsLast", "Compile", "CostReport", "FrozenGuard", "GenerationMetrics", "GuidedSampling",
    "NonFiniteGuard", "SampleScores", "SampleWriter", "StopOnSignal",
]  # fmt: skip
