"""Metrics of generated speech: each is a ``torchmetrics.Metric`` that gives one value over all processes.

``compute`` raises ValueError, with a sentence that says how many are expected, where there are too few clips; where
``update`` takes an ``index`` ``(B,)``, the place of each clip in file order, it needs it if several processes share the
clips, and ``compute`` raises ValueError if a place comes twice. D is ``num_features``, the width of the features, and K
is ``num_classes``.
"""

from lightning_modules.metrics.am_score import AMScore, am_from_sums
from lightning_modules.metrics.class_sums import ClassSums, ScoreIntervals
from lightning_modules.metrics.diversity import DiversityError, IntraClassDiversity
from lightning_modules.metrics.feature_statistics import FeatureMoments, FeatureStatistics
from lightning_modules.metrics.frechet import FrechetDistance, FrechetError, frechet_distance
from lightning_modules.metrics.half_samples import Scatter, half_sample_scatter, split_signs
from lightning_modules.metrics.inception import (
    InceptionScore,
    ModifiedInceptionScore,
    benchmark_inception_score,
    inception_from_sums,
    inception_score,
    modified_inception_from_sums,
    modified_inception_score,
    sampled_modified_inception_score,
)
from lightning_modules.metrics.intended_accuracy import IntendedAccuracy
from lightning_modules.metrics.kernel_distance import KernelDistance, kernel_distance
from lightning_modules.metrics.manifold import ManifoldMetrics
from lightning_modules.metrics.ndb import NDB, FeatureBins, fit_bins, proportions_differ
from lightning_modules.metrics.nearest_neighbour import (
    NearestTrainingNeighbour,
    distances_without_itself,
    nearest_distances,
)
from lightning_modules.metrics.noise_level import NoiseLevelMean
from lightning_modules.metrics.resampling import Interval, bootstrap, bootstrap_sums, disjoint_subsets, wilson_interval

__all__ = [
    "NDB", "AMScore", "ClassSums", "DiversityError", "FeatureBins", "FeatureMoments", "FeatureStatistics",
    "FrechetDistance", "FrechetError", "InceptionScore", "IntendedAccuracy", "Interval", "IntraClassDiversity",
    "KernelDistance", "ManifoldMetrics", "ModifiedInceptionScore", "NearestTrainingNeighbour", "NoiseLevelMean",
    "Scatter", "ScoreIntervals", "am_from_sums", "benchmark_inception_score", "bootstrap", "bootstrap_sums",
    "disjoint_subsets", "distances_without_itself", "fit_bins", "frechet_distance", "half_sample_scatter",
    "inception_from_sums", "inception_score", "kernel_distance", "modified_inception_from_sums",
    "modified_inception_score", "nearest_distances", "proportions_differ", "sampled_modified_inception_score",
    "split_signs", "wilson_interval",
]  # fmt: skip
