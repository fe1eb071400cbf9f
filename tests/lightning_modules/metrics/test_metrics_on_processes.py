"""Two CPU processes (gloo) that share the clips get the value of one process that has all."""

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from lightning_modules.metrics import (
    NDB,
    AMScore,
    DiversityError,
    FeatureBins,
    FeatureMoments,
    FeatureStatistics,
    FrechetDistance,
    FrechetError,
    InceptionScore,
    IntendedAccuracy,
    KernelDistance,
    ManifoldMetrics,
    ModifiedInceptionScore,
    NearestTrainingNeighbour,
    ScoreIntervals,
    inception_from_sums,
)

pytestmark = pytest.mark.slow

COUNT, WIDTH = 41, 4
SHARES = {  # rows of each process: interleaved, as a distributed sampler deals them; nothing for one of them
    "interleaved": [range(0, COUNT, 2), range(1, COUNT, 2)],
    "idle": [range(COUNT), range(0)],
}


class ThreeClassDiversityError(DiversityError):
    """Of ten classes, some would have too few clips here."""

    def update(self, features, y, index):
        super().update(features, y // 4, index)


def measure(rows):
    """Values of every metric, in one flat dictionary, where this process updates with ``rows`` only."""
    rng = np.random.default_rng(0)
    log_probs = torch.tensor(rng.normal(size=(2, COUNT, 10))).mul(3.0).log_softmax(dim=-1)
    features = torch.tensor(rng.normal(size=(2, COUNT, WIDTH)))
    y = torch.tensor(rng.integers(-1, 10, size=COUNT))
    bins = FeatureBins(features[1, :5], torch.tensor([30.0, 1.0, 1.0, 1.0, 8.0], dtype=torch.float64))
    metrics = {
        "moments": FeatureMoments(WIDTH),
        "fid": FrechetDistance(WIDTH),
        "fid_error": FrechetError(WIDTH, FeatureStatistics(features[1].mean(dim=0), features[1].T.cov(), COUNT)),
        "kid": KernelDistance(WIDTH, num_subsets=3),
        "kid_limited": KernelDistance(WIDTH, num_subsets=3, reference=features[1], limit=12),
        "manifold": ManifoldMetrics(features[1], limit=30),
        "intervals": ScoreIntervals({"is": inception_from_sums}, num_resamples=20),
        "is": InceptionScore(),
        "mis": ModifiedInceptionScore(),
        "am": AMScore(),
        "accuracy": IntendedAccuracy(),
        "diversity_error": ThreeClassDiversityError(WIDTH, limit=35),
        "ndb": NDB(bins),
        "nearest": NearestTrainingNeighbour(features[1] + 0.5),
    }
    for part in torch.tensor(list(rows), dtype=torch.long).split(9) if len(rows) else ():
        generated = {"log_probs": log_probs[0, part], "features": features[0, part], "index": part, "y": y[part]}
        real = {"log_probs": log_probs[1, part], "features": features[1, part], "index": part, "real": True}
        for metric in metrics.values():
            metric.update(**metric._filter_kwargs(**generated))
        for name in ("fid", "kid", "am", "nearest"):
            metrics[name].update(**metrics[name]._filter_kwargs(**real))
    values = {}
    for name, metric in metrics.items():
        found = metric.compute()
        found = found._asdict() if hasattr(found, "_asdict") else found
        parts = found.items() if isinstance(found, dict) else [("", found)]
        values |= {f"{name}/{key}": torch.as_tensor(value) for key, value in parts}
    return values


def run(rank, folder, shares):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    torch.save({name: measure(rows[rank]) for name, rows in shares.items()}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    mp.spawn(run, args=(str(folder), SHARES), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_processes_agree_with_one(share, found):
    expected = measure(range(COUNT))
    assert len(expected) > 20 and all(value.isfinite().all() for value in expected.values())
    for values in found:
        assert values[share].keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(values[share][name], value, rtol=1e-10, atol=1e-12, msg=name)
