"""Muon: orthogonal updates of matrices, AdamW's of the rest, and a state that survives a checkpoint."""

import copy

import pytest
import torch
from torch import nn

from lightning_modules.muon import Muon, orthogonalize


@pytest.mark.parametrize("shape", [(8, 8), (4, 30), (30, 4), (3, 16, 5)])
def test_orthogonalize_keeps_singular_vectors_and_evens_singular_values(shape: tuple[int, ...]) -> None:
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    result = u.mT @ orthogonalize(matrix) @ v.mT
    diagonal = result.diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(result, torch.diag_embed(diagonal), atol=1e-9, rtol=0)
    well_conditioned = s > 0.05 * s.amax(dim=-1, keepdim=True)
    assert ((diagonal > 0.6) & (diagonal < 1.3))[well_conditioned].all()


def test_zero_matrices_stay_zero() -> None:
    assert not orthogonalize(torch.zeros(2, 4, 6)).any()


def test_update_of_a_matrix_has_the_size_of_an_adamw_step() -> None:
    layer = nn.Conv2d(16, 32, 3, bias=False)
    before = layer.weight.detach().clone()
    optimizer = Muon(layer.parameters(), lr=0.01)
    layer.weight.grad = 1e-6 * torch.randn_like(layer.weight)
    optimizer.step()
    rms = (layer.weight - before).square().mean().sqrt()
    assert 0.1 * 0.01 < rms < 0.3 * 0.01  # 0.2 lr, whatever the gradient's size


def test_vectors_take_the_steps_of_adamw() -> None:
    vector = nn.Parameter(torch.randn(7, generator=torch.Generator().manual_seed(0)))
    twin = nn.Parameter(vector.detach().clone())
    ours = Muon([vector], lr=0.02, betas=(0.8, 0.9), weight_decay=0.1)
    reference = torch.optim.AdamW([twin], lr=0.02, betas=(0.8, 0.9), weight_decay=0.1)
    for _ in range(5):
        vector.grad, twin.grad = vector.detach() ** 3, twin.detach() ** 3
        ours.step()
        reference.step()
    torch.testing.assert_close(vector, twin)


def test_weight_decay_shrinks_matrices() -> None:
    weight = nn.Parameter(torch.ones(3, 3))
    optimizer = Muon([weight], lr=0.5, weight_decay=0.1)
    weight.grad = torch.zeros(3, 3)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.full((3, 3), 0.95))


def test_parameters_without_gradient_stay() -> None:
    layer = nn.Linear(3, 4)
    before = copy.deepcopy(layer.state_dict())
    Muon(layer.parameters()).step()
    for name, value in layer.state_dict().items():
        assert torch.equal(value, before[name])


def _steps(layer: nn.Module, optimizer: Muon, first: int, last: int) -> None:
    for i in range(first, last):
        x = torch.randn(8, 5, generator=torch.Generator().manual_seed(i))
        optimizer.zero_grad()
        layer(x).square().mean().backward()
        optimizer.step()


def test_resumes_bit_for_bit() -> None:
    torch.manual_seed(0)
    straight = nn.Sequential(nn.Linear(5, 6), nn.SiLU(), nn.Linear(6, 6))
    stopped = copy.deepcopy(straight)
    _steps(straight, Muon(straight.parameters()), 0, 6)
    first = Muon(stopped.parameters())
    _steps(stopped, first, 0, 3)
    second = Muon(stopped.parameters())
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    _steps(stopped, second, 3, 6)
    for a, b in zip(straight.parameters(), stopped.parameters(), strict=True):
        assert torch.equal(a, b)


def test_reaches_a_least_squares_solution() -> None:
    torch.manual_seed(0)
    target, weight = torch.randn(6, 10), nn.Parameter(torch.zeros(6, 10))
    optimizer = Muon([weight], lr=0.1)
    rates = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=200)
    for _ in range(200):
        optimizer.zero_grad()
        (weight - target).square().sum().backward()
        optimizer.step()
        rates.step()
    assert (weight - target).square().mean() < 1e-3
