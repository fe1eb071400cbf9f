"""Recordings that are damaged or absurd: skipped where skipping is asked for, and else used or refused by name."""

import os
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from campaign.cases import Case
from campaign.commands import limit_memory, run
from campaign.hostile_checkpoints import MEMORY, SECONDS, damages
from campaign.outcomes import check_done, check_sentence
from campaign.world import References, World, linked_corpus, use_corpus

HEADERS, BODIES = 40, 21
Make = Callable[[Path, Random], None]


def cases(world: World, references: References, random: Random) -> Iterator[Case]:
    """One bad recording among good ones, skipped or not."""
    made: list[tuple[str, Make, str]] = []
    for number in range(HEADERS + BODIES):
        ending, damage = (".wav", ".flac")[number % 2], None
        name = "another value in the header"
        if number >= HEADERS:
            name, damage = list(damages().items())[number % len(damages())]
        made.append((f"{name}, {ending}", _header if damage is None else partial(_bytes, damage), ending))
    made += [(name, make, ".wav") for name, make in {**_formats(), **ODD}.items()]
    for number, (name, make, ending) in enumerate(made):
        skip, seed = number // 2 % 2 == 1, random.random()
        words = f"{name}, {'skipped' if skip else 'not skipped'} {number}"
        yield Case(words, partial(_one_bad, world, make, ending, seed, skip))


def _one_bad(world: World, make: Make, ending: str, seed: float, skip: bool, folder: Path) -> None:
    work = folder / "work"
    place = linked_corpus(world, work / "corpus") / "four" / "00000000_nohash_0.wav"
    place.unlink()
    place = place.with_suffix(ending)
    make(place, Random(seed))
    args = use_corpus(world, *(["--data.init_args.bad_files=skip"] if skip else []))
    outcome = run(args, work, prepare=limit_memory(MEMORY), timeout=SECONDS)
    if skip:
        check_done(outcome)
    elif outcome.status:
        sentence = check_sentence(outcome)
        assert place.stem in sentence, f"does not name {place.name}: {sentence}"


def _write(
    path: Path, change: Callable[[np.ndarray], np.ndarray] = lambda noise: noise, rate=16000, **settings
) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(min(rate, 96000))
    soundfile.write(path, change(noise), rate, **settings)


def _header(path: Path, random: Random) -> None:
    """A good recording of which some bytes of the header, or one field of it, have another value."""
    _write(path)
    content = bytearray(path.read_bytes())
    if path.suffix == ".wav" and random.random() < 0.6:
        field, size = random.choice([(4, 4), (16, 4), (20, 2), (22, 2), (24, 4), (28, 4), (32, 2), (34, 2), (40, 4)])
        value = random.choice([0, 1, 3, 256**size - 1, 256**size // 2, 999_983 % 256**size])
        content[field : field + size] = value.to_bytes(size, "little")
    else:
        for _ in range(random.randrange(1, 4)):
            content[random.randrange(44)] = random.randrange(256)
    path.write_bytes(content)


def _bytes(damage: Callable[[bytes, Random], bytes], path: Path, random: Random) -> None:
    _write(path)
    path.write_bytes(damage(path.read_bytes(), random))


def _patched(path: Path, patches: dict[int, bytes], **settings) -> None:
    _write(path, **settings)
    content = bytearray(path.read_bytes())
    for at, value in patches.items():
        content[at : at + len(value)] = value
    path.write_bytes(content)


def _many_chunks(path: Path) -> None:
    _write(path)
    content = path.read_bytes()
    path.write_bytes(content[:12] + (b"junk" + struct.pack("<I", 0)) * 2_000_000 + content[12:])


def _formats() -> dict[str, Make]:
    """Encodings and formats that libsndfile writes, all under the ending of a WAV."""
    encodings = {"PCM_24": 48000, "PCM_U8": 8000, "FLOAT": 44100, "DOUBLE": 16000, "ULAW": 8000, "ALAW": 8000,
                 "GSM610": 8000, "IMA_ADPCM": 22050, "MS_ADPCM": 11025, "PCM_32": 96000}  # fmt: skip
    found: dict[str, Make] = {}
    for subtype, rate in encodings.items():
        found[subtype] = lambda path, _, s=subtype, r=rate: _write(path, rate=r, subtype=s, format="WAV")
    for kind in ("AIFF", "AU", "CAF", "W64", "RF64", "WAVEX", "FLAC", "OGG", "MP3"):
        found[f"{kind} called WAV"] = lambda path, _, kind=kind: _write(path, format=kind)
    return found


ODD: dict[str, Make] = {
    "999,983 Hz": lambda path, _: _write(path, rate=999_983),
    "1 Hz": lambda path, _: _write(path, rate=1),
    "sixteen channels": lambda path, _: _write(path, lambda noise: np.stack([noise] * 16, 1)),
    "an hour": lambda path, _: _write(path, lambda noise: np.zeros(16000 * 3600, np.int16)),
    "a FLAC that promises 2^36 samples": lambda path, _: _patched(path, {22: b"\xff" * 4}, format="FLAC"),
    "a streamed WAV": lambda path, _: _patched(path, {4: b"\xff" * 4, 40: b"\xff" * 4}),
    "two million chunks": lambda path, _: _many_chunks(path),
    "NaN": lambda path, _: _write(path, lambda noise: np.where(noise > 0.2, np.nan, noise), subtype="FLOAT"),
    "infinity": lambda path, _: _write(path, lambda noise: np.where(noise > 0.2, np.inf, noise), subtype="FLOAT"),
    "full scale of 32768": lambda path, _: _write(path, lambda noise: noise * 32768, subtype="FLOAT"),
    "1e38": lambda path, _: _write(path, lambda noise: noise * 1e38, subtype="FLOAT"),
    "silence": lambda path, _: _write(path, np.zeros_like),
    "channels that cancel": lambda path, _: _write(path, lambda noise: np.stack([noise, -noise], 1)),
    "no samples": lambda path, _: _write(path, lambda noise: noise[:0]),
    "one sample": lambda path, _: _write(path, lambda noise: noise[:1]),
    "an empty file": lambda path, _: path.touch(),
    "a text": lambda path, _: path.write_text("RIFF? no."),
    "a folder": lambda path, _: path.mkdir(),
    "a pipe": lambda path, _: os.mkfifo(path),
    "a link to nowhere": lambda path, _: path.symlink_to("nowhere.wav"),
    "a link in a circle": lambda path, _: path.symlink_to(path.name),
    "a link to a device": lambda path, _: path.symlink_to("/dev/zero"),
}
