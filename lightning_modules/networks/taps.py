"""Feature, gradient and label taps of any classifier, and the class gradient, from one forward pass."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lightning_modules.diffusion.preconditioning import InputScaling
from lightning_modules.networks.blocks import at_least_float32
from lightning_modules.networks.tap_names import expand, nearest


@dataclass
class Tap:
    """One place of the classifier that the Score Subnet reads.

    Attributes:
        module: name of a submodule whose output is a map ``(B, C, F, L)``; ``*`` in place of one of its parts, and
            a negative number as in Python, make it a pattern for several: ``stages.-1.*``.
        feature: whether its activation h is read.
        gradient: whether d log p(x_t) / dh is read; of label taps, d log p(x_t, y) / dh where a label is asked for.
    """

    module: str
    feature: bool = True
    gradient: bool = True

    def __post_init__(self) -> None:
        if not (self.feature or self.gradient):
            raise ValueError(f"tap {self.module!r} reads nothing: feature or gradient must be true")


class TapShape(NamedTuple):
    """A tap with the shape ``(C, F, L)`` of its map."""

    tap: Tap
    shape: tuple[int, int, int]


class Reading:
    """One forward pass of a classifier over ``(x_t, t)``, with all that can be computed from it without another.

    Attributes:
        logits: ``(B, K)`` class logits, detached.
        features: activation of every tap by module name; detached, unless the classifier is trained through them.

    Args:
        x_t: input with respect to which :meth:`class_gradient` is taken.
        logits: class logits, with their graph.
        activations: outputs of the taps by module name, with their graph.
        gradient_taps: names of those whose gradients may be asked for.
        differentiable: whether the class gradient may be asked for after the gradient taps. Otherwise the classifier's
            intermediate values are released with them, before the network that reads them builds its own.
        trained: whether features keep their graph, so that a loss on them trains the classifier.
    """

    def __init__(
        self,
        x_t: Tensor,
        logits: Tensor,
        activations: dict[str, Tensor],
        gradient_taps: Sequence[str],
        differentiable: bool = True,
        trained: bool = False,
    ) -> None:
        self.logits = logits.detach()
        self.features = dict(activations) if trained else {name: h.detach() for name, h in activations.items()}
        self._x_t, self._logits, self._activations = x_t, logits, activations
        self._gradient_taps, self._differentiable = list(gradient_taps), differentiable or trained
        self._gradients: dict[str, Tensor] | None = None

    def gradients(self) -> dict[str, Tensor]:
        r"""Gradient taps :math:`g_k = \partial \log p(x_t) / \partial h_k` by module name; computed once.

        .. math:: \log p(x_t) = \mathrm{logsumexp}_y f_y(x_t, t) + \text{const.}

        Grathwohl et al. 2020 (JEM, arXiv:1912.03263, Eq. 6); constants for whoever trains on them, also where the
        classifier itself is trained: there is no second derivative anywhere.

        Raises:
            ValueError: the logits do not depend on a tap.
        """
        if self._gradients is None:
            self._gradients = self._backward(None, self._differentiable)
        return self._gradients

    def asked(self, y: Tensor | None) -> "Reading":
        r"""The same pass with label taps: :meth:`gradients` gives what speaks for the labels that are asked for.

        .. math:: g_k(y) = \partial \log p(x_t, y) / \partial h_k, \qquad \log p(x_t, y) = f_y(x_t, t) + \text{const.}

        Grathwohl et al. 2020 (JEM, arXiv:1912.03263, Eq. 5). One backward pass gives the taps and the condition.

        Args:
            y: labels ``(B,)``; rows with :data:`NO_LABEL` get the gradients of :math:`\log p(x_t)`, and so do all rows
                without ``y``. With n labels a row, ``(n B,)``, features and gradients are repeated for each, at the
                price of n backward passes.

        Raises:
            ValueError: the logits do not depend on a tap.
        """
        if y is None or not self._gradient_taps:
            self.gradients()
            return self
        asked, parts = copy.copy(self), y.split(len(self.logits))
        found = [self._backward(part, self._differentiable or part is not parts[-1]) for part in parts]
        asked._gradients = {name: torch.cat([one[name] for one in found]) for name in self._gradient_taps}
        if len(parts) > 1:
            asked.features = {name: h.repeat(len(parts), 1, 1, 1) for name, h in self.features.items()}
        return asked

    def _backward(self, y: Tensor | None, retain_graph: bool) -> dict[str, Tensor]:
        """Gradients of log p(x_t, y) by tap, of log p(x_t) in rows without a label."""
        if not self._gradient_taps:
            return {}
        with torch.enable_grad():
            logits = at_least_float32(self._logits)
            log_p = logits.logsumexp(dim=1)
            if y is not None:
                log_p = torch.where(y >= 0, logits.gather(1, y.clamp(min=0).unsqueeze(1)).squeeze(1), log_p)
            total = log_p.sum()
        activations = [self._activations[name] for name in self._gradient_taps]
        gradients = torch.autograd.grad(total, activations, retain_graph=retain_graph, allow_unused=True)
        found = dict(zip(self._gradient_taps, gradients, strict=True))
        if unused := [name for name, gradient in found.items() if gradient is None]:
            raise ValueError(f"tap {unused[0]!r} has no gradient: the logits do not depend on it")
        return found

    def class_gradient(self, y: Tensor) -> Tensor:
        r""":math:`\nabla_{x_t} \log p(y \mid x_t, t)`, shape of ``x_t``; zero in rows where ``y`` ``(B,)`` is -1."""
        with torch.enable_grad():
            log_p = at_least_float32(self._logits).log_softmax(dim=1)
            chosen = log_p.gather(1, y.clamp(min=0).unsqueeze(1)).squeeze(1)
            total = torch.where(y >= 0, chosen, torch.zeros_like(chosen)).sum()
        return torch.autograd.grad(total, self._x_t, retain_graph=True)[0]


class TappedClassifier(nn.Module):
    """A classifier whose submodules' outputs, and gradients with respect to them, can be read.

    Any module that maps ``(x (B, 1, F, L), c_noise (B,))`` to logits ``(B, K)`` will do. Its parameters receive no
    gradients here, unless :meth:`train_what_features_need` is called. Hooks live only during a read, so that copies of
    this module read their own taps.

    Args:
        network: the classifier.
        scaling: how it reads ``(x_t, t)``.
        taps: places to read; a name stands for a tap with both signals, a pattern for several taps.

    Raises:
        ValueError: a tap names no submodule, or one is named twice.
    """

    def __init__(self, network: nn.Module, scaling: InputScaling, taps: Sequence[Tap | str] = ()) -> None:
        super().__init__()
        self.network, self.scaling, self.trained = network, scaling, False
        known = [name for name, _ in network.named_modules() if name]
        self.taps: list[Tap] = []
        for tap in (Tap(tap) if isinstance(tap, str) else tap for tap in taps):
            if not (found := expand(tap.module, known)):
                raise ValueError(f"unknown tap {tap.module!r}: {nearest(tap.module, known)}")
            self.taps += [replace(tap, module=name) for name in found]
        names = [tap.module for tap in self.taps]
        if len(set(names)) < len(names):
            raise ValueError(f"a tap is listed twice: {', '.join(names)}")

    def read(self, x_t: Tensor, t: Tensor, differentiable: bool = False) -> Reading:
        """One forward pass, with a graph only where a gradient tap, ``differentiable`` or training asks for one.

        Args:
            x_t: ``(B, 1, F, L)`` noisy log-Mels.
            t: ``(B,)`` diffusion times.
            differentiable: whether :meth:`Reading.class_gradient` will be called.
        """
        gradient_taps = [tap.module for tap in self.taps if tap.gradient]
        trained = self.trained and torch.is_grad_enabled()
        with torch.enable_grad() if differentiable or gradient_taps or trained else torch.no_grad():
            x_t = x_t.detach().requires_grad_(torch.is_grad_enabled())
            logits, activations = self._forward_with_taps(*self.scaling(x_t, t))
        return Reading(x_t, logits, activations, gradient_taps, differentiable, trained)

    def features(self, x_t: Tensor, t: Tensor) -> dict[str, Tensor]:
        """Activations of the taps by name, with the graph that leads to ``x_t``, for a critic of what drew it.

        :meth:`read` cuts that graph off. Weights that are frozen get no gradients here either.
        """
        return self._forward_with_taps(*self.scaling(x_t, t))[1]

    def discover(self, input_shape: tuple[int, ...]) -> list[TapShape]:
        """The taps in the order in which the classifier computes them, with their shapes, from a dry run.

        Args:
            input_shape: ``(1, F, L)`` of one log-Mel.

        Raises:
            ValueError: a tap's output is no map ``(B, C, F, L)``, it is overwritten or computed more than once, or its
                gradient is asked for and the logits do not depend on it.
        """
        weight = next(self.network.parameters())
        reading = self.read(weight.new_zeros(2, *input_shape), weight.new_full((2,), 0.5))
        by_name = {tap.module: tap for tap in self.taps}
        if missing := by_name.keys() - reading.features.keys():
            raise ValueError(f"tap {sorted(missing)[0]!r} is never computed by this classifier")
        shapes = []
        for name, h in reading.features.items():
            if h.ndim != 4:
                raise ValueError(f"tap {name!r} must give maps (B, C, F, L), it gives {tuple(h.shape)}")
            _, channels, bands, frames = h.shape
            shapes.append(TapShape(by_name[name], (channels, bands, frames)))
        reading.gradients()
        return shapes

    def train_what_features_need(self, input_shape: tuple[int, ...]) -> int:
        """Make those parameters trainable that feature taps depend on, and no others; returns how many they are.

        Layers above the deepest feature tap would get none, and processes that train together wait for all that ask.

        Args:
            input_shape: ``(1, F, L)`` of one log-Mel.
        """
        parameters = list(self.network.requires_grad_(True).parameters())
        features, self.trained = [tap.module for tap in self.taps if tap.feature], True
        grads: Sequence[Tensor | None] = [None] * len(parameters)
        if features:
            with torch.enable_grad():
                weight = parameters[0]
                reading = self.read(weight.new_zeros(2, *input_shape), weight.new_full((2,), 0.5))
                total = torch.stack([reading.features[name].sum() for name in features]).sum()
            grads = torch.autograd.grad(total, parameters, allow_unused=True)
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.requires_grad_(grad is not None)
        return sum(p.numel() for p in parameters if p.requires_grad)

    def _forward_with_taps(self, x: Tensor, c_noise: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        activations: dict[str, Tensor] = {}
        versions: dict[str, int] = {}

        def keep(name: str):
            def hook(module: nn.Module, args: object, output: Tensor) -> None:
                if name in activations:
                    raise ValueError(
                        f"tap {name!r} is computed more than once in a forward pass: tap a module around it"
                    )
                if not isinstance(output, Tensor):
                    raise ValueError(f"tap {name!r} must give a tensor, it gives {type(output).__name__}")
                activations[name], versions[name] = output, output._version

            return hook

        handles = [self.network.get_submodule(tap.module).register_forward_hook(keep(tap.module)) for tap in self.taps]
        try:
            logits = self.network(x, c_noise)
        finally:
            for handle in handles:
                handle.remove()
        for name, h in activations.items():
            if h._version != versions[name]:
                raise ValueError(f"tap {name!r} is overwritten by a later in-place module: set inplace=False there")
        return logits, activations
