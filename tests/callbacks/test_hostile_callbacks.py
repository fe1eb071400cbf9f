"""Settings of callbacks out of their ranges."""

import pytest
from tiny import check_refusal

from callbacks import EMA, GenerationMetrics, GuidedSampling, NonFiniteGuard, SampleScores

NAN, INF = float("nan"), float("inf")

CASES = [
    (lambda: EMA(1), "decay"),
    (lambda: EMA(-0.1), "decay"),
    (lambda: EMA(NAN), "decay"),
    (lambda: EMA(INF), "decay"),
    (lambda: GuidedSampling(every_n_epochs=0), "every_n_epochs"),
    (lambda: GuidedSampling(every_n_epochs=-1), "every_n_epochs"),
    (lambda: GuidedSampling(every_n_steps=0), "every_n_steps"),
    (lambda: GuidedSampling(every_n_epochs=None), "every_n_epochs"),
    (lambda: GuidedSampling(guidance_scales=[]), "guidance_scales"),
    (lambda: GuidedSampling(guidance_scales=[NAN]), "guidance_scales"),
    (lambda: GuidedSampling(guidance_scales=[-1.0]), "guidance_scales"),
    (lambda: GuidedSampling(num_steps=0), "num_steps"),
    (lambda: GuidedSampling(num_steps=10**9), "num_steps"),
    (lambda: GuidedSampling(seed=-1), "seed"),
    (lambda: GuidedSampling(seed=2**63 - 1), "seed"),
    (lambda: GenerationMetrics("e", every_n_epochs=0), "every_n_epochs"),
    (lambda: GenerationMetrics("e", count=1), "count"),
    (lambda: GenerationMetrics("e", count=10**12), "count"),
    (lambda: GenerationMetrics("e", seed=-1), "seed"),
    (lambda: GenerationMetrics("e", guidance_scale=NAN), "guidance_scale"),
    (lambda: GenerationMetrics("e", num_steps=0), "num_steps"),
    (lambda: GenerationMetrics("e", minimum_accuracy=NAN), "minimum_accuracy"),
    (lambda: GenerationMetrics("e", batch_size=0), "batch_size"),
    (lambda: SampleScores(count=1), "count"),
    (lambda: SampleScores(count=10**12), "count"),
    (lambda: SampleScores(seed=-1), "seed"),
    (lambda: SampleScores(minimum_accuracy=2), "minimum_accuracy"),
    (lambda: SampleScores(batch_size=10**9), "batch_size"),
    (lambda: NonFiniteGuard(max_skips=-1), "max_skips"),
]


@pytest.mark.parametrize(("build", "word"), CASES)
def test_refused_in_one_sentence(build, word):
    check_refusal(build, word)
