"""An adapter that makes a backbone of a classifier written elsewhere, with or without noise conditioning."""

import torch
from torch import Tensor, nn

from lightning_modules.networks.blocks import TimeEmbedding
from lightning_modules.ranges import SIZE, check_ranges


class AdaptedClassifier(nn.Module):
    """Turns a network ``x (B, C, F, L) -> logits`` into a backbone ``(x (B, 1, F, L), c_noise (B,)) -> logits (B, K)``.

    Log-Mels are repeated over the input channels. The noise level reaches the network by feature-wise scales and shifts
    after chosen submodules (FiLM, Perez et al. 2018, arXiv:1709.07871). They start as the identity, so that pretrained
    weights are not disturbed. Taps are submodules of ``body``, such as ``body.layer1.0``; a tap on a modulated one
    reads its output after the modulation.

    Args:
        body: the network, such as ``torchvision.models.resnet18``, with as many logits as there are digits.
        in_channels: channels that its first layer expects.
        modulated: names of its submodules that are scaled and shifted by the noise level; each must give maps
            ``(B, C, F, L)``. None for a network without noise conditioning.
        input_shape: ``(F, L)`` of the log-Mels.
        time_width: width of the time embedding.

    Raises:
        ValueError: a submodule is unknown, or does not give maps.
    """

    def __init__(
        self,
        body: nn.Module,
        in_channels: int = 3,
        modulated: list[str] | None = None,
        input_shape: tuple[int, int] = (80, 64),
        time_width: int = 128,
    ) -> None:
        check_ranges(in_channels=(in_channels, SIZE), input_shape=(list(input_shape), SIZE))
        super().__init__()
        self.in_channels, self.modulated = in_channels, list(modulated or [])
        self.body = _without_inplace(body)
        known = [name for name, _ in body.named_modules() if name]
        if unknown := [name for name in self.modulated if name not in known]:
            raise ValueError(f"modulated names {unknown[0]!r}: choose submodules of the network, such as {known[:12]}")
        self.embedding = TimeEmbedding(time_width) if self.modulated else None
        shapes = self._shapes(input_shape)
        self.films = nn.ModuleList(nn.Linear(time_width, 2 * shapes[name]) for name in self.modulated)
        for parameter in self.films.parameters():  # to scales and shifts of maps, which start as the identity
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        """Logits ``(B, K)`` of scaled input ``(B, 1, F, L)`` at noise level ``c_noise`` ``(B,)``."""
        time = None if self.embedding is None else self.embedding(c_noise)
        handles = [
            self.body.get_submodule(name).register_forward_hook(_modulate(film(time)), prepend=True)
            for name, film in zip(self.modulated, self.films, strict=True)
        ]
        try:
            logits: Tensor = self.body(x.expand(-1, self.in_channels, -1, -1))
        finally:
            for handle in handles:
                handle.remove()
        return logits

    @torch.no_grad()
    def _shapes(self, input_shape: tuple[int, int]) -> dict[str, int]:
        """Channels of each modulated submodule's map, from a dry run."""
        channels: dict[str, int] = {}

        def measure(name: str):
            def hook(module: nn.Module, args: object, output: object) -> None:
                if not isinstance(output, Tensor) or output.ndim != 4:
                    raise ValueError(f"modulated names {name!r}, which gives no map (B, C, F, L)")
                channels[name] = output.shape[1]

            return hook

        handles = [self.body.get_submodule(name).register_forward_hook(measure(name)) for name in self.modulated]
        was_training = self.body.training
        try:
            weight = next(self.body.parameters())
            self.body.eval()(weight.new_zeros(2, self.in_channels, *input_shape))
        finally:
            self.body.train(was_training)
            for handle in handles:
                handle.remove()
        if missing := [name for name in self.modulated if name not in channels]:
            raise ValueError(f"modulated names {missing[0]!r}, which the network never computes")
        return channels


def _modulate(film: Tensor):
    """A forward hook that scales and shifts a map ``(B, C, F, L)`` by ``film`` ``(B, 2 C)``."""

    def hook(module: nn.Module, args: object, output: Tensor) -> Tensor:
        scale, shift = film[:, :, None, None].chunk(2, dim=1)
        return output * (1.0 + scale) + shift

    return hook


def _without_inplace(body: nn.Module) -> nn.Module:
    """Stop activations from overwriting their inputs, because taps read outputs after the forward pass."""
    for module in body.modules():
        if getattr(module, "inplace", False) is True:
            module.__dict__["inplace"] = False
    return body
