"""Loads the vocoders of a comparison by the words of the command line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightning_modules.audio import GriffinLim, LogMel, Vocoder
from lightning_modules.checkpoints.catalogue import names as model_names
from lightning_modules.checkpoints.vocoders import HiFiGAN, NeuralVocoder
from lightning_modules.errors import InputError
from lightning_modules.networks import HiFiGANGenerator

DEFAULT = ("griffin-lim-32", "griffin-lim-60", "light-vocoder", "hifigan")
_GRIFFIN_LIM = re.compile(r"griffin-lim-([1-9][0-9]{0,4})")
_HIFIGAN = re.compile(r"hifigan(?::(.+))?")


@dataclass(frozen=True)
class Candidate:
    """A vocoder in the comparison, and the name of its rows.

    Where there is a ``reason`` why its weights cannot be had, they are random and only its cost can be measured.
    """

    name: str
    vocoder: Vocoder
    reason: str = ""


def load_candidates(words: Sequence[str], front_end: LogMel | None = None) -> list[Candidate]:
    """Load vocoders in the order of ``words``, all with one front end, in evaluation mode.

    Args:
        words: ``griffin-lim-32`` (or another number of iterations), ``hifigan`` (its published weights; a local copy of
            them as ``hifigan:FILE``), or the checkpoint, run folder or shipped name of a trained vocoder; before each
            perhaps ``NAME=``.
        front_end: the analysis; by default that of the first checkpoint among them, else the default ``LogMel``.

    Raises:
        InputError: a word is none of these, a name stands twice, or a checkpoint cannot be used or has another front
            end. Published weights that cannot be had are a reason in their candidate instead.
    """
    named = [_split(word) for word in words]
    names = [name for name, _ in named]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise InputError(f"expected vocoders of different names, got {repeated[0]!r} twice: write NAME=VOCODER")
    if not named:
        raise InputError(f"expected vocoders such as {', '.join(DEFAULT)} or checkpoints, got none: give --vocoders")
    trained: dict[str, Vocoder] = {}
    for name, what in named:
        if not (_GRIFFIN_LIM.fullmatch(what) or _HIFIGAN.fullmatch(what)):
            if not Path(what).exists() and what not in model_names(kind="vocoder"):
                raise InputError(
                    "expected vocoders griffin-lim-NUMBER, hifigan, hifigan:FILE, the path of a checkpoint or a "
                    f"model's name ({', '.join(model_names(kind='vocoder'))}), got {what!r}: correct --vocoders"
                )
            trained[name] = NeuralVocoder(what, front_end)
            front_end = front_end or trained[name].front_end
    front_end = front_end or LogMel()
    candidates = [
        Candidate(name, trained[name]) if name in trained else _load_published(name, what, front_end)
        for name, what in named
    ]
    for candidate in candidates:
        candidate.vocoder.eval().requires_grad_(False)
    return candidates


def _split(word: str) -> tuple[str, str]:
    """Split ``NAME=VOCODER`` or ``VOCODER`` into name and vocoder; a path may have an equals sign of its own."""
    name, sign, what = word.partition("=")
    if sign and name and "/" not in name and not Path(word).exists():
        return name, what
    if match := _GRIFFIN_LIM.fullmatch(word):
        return f"Griffin-Lim {match[1]}", word
    return ("HiFi-GAN" if _HIFIGAN.fullmatch(word) else word), word


def _load_published(name: str, what: str, front_end: LogMel) -> Candidate:
    """Griffin-Lim, or HiFi-GAN with its published weights where these can be had."""
    if match := _GRIFFIN_LIM.fullmatch(what):
        return Candidate(name, GriffinLim(front_end, int(match[1])))
    match = _HIFIGAN.fullmatch(what)
    assert match is not None
    if match[1] and not Path(match[1]).is_file():
        raise InputError(f"expected a file of weights at {match[1]!r}, but there is none: correct --vocoders")
    vocoder = HiFiGAN(front_end, **({"source": match[1]} if match[1] else {}))
    try:
        vocoder.prepare()
    except InputError as error:
        vocoder.network = HiFiGANGenerator(front_end)
        return Candidate(name, vocoder, str(error))
    return Candidate(name, vocoder)
