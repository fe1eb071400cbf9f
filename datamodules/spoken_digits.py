"""A corpus that needs no download: digits spoken by eSpeak NG."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchaudio.functional import resample
from tqdm import tqdm

from datamodules.audio_files import wav_bytes
from datamodules.corpus_layout import DIGITS, LISTS, Split, holds_digits
from datamodules.espeak import SAMPLE_RATE, Utterance, accents_of, find_espeak, list_families, speak
from datamodules.new_files import new_folder
from datamodules.speech_commands import SpeechCommandsDataModule
from lightning_modules.audio import FrontEnd
from lightning_modules.errors import InputError
from lightning_modules.leavings import sweep
from lightning_modules.locks import locked
from lightning_modules.ranges import COUNT, check_ranges

FORMAT = 2  # to be raised when the same settings make other recordings
CLIP_RATE = 16000  # Hz
LONGEST_SECONDS = 0.9
JITTER_SECONDS = (
    0.03  # how far a digit's middle may lie from the clip's; small networks learn aligned digits in minutes
)
CHUNK = 32  # utterances resampled at once; larger chunks leave the processor's cache
MIN_CLIPS = 100  # ten digits in each of the smaller splits


class SpokenDigitsDataModule(SpeechCommandsDataModule):
    """Digits spoken by eSpeak NG: thousands of clips in seconds, no download, several languages.

    A speaker is an accent with a voice variant; variants stay within one split (about 80 % train, 10 % validate and
    10 % test), every digit is equally frequent. Pitch, rate, loudness and onset vary from clip to clip. The corpus is
    written once, in the layout of Speech Commands, and found again by its language, its numbers and its ``seed``.

    Args:
        root: folder for generated corpora.
        front_end: what networks see of a clip; a default ``LogMel`` if none is given.
        language: language that eSpeak NG speaks, with all its accents (``en``, ``de``, ``ar``, ``es``, ``fr`` and some
            hundred more), or a single accent (``en-us``).
        num_clips: clips of all splits together, at least 100.
        num_voices: number of voices to take from eSpeak NG's variants, at least 3, one for each split; all by default.
        settings: the other settings of :class:`SpeechCommandsDataModule`.

    Raises:
        InputError: an argument is out of range.
    """

    def __init__(
        self,
        root: str = "data/spoken_digits",
        front_end: FrontEnd | None = None,
        language: str = "en",
        num_clips: int = 6000,
        num_voices: int | None = None,
        *settings: Any,
        **named_settings: Any,
    ) -> None:
        super().__init__(root, front_end, *settings, **named_settings)
        check_ranges(num_clips=(num_clips, COUNT), num_voices=(num_voices, COUNT))
        if num_clips < MIN_CLIPS:
            raise InputError(f"expected num_clips of at least {MIN_CLIPS}, got {num_clips}: correct num_clips")
        if num_voices is not None and num_voices < 3:
            raise InputError(
                f"expected num_voices of at least 3, one for each split, got {num_voices}: correct num_voices"
            )
        if not language.replace("-", "").isalnum():
            raise InputError(f"expected a language such as en, de, ar, es or fr, got {language!r}: correct language")
        self.language, self.num_clips, self.num_voices = language.lower(), num_clips, num_voices

    def prepare_corpus(self) -> Path:
        """Folder of the corpus; :func:`make_corpus` speaks it first if it is missing."""
        names = ("language", "num_clips", "num_voices", "seed")
        settings = {"format": FORMAT, **{name: getattr(self, name) for name in names}}
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        folder = self.root / f"{self.language}-{key}"
        sweep(self.root)
        if not holds_digits(folder):
            with locked(folder, wait=True):
                if not holds_digits(folder):  # another command may have made it meanwhile
                    make_corpus(folder, self.language, self.num_clips, self.seed, self.num_voices)
        return folder


def make_corpus(folder: Path, language: str, num_clips: int, seed: int, num_voices: int | None = None) -> None:
    """Speak a corpus in the layout of Speech Commands; ``folder`` appears when it is complete.

    Raises:
        InputError: the eSpeak NG wheel is missing, the language is unknown, or ``folder`` cannot be written.
    """
    _, data = find_espeak()
    rng = random.Random(f"{language}:{num_clips}:{seed}")
    plan = plan_clips(accents_of(language, data), list_families(data)[:num_voices], num_clips, rng)
    try:
        with new_folder(folder) as temporary:
            for word in DIGITS:
                (temporary / word).mkdir()
            for split, name in LISTS.items():
                paths = sorted(path for path, (_, where) in plan.items() if where == split)
                (temporary / name).write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
            clips = place_clips(speak([utterance for utterance, _ in plan.values()], LONGEST_SECONDS), rng)
            for path, clip in zip(
                plan, tqdm(clips, desc=f"speaking {language}", total=len(plan), unit="clip"), strict=True
            ):
                (temporary / path).write_bytes(wav_bytes((clip * 32767.0).round().astype(np.int16)))
    except OSError as error:
        raise InputError(
            f"cannot write spoken digits to {folder} ({error}): set root to a folder with space"
        ) from error


def plan_clips(
    accents: Sequence[str], families: Sequence[Sequence[str]], num_clips: int, rng: random.Random
) -> dict[str, tuple[Utterance, Split]]:
    """The utterance and the split of each file, ordered by voice; ``rng`` makes all choices.

    Each of the families of voice variants goes to one split; validation and test get a tenth of the clips each.
    """
    shuffled = rng.sample(list(families), len(families))
    tenth = max(1, round(len(families) / 10))
    parts: dict[Split, list[Sequence[str]]] = {
        "val": shuffled[:tenth],
        "test": shuffled[tenth : 2 * tenth],
        "train": shuffled[2 * tenth :],
    }
    small = num_clips // 10
    sizes = {"val": small, "test": small, "train": num_clips - 2 * small}
    plan: dict[str, tuple[Utterance, Split]] = {}
    for split, part in parts.items():
        voices = [f"{accent}+{variant}" for family in part for variant in family for accent in accents]
        rng.shuffle(voices)
        for number in range(sizes[split]):
            turn, label = divmod(number, len(DIGITS))
            take, voice = divmod(turn, len(voices))
            speaker = hashlib.sha256(voices[voice].encode()).hexdigest()[:8]
            utterance = Utterance(
                voices[voice], str(label), rng.randint(145, 185), rng.randint(35, 65), rng.randint(30, 70)
            )
            plan[f"{DIGITS[label]}/{speaker}_nohash_{take}.wav"] = (utterance, split)
    return dict(sorted(plan.items(), key=lambda item: item[1][0].voice))


def place_clips(utterances: Iterator[np.ndarray], rng: random.Random) -> Iterator[np.ndarray]:
    """One-second clips ``(16000,)`` in [-1, 1] of utterances ``(n,)`` int16, near the middle, at a random loudness."""
    utterances = iter(utterances)
    while chunk := list(islice(utterances, CHUNK)):
        spoken = torch.zeros(len(chunk), max(map(len, chunk)))
        for row, samples in zip(spoken, chunk, strict=True):
            row[: len(samples)] = torch.from_numpy(samples.astype(np.float32))
        resampled = resample(spoken, SAMPLE_RATE, CLIP_RATE).numpy()
        for row, samples in zip(resampled, chunk, strict=True):
            speech = row[: len(samples) * CLIP_RATE // SAMPLE_RATE]
            clip = np.zeros(CLIP_RATE, dtype=np.float32)
            room, jitter = CLIP_RATE - len(speech), round(JITTER_SECONDS * CLIP_RATE)
            onset = min(max(room // 2 + rng.randint(-jitter, jitter), 0), room)
            peak = 0.3 * 3.0 ** rng.random()  # 0.3 to 0.9, uniform in decibels
            clip[onset : onset + len(speech)] = speech * (peak / np.abs(speech).max())
            yield clip
