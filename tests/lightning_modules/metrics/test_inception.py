"""Inception scores against the formulas in NumPy and SciPy, and the benchmark's form against what is known of it."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from lightning_modules.metrics import (
    InceptionScore,
    ModifiedInceptionScore,
    benchmark_inception_score,
    inception_score,
    modified_inception_score,
    sampled_modified_inception_score,
)

SKEWED = np.array([40, 30, 10, 5, 5, 2, 2, 2, 2, 2]) / 100


def textbook(log_probs):
    p = log_probs.exp().numpy()
    return np.exp(np.mean([entropy(row, p.mean(0)) for row in p]))


def benchmark(log_probs):
    """Columns over the first half of a shuffled order, as entropies along axis 0 see them."""
    np.random.seed(0)
    p = log_probs.exp().numpy()[np.random.permutation(len(log_probs))]
    half, rest = p[: len(p) // 2], p[len(p) // 2 :]
    return np.exp(entropy(half, np.repeat(rest.mean(0)[None], len(half), axis=0)).mean())


def score(log_probs, metric=None):
    metric = metric or InceptionScore()
    for part in log_probs.split(17):
        metric.update(part)
    return metric.compute()


@pytest.mark.parametrize("count", [100, 101])
@pytest.mark.parametrize("frequencies", [None, SKEWED])
def test_both_forms(count, frequencies, predictions):
    log_probs = predictions(count, frequencies)
    found = score(log_probs)
    assert found["is"].item() == pytest.approx(textbook(log_probs), rel=1e-10)
    assert found["is_bench"].item() == pytest.approx(benchmark(log_probs), rel=1e-10)
    assert inception_score(log_probs).item() == pytest.approx(found["is"].item(), rel=1e-12)
    assert benchmark_inception_score(log_probs).item() == pytest.approx(found["is_bench"].item(), rel=1e-12)


def test_forms_agree_where_classes_are_balanced(predictions):
    found = score(predictions(4096))
    assert found["is_bench"].item() == pytest.approx(found["is"].item(), rel=0.01)


def test_benchmark_overstates_skewed_classes(predictions):
    found = score(predictions(4096, SKEWED))
    assert found["is_bench"] > 1.2 * found["is"]


def test_benchmark_does_not_count_classes(predictions):
    """Three classes are heard. Peaky traces of the others raise the benchmark's form beyond K, flat ones lower it."""
    peaky = predictions(4096, np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0]) / 3, sharpness=9.0)
    flat = torch.full((4096, 10), np.log(1e-3), dtype=torch.float64)
    flat[:, :3] = peaky[:, :3]
    peaky[:, 3:] = 2.0 * peaky[:, 3:] - 2.0
    for log_probs, low, high in ((peaky, 10.0, 20.0), (flat, 1.0, 1.5)):
        found = score(log_probs)
        assert found["is"].item() == pytest.approx(3.0, abs=0.05)
        assert low < found["is_bench"] < high


def test_second_half_cancels(predictions):
    log_probs = predictions(50)
    order = np.random.RandomState(0).permutation(50)
    changed = log_probs.clone()
    changed[order[25:]] = np.log(0.1)
    assert benchmark_inception_score(changed).item() == benchmark_inception_score(log_probs).item()
    assert inception_score(changed).item() != pytest.approx(inception_score(log_probs).item(), rel=1e-2)


@pytest.mark.parametrize("metric", [InceptionScore, ModifiedInceptionScore])
def test_rows_that_do_not_sum_to_one_are_normalised(metric, predictions):
    log_probs = predictions(50)
    off = torch.tensor(np.random.default_rng(0).normal(size=(50, 1)))
    expected = score(log_probs, metric())
    for name, value in score(log_probs + off, metric()).items():
        assert value.item() == pytest.approx(expected[name].item(), rel=1e-10)


def test_bounds():
    sure = torch.where(torch.eye(10).bool(), 0.0, -torch.inf).repeat(3, 1)
    assert inception_score(sure).item() == pytest.approx(10.0, rel=1e-12)
    assert inception_score(torch.zeros(6, 10)).item() == pytest.approx(1.0, rel=1e-12)


def test_modified_score_over_all_pairs(predictions):
    log_probs = predictions(40, SKEWED)
    p = log_probs.exp().numpy()
    expected = np.exp(np.mean([entropy(a, b) for a in p for b in p]))
    assert score(log_probs, ModifiedInceptionScore())["mis"].item() == pytest.approx(expected, rel=1e-10)
    assert modified_inception_score(log_probs).item() == pytest.approx(expected, rel=1e-10)


def test_modified_score_over_the_benchmarks_pairs(predictions):
    """The same 10,000 pairs as one draw of two after the other."""
    log_probs = predictions(300)
    p = log_probs.exp().numpy()
    np.random.seed(0)
    pairs = [np.random.choice(np.arange(300), size=2, replace=True) for _ in range(10_000)]
    expected = np.exp(np.mean([entropy(p[i], p[j]) for i, j in pairs]))
    assert score(log_probs, ModifiedInceptionScore())["mis_bench"].item() == pytest.approx(expected, rel=1e-10)
    assert sampled_modified_inception_score(log_probs).item() == pytest.approx(expected, rel=1e-10)
    assert expected == pytest.approx(modified_inception_score(log_probs).item(), rel=0.3)


def test_modified_score_survives_probabilities_that_float32_cannot_hold():
    """Two sure clips of different classes, 200 nats apart: half of the pairs are 200 nats apart."""
    log_probs = torch.tensor([[0.0, -200.0], [-200.0, 0.0]])
    assert modified_inception_score(log_probs).log().item() == pytest.approx(100.0, rel=1e-12)


def test_modified_score_is_infinite_only_where_a_pair_is():
    agreed = torch.tensor([[0.0, -torch.inf], [0.0, -torch.inf]])
    assert modified_inception_score(agreed).item() == sampled_modified_inception_score(agreed).item() == 1.0
    assert modified_inception_score(torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]])).isinf()


@pytest.mark.parametrize("metric", [InceptionScore, ModifiedInceptionScore])
def test_float32_is_close_and_order_is_by_place(metric, predictions):
    log_probs = predictions(60)
    expected, found = score(log_probs, metric()), metric()
    for part in torch.tensor(np.random.default_rng(0).permutation(60)).split(11):
        found.update(log_probs[part].float(), part)
    for name, value in found.compute().items():
        assert value.dtype == torch.float64
        assert value.item() == pytest.approx(expected[name].item(), rel=1e-6)


@pytest.mark.parametrize(("metric", "least"), [(InceptionScore, 2), (ModifiedInceptionScore, 1)])
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_too_few_clips(metric, least, predictions):
    with pytest.raises(ValueError, match=f"at least {least} generated samples, got {least - 1}"):
        score(predictions(least - 1), metric())


def test_shape_is_checked():
    with pytest.raises(ValueError, match=r"shape \(B, 10\), got \(4, 9\)"):
        InceptionScore().update(torch.zeros(4, 9))
