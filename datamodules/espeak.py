"""The speech synthesiser eSpeak NG: its languages and voices, and utterances spoken by them."""

import importlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from datamodules import espeak_worker
from lightning_modules.errors import InputError

SAMPLE_RATE = espeak_worker.SAMPLE_RATE
SCRIPTS = ("-shaw", "-latn", "-pinyin", "-jyutping")  # other scripts of languages that are listed already

# Variants that a recogniser trained on people understands best, without whisper, croak, echo and robots.
# Joined by "/": variants of one voice, which stay in one split.
VARIANTS = """
f1 f2 f3 f4 f5 m1 m2 m3 m4 m5 m6 m7 m8 Alex Andy Annie Denis Diogo Gene/Gene2 Henrique Hugo Jacky Marco Mario Michael
Mike/mike2 Nguyen Reed Storm adam anika antonio aunty belinda benjamin boris caleb david ed edward/edward2 grandma
grandpa iven/iven2/iven3/iven4 john klatt/klatt2/klatt3/klatt4/klatt5/klatt6 linda max michel miguel pablo paul pedro
quincy rob/robert sandro victor
"""


class Utterance(NamedTuple):
    """A text to say, and the voice, rate and pitch to say it in."""

    voice: str  # <accent>+<variant>
    text: str  # a digit is enough, eSpeak NG knows its name in every language
    rate: int  # words per minute, 80 to 450; raised where the utterance would get too long
    pitch: int  # 0 to 100, 50 is the voice's own
    pitch_range: int  # 0 (monotone) to 100, 50 is the voice's own


def find_espeak() -> tuple[Path, Path]:
    """Shared library and data folder of the installed wheel.

    Raises:
        InputError: the wheel is not installed.
    """
    try:
        loader = importlib.import_module("espeakng_loader")
    except ImportError as error:
        raise InputError(
            "expected the eSpeak NG wheel to speak digits, but it is missing: pip install 'scoretap[demo]'"
        ) from error
    return Path(loader.get_library_path()), Path(loader.get_data_path())


def list_accents(data: Path) -> dict[str, list[str]]:
    """Accents of every language that eSpeak NG carries, e.g. ``{"es": ["es", "es-419"], "es-419": ["es-419"], …}``."""
    accents: dict[str, list[str]] = {}
    for file in sorted((data / "lang").rglob("*")):
        accent = file.name.lower()
        if file.is_file() and not accent.endswith(SCRIPTS):
            for name in {accent, accent.partition("-")[0]}:
                accents.setdefault(name, []).append(accent)
    return {language: sorted(names) for language, names in sorted(accents.items())}


def accents_of(language: str, data: Path) -> list[str]:
    """Accents of ``language``: all of ``en``, or one such as ``en-us``.

    Raises:
        InputError: eSpeak NG has no such language; the message lists those it has.
    """
    accents = list_accents(data)
    if language.lower() not in accents:
        raise InputError(
            f"expected a language that eSpeak NG speaks, got {language!r}: choose one of {', '.join(accents)}"
        )
    return accents[language.lower()]


def list_families(data: Path) -> list[list[str]]:
    """Installed variants that sound natural, grouped by the person they sound like."""
    installed = {file.name for file in (data / "voices" / "!v").iterdir()}
    families = ([name for name in family.split("/") if name in installed] for family in VARIANTS.split())
    return [family for family in families if family]


def speak(utterances: Sequence[Utterance], longest_seconds: float) -> Iterator[np.ndarray]:
    """Samples ``(n,)`` int16 at ``SAMPLE_RATE`` of each utterance in turn; the same list gives the same samples.

    Utterances with one voice should stand together. One that would take longer than allowed is spoken faster.

    Raises:
        InputError: the wheel is missing, or eSpeak NG cannot say an utterance within ``longest_seconds``.
    """
    library, data = find_espeak()
    longest = int(longest_seconds * SAMPLE_RATE)
    command = [sys.executable, "-I", espeak_worker.__file__, str(library), str(data), str(longest)]
    arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        receiver = threading.Thread(target=_receive, args=(worker.stdout, len(utterances), arrived), daemon=True)
        try:
            worker.stdin.write(json.dumps(utterances).encode())  # the worker reads all of it before it writes
            worker.stdin.close()
            receiver.start()
            for utterance in utterances:
                samples = arrived.get()
                if not samples:
                    who = f"the voice {utterance.voice}"
                    raise InputError(
                        f"expected speech, but {who} cannot say {utterance.text!r}: choose another language"
                    )
                yield np.frombuffer(samples, dtype=np.int16)
        finally:
            worker.kill()
            if receiver.ident is not None:
                receiver.join()


def _receive(stream: BinaryIO, count: int, arrived: queue.SimpleQueue) -> None:
    """Take utterances off the pipe as they come, so that the worker need not wait until they are used."""
    for _ in range(count):
        arrived.put(stream.read(int.from_bytes(stream.read(4), "little")))
