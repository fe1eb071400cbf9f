"""Gathers the speech that vocoders synthesise: real test clips, degraded Mels, and Mels of a generator."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from datamodules.sample_requests import RequestList, make_requests
from lightning_modules.audio import LogMel, MelDegradation
from lightning_modules.bases.generator import Generator
from lightning_modules.diffusion import Sampling
from lightning_modules.diffusion.samplers import DDIM, Karras
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.folders import clip_batches
from lightning_modules.evaluation.scoring.references import list_splits
from lightning_modules.evaluation.vocoders.vocoder_rows import BATCH


class Speech(NamedTuple):
    """Waveforms ``(N, samples)`` or scaled log-Mels ``(N, 1, F, L)``, with their digits ``(N,)``."""

    clips: Tensor
    y: Tensor


def real_speech(root: Path, labels: Sequence[int], front_end: LogMel, limit: int | None = None) -> Speech:
    """Read waveforms of the test split of the corpus at ``root``, all or ``limit`` of them drawn by lot (seed 0).

    Raises:
        InputError: the corpus cannot be used, or a clip cannot be read.
    """
    clips = list_splits(root, labels)["test"]
    order = torch.randperm(len(clips), generator=torch.Generator().manual_seed(0))[:limit].sort().values.tolist()
    chosen, fe = [clips[i] for i in order], front_end
    batches = clip_batches(root, chosen, fe.sample_rate, fe.num_samples, name=f"{root.name}: test clips")
    waveforms, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return Speech(waveforms, y)


@torch.no_grad()
def degrade(front_end: LogMel, x_0: Tensor, degradation: MelDegradation | None = None) -> Tensor:
    """Add noise and blur to copies of scaled log-Mels ``(B, 1, F, L)``.

    Every clip has a random stream of its own, seeded with its place: it is the same in every run, for every vocoder and
    any number of clips. The degradation is that which vocoders are trained with, by default on all clips.
    """
    degradation = degradation or MelDegradation(share=1.0)
    changed = []
    with torch.random.fork_rng(devices=[]):
        for place, log_mel in enumerate(front_end.to_log_mel(x_0)):
            torch.manual_seed(place)
            changed.append(degradation(log_mel[None]))
    return front_end.padded(torch.cat(changed))


def ancestral_sampling(guidance_scale: float, num_steps: int) -> Sampling:
    """Make the settings of ``configs/sampling/ancestral.yaml`` with another scale and number of steps.

    Raises:
        InputError: the scale is not above 0, since without guidance no digit is intended, or there is no step.
    """
    if not guidance_scale > 0.0:
        raise InputError(f"expected guidance_scale above 0, got {guidance_scale}: unguided samples intend no digit")
    try:
        return Sampling(guidance_scale, num_steps, DDIM(eta=1.0), Karras())
    except ValueError as error:
        raise InputError(f"{error}: correct the setting") from error


def prepare_speech(
    generator: Generator, sampling: Sampling, labels: Sequence[int], count: int, seed: int
) -> Callable[[], Speech]:
    """Return what will draw ``count`` of each digit with the seeds ``seed`` to ``seed + count - 1``.

    Raises:
        InputError: nothing guides to a digit, or there are no such seeds.
    """
    generator.check_guidance(list(labels), sampling)
    return functools.partial(_draw_speech, generator, sampling, make_requests(list(labels), count, seed))


def _draw_speech(generator: Generator, sampling: Sampling, requests: RequestList) -> Speech:
    """Draw scaled log-Mels ``(N, 1, F, L)``; those that are not finite are refused."""
    fe, parts = generator.front_end, []
    for y, seeds in zip(requests.y.split(BATCH), requests.seed.split(BATCH), strict=True):
        drawn = sampling.draw(generator.denoiser, generator.sde, fe.shape, y, seeds.tolist(), generator.device)
        parts.append(drawn.samples.detach())
    x_0 = torch.cat(parts)
    if not torch.isfinite(x_0).all():
        raise InputError("the generator drew Mels that hold NaN or infinity: give another --generators or other steps")
    return Speech(x_0, requests.y)
