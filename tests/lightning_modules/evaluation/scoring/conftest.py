"""A judge, its reference, and predictions as it might make them."""

import pytest
import torch

from lightning_modules.evaluation.scoring.measures import Predictions
from lightning_modules.evaluation.scoring.references import Reference
from lightning_modules.metrics import FeatureBins, FeatureStatistics


@pytest.fixture
def seen():
    """Makes predictions of ``count`` clips whose classes cluster in 6 features."""

    def make(count, seed=0, labelled=True, shift=0.0):
        generator = torch.Generator().manual_seed(seed)
        y = torch.arange(count) % 10
        logits = torch.randn(count, 10, generator=generator) + 4.0 * torch.nn.functional.one_hot(y, 10)
        centres = torch.randn(10, 6, generator=torch.Generator().manual_seed(99))
        features = centres[y] + 0.3 * torch.randn(count, 6, generator=generator) + shift
        digits = y if labelled else torch.full_like(y, -1)
        return Predictions(logits.log_softmax(dim=1), features, digits, torch.arange(count))

    return make


@pytest.fixture
def reference(seen):
    """A reference of 200 training and 100 test clips, with two bins."""
    train, test = seen(200, seed=1), seen(100, seed=2)
    x = train.features.double()
    bins = FeatureBins(x[:2], torch.tensor([150.0, 50.0]))
    mean_probs = train.log_probs.double().exp().mean(dim=0)
    return Reference(train, test, FeatureStatistics(x.mean(dim=0), x.T.cov(), 200), mean_probs, bins, "", 0.5)
