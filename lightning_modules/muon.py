"""The optimiser Muon: orthogonalised updates for weight matrices, AdamW for the other parameters."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from lightning_modules.networks.blocks import at_least_float32
from lightning_modules.ranges import ABOVE_ZERO, AT_LEAST_ZERO, BELOW_ONE, check_ranges


class Muon(torch.optim.Optimizer):
    r"""Steps along the momentum, whose matrix is replaced by the nearest orthogonal one (Jordan et al. 2024, "Muon").

    .. math::
        M \leftarrow \mu M + (1 - \mu) G, \qquad
        W \leftarrow (1 - \eta \lambda) W - 0.2\,\eta \sqrt{\max(m, n)}\; \mathrm{orth}\bigl((1 - \mu) G + \mu M\bigr)

    for every parameter of two axes or more, flattened to ``(m, n)`` = (outputs, inputs x kernel). The factor gives
    updates the root mean square of AdamW's (Liu et al. 2025, arXiv:2502.16982, Eq. 4), so one learning rate serves
    both kinds. Biases and gains take AdamW steps.

    Args:
        parameters: to train.
        lr: learning rate, eta.
        momentum: mu.
        betas: decay rates of AdamW's moments.
        weight_decay: decoupled weight decay, lambda.
        eps: added to AdamW's denominator.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float = 4e-3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        check_ranges(lr=(lr, ABOVE_ZERO), weight_decay=(weight_decay, AT_LEAST_ZERO), eps=(eps, AT_LEAST_ZERO))
        check_ranges(momentum=(momentum, BELOW_ONE), betas=(betas, BELOW_ONE))
        parameters = list(parameters)
        kinds = {True: [p for p in parameters if p.ndim >= 2], False: [p for p in parameters if p.ndim < 2]}
        groups = [{"params": members, "orthogonal": kind} for kind, members in kinds.items() if members]
        super().__init__(groups, dict(lr=lr, momentum=momentum, betas=betas, weight_decay=weight_decay, eps=eps))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Update all parameters that have a gradient; returns the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            trained = [p for p in group["params"] if p.grad is not None]
            (self._step_matrices if group["orthogonal"] else self._step_vectors)(trained, group)
        return loss

    def _step_matrices(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for p in parameters:
            by_shape[p.flatten(1).shape].append(p)
        for shape, alike in by_shape.items():
            momenta = [self.state[p].setdefault("momentum", torch.zeros_like(p)) for p in alike]
            gradients: list[Tensor] = [p.grad for p in alike]  # type: ignore[misc]
            torch._foreach_lerp_(momenta, gradients, 1.0 - group["momentum"])
            nesterov = torch._foreach_lerp(gradients, momenta, group["momentum"])
            updates = orthogonalize(torch.stack([u.flatten(1) for u in nesterov]))
            torch._foreach_mul_(alike, 1.0 - group["lr"] * group["weight_decay"])
            scale = -0.2 * group["lr"] * max(shape) ** 0.5
            for p, update in zip(alike, updates, strict=True):
                p.add_(update.reshape(p.shape).to(p), alpha=scale)

    def _step_vectors(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        for p in parameters:
            if not self.state[p]:
                self.state[p] = {
                    "step": torch.zeros((), dtype=torch.float32),
                    "exp_avg": torch.zeros_like(p),
                    "exp_avg_sq": torch.zeros_like(p),
                }
        adamw(
            parameters,
            [p.grad for p in parameters],  # type: ignore[misc]
            *([self.state[p][name] for p in parameters] for name in ("exp_avg", "exp_avg_sq")),
            [],
            [self.state[p]["step"] for p in parameters],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def orthogonalize(matrices: Tensor, iterations: int = 5) -> Tensor:
    r"""Move singular values of matrices ``(..., m, n)`` near 1 (about 0.7 to 1.2) and keep their singular vectors.

    Newton-Schulz iteration with Jordan's quintic coefficients; zero matrices stay zero. It runs on the smaller Gram
    matrix, which costs two products as large as the matrix in place of ten:

    .. math:: P_k = a I + b A_k + c A_k^2, \qquad A_{k+1} = P_k A_k P_k, \qquad X_K = P_{K-1} \cdots P_0 X_0
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = at_least_float32(x)  # the Gram matrix holds squares: half precision would lose small singular values
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    gram = x @ x.mT
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    product = identity
    for _ in range(iterations):
        polynomial = a * identity + b * gram + c * gram @ gram
        product = polynomial @ product
        gram = polynomial @ gram @ polynomial
    x = product @ x
    return x.mT if tall else x
