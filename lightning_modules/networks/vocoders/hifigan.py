"""The synthesiser of HiFi-GAN, and how its published weights are named."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightning_modules.audio.log_mel import LogMel
from lightning_modules.networks.vocoders.mel_to_waveform import MelToWaveform
from lightning_modules.ranges import LAYERS, SIZE, check_ranges

_SLOPE = 0.1
_WEIGHT_NORMS = (  # magnitude and direction: torch's older and newer weight norm
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


class HiFiGANGenerator(MelToWaveform):
    """HiFi-GAN's synthesiser: transposed convolutions, each followed by the mean of parallel residual blocks.

    It is the generator V1 of Kong et al. 2020 (arXiv:2010.05646, Section 2.2) without weight normalisation and with the
    reflecting edges of ``speechbrain/tts-hifigan-libritts-16kHz``: 13.93 M parameters, 19.34 GMACs for 63 frames.

    Args:
        front_end: the analysis whose log-Mels come in.
        width: channels before the first upsampling; halved by each.
        factors: upsampling factors, whose product is the hop.
        upsampling_kernels: kernel of each transposed convolution, in steps of its output.
        kernels: kernel of each parallel residual block.
        dilations: dilations within each residual block.

    Raises:
        ValueError: the factors do not multiply to the hop, or differ in number from their kernels.
    """

    def __init__(
        self,
        front_end: LogMel | None = None,
        width: int = 512,
        factors: Sequence[int] = (8, 8, 2, 2),
        upsampling_kernels: Sequence[int] = (16, 16, 4, 4),
        kernels: Sequence[int] = (3, 7, 11),
        dilations: Sequence[int] = (1, 3, 5),
    ) -> None:
        check_ranges(
            width=(width, SIZE),
            factors=(list(factors), LAYERS),
            upsampling_kernels=(list(upsampling_kernels), LAYERS),
            kernels=(list(kernels), LAYERS),
            dilations=(list(dilations), LAYERS),
        )
        super().__init__(front_end)
        if math.prod(factors) != self.front_end.hop_length or len(factors) != len(upsampling_kernels):
            raise ValueError(
                f"expected one kernel per factor and a product of {self.front_end.hop_length}, the hop of the front "
                f"end, got factors {list(factors)} and kernels {list(upsampling_kernels)}"
            )
        self.stem = _same_conv(self.front_end.n_mels, width, 7)
        self.upsamplings, self.blocks = nn.ModuleList(), nn.ModuleList()
        for factor, kernel in zip(factors, upsampling_kernels, strict=True):
            padding = (kernel - factor) // 2
            self.upsamplings.append(nn.ConvTranspose1d(width, width // 2, kernel, factor, padding))
            width //= 2
            self.blocks.append(_Parallel([_ResBlock(width, kernel, dilations) for kernel in kernels]))
        self.head = _same_conv(width, 1, 7)

    def forward(self, log_mel: Tensor) -> Tensor:
        x = self.stem(log_mel)
        for upsampling, blocks in zip(self.upsamplings, self.blocks, strict=True):
            x = upsampling(F.leaky_relu(x, _SLOPE))
            x = blocks(x)
        # The published code leaves the last slope at torch's default, and its weights were trained so.
        return self.head(F.leaky_relu(x)).tanh().squeeze(1).float()


class _Parallel(nn.ModuleList):
    """Mean of blocks side by side (multi-receptive field fusion)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([block(x) for block in self]).mean(dim=0)


class _ResBlock(nn.Module):
    """Residual pairs of a dilated and a plain convolution (resblock type 1)."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(_same_conv(channels, channels, kernel, dilation) for dilation in dilations)
        self.plain = nn.ModuleList(_same_conv(channels, channels, kernel) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for dilated, plain in zip(self.dilated, self.plain, strict=True):
            x = x + plain(F.leaky_relu(dilated(F.leaky_relu(x, _SLOPE)), _SLOPE))
        return x


def _same_conv(in_channels: int, out_channels: int, kernel: int, dilation: int = 1) -> nn.Conv1d:
    padding = dilation * (kernel - 1) // 2
    return nn.Conv1d(in_channels, out_channels, kernel, padding=padding, dilation=dilation, padding_mode="reflect")


def published_names(synthesiser: HiFiGANGenerator) -> dict[str, str]:
    """SpeechBrain's names of convolutions by ours; in its ``HifiganGenerator`` all blocks stand in one list."""
    names = {"stem": "conv_pre.conv", "head": "conv_post.conv"}
    for i, blocks in enumerate(synthesiser.blocks):
        assert isinstance(blocks, _Parallel)
        names[f"upsamplings.{i}"] = f"ups.{i}.conv"
        for j, block in enumerate(blocks, start=i * len(blocks)):
            for ours, theirs in (("dilated", "convs1"), ("plain", "convs2")):
                for k in range(len(getattr(block, ours))):
                    names[f"blocks.{i}.{j % len(blocks)}.{ours}.{k}"] = f"resblocks.{j}.{theirs}.{k}.conv"
    return names


def from_published(synthesiser: HiFiGANGenerator, published: dict[str, Tensor]) -> dict[str, Tensor]:
    """State of ``synthesiser`` from weights by SpeechBrain's names, their weight normalisation multiplied out.

    .. math:: w = g \\, v / \\lVert v \\rVert, \\qquad \\text{the norm over all axes but the first}

    For each convolution there must be ``weight_g`` and ``weight_v`` (or plain ``weight``) and ``bias``.

    Raises:
        ValueError: a tensor is missing, left over, or of another shape; names the first.
    """
    left, state = dict(published), {}
    try:
        for ours, theirs in published_names(synthesiser).items():
            state[f"{ours}.weight"] = _pop_weight(left, theirs)
            state[f"{ours}.bias"] = left.pop(f"{theirs}.bias")
    except KeyError as error:
        raise ValueError(f"expected the weights of a HiFi-GAN generator, {error} is missing") from error
    if left:
        raise ValueError(f"expected the weights of a HiFi-GAN generator, got {min(left)!r} beside them")
    for name, expected in synthesiser.state_dict().items():
        if state[name].shape != expected.shape:
            raise ValueError(f"expected {name} of shape {tuple(expected.shape)}, got {tuple(state[name].shape)}")
    return state


def _pop_weight(left: dict[str, Tensor], name: str) -> Tensor:
    for magnitude, direction in _WEIGHT_NORMS:
        if f"{name}.{magnitude}" in left:
            return torch._weight_norm(left.pop(f"{name}.{direction}"), left.pop(f"{name}.{magnitude}"), 0)
    return left.pop(f"{name}.weight")
