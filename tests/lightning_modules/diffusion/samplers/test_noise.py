"""A sample's noise depends on its seed alone."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.diffusion.samplers import PerSampleNoise

SHAPE = (1, 5, 3)  # 15 values: a length that vectorised generators treat differently from 16


def stream(seeds, draws=3, shape=SHAPE):
    noise = PerSampleNoise(seeds, shape)
    return torch.stack([noise.draw() for _ in range(draws)], dim=1)


@pytest.mark.parametrize("shape", [SHAPE, (1, 80, 64)])
def test_batch_and_order_do_not_matter(shape):
    alone = {seed: stream([seed], shape=shape)[0] for seed in (0, 1, 7, 2**62)}
    for batch in ([7, 0], [0, 1, 7, 2**62], [1, 7, 0], [0, 0]):
        for seed, drawn in zip(batch, stream(batch, shape=shape), strict=True):
            assert torch.equal(drawn, alone[seed])


def test_seeds_and_draws_differ():
    drawn = stream(list(range(20)), draws=5).reshape(100, -1)
    assert len(drawn.unique(dim=0)) == 100


def test_global_random_state_is_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = stream([3])
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    assert torch.equal(first, stream([3]))


def test_standard_normal():
    values = stream(list(range(50)), draws=1, shape=(1, 40, 40)).flatten()
    assert_close(values.mean(), torch.tensor(0.0), rtol=0, atol=0.015)
    assert_close(values.std(), torch.tensor(1.0), rtol=0, atol=0.015)


def test_type_of_draws():
    noise = PerSampleNoise([0], SHAPE, dtype=torch.float64)
    assert noise.draw().dtype == torch.float64 and noise.draw().shape == (1, *SHAPE)
