"""A script that speaks a list of utterances with eSpeak NG in a process of its own.

eSpeak NG has global variables that one utterance leaves changed for the next. Only a new process repeats the same
speech exactly, and it keeps that state away from a process that trains. The script needs the standard library only.

Arguments: path of the shared library, path of its data folder, longest utterance in samples. Standard input: JSON list
of ``[voice, text, rate, pitch, range]``. Standard output: per utterance its length in bytes, 4 bytes little-endian, and
its samples, 16-bit mono at 22,050 Hz, silence at both ends removed; length 0 for an utterance that failed or is silent.
"""

import array
import ctypes
import json
import sys

RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4  # espeak_PARAMETER
SYNCHRONOUS, UTF8 = 2, 1  # AUDIO_OUTPUT_SYNCHRONOUS, espeakCHARS_UTF8
SAMPLE_RATE = 22050
QUIET_VOLUME = 45  # percent; at the normal 100 many voices clip
MAX_RATE = 450  # words per minute
MARGIN = 110  # samples, 5 ms, kept around speech
SEED = 1  # of the library's own noise
STRIDE = 8  # samples between those that are looked at: pure Python is slow
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Speaker:
    """Wraps the library: one voice and one utterance at a time.

    Raises:
        RuntimeError: the library refuses its data folder.
    """

    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self._samples = bytearray()
        self._callback = CALLBACK(self._collect)  # stored, or it would be freed while the library uses it
        if self._library.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), 0) != SAMPLE_RATE:
            raise RuntimeError(f"eSpeak NG cannot use the data in {data}")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(SEED))  # or voices with breath draw noise by the clock
        self._library.espeak_SetParameter(VOLUME, QUIET_VOLUME, 0)

    def _collect(self, samples, count, _events) -> int:
        if samples and count > 0:
            self._samples += ctypes.string_at(samples, 2 * count)
        return 0

    def set_voice(self, name: str) -> bool:
        return self._library.espeak_SetVoiceByName(name.encode()) == 0

    def say(self, text: str, rate: int, pitch: int, pitch_range: int) -> array.array:
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._samples.clear()
        encoded = text.encode() + b"\0"
        self._library.espeak_Synth(encoded, len(encoded), 0, 0, 0, UTF8, None, None)
        return trimmed(array.array("h", bytes(self._samples)))


def trimmed(samples: array.array) -> array.array:
    """``samples`` without the silence at both ends, below 1 % of the peak; empty if all are silent."""
    probe = samples[::STRIDE]
    peak = max(max(probe, default=0), -min(probe, default=0))
    if peak < 100:
        return array.array("h")
    loud = peak // 100
    first = next(i for i, value in enumerate(probe) if abs(value) > loud) * STRIDE
    last = next(i for i in range(len(probe) - 1, -1, -1) if abs(probe[i]) > loud) * STRIDE
    return samples[max(0, first - MARGIN) : last + MARGIN]


def say_within(speaker: Speaker, longest: int, text: str, rate: int, pitch: int, pitch_range: int) -> array.array:
    """Say ``text``, faster if it would take more than ``longest`` samples; empty if it does not fit at any rate."""
    samples = speaker.say(text, rate, pitch, pitch_range)
    while len(samples) > longest and rate < MAX_RATE:
        rate = min(MAX_RATE, int(rate * max(1.1, len(samples) / longest)) + 1)
        samples = speaker.say(text, rate, pitch, pitch_range)
    return samples if len(samples) <= longest else array.array("h")


def main(library: str, data: str, longest: str) -> None:
    """Speak the utterances that stdin lists as JSON; each goes to stdout as its length in bytes and int16 samples."""
    speaker, current, known = Speaker(library, data), None, False
    for voice, text, rate, pitch, pitch_range in json.load(sys.stdin):
        if voice != current:
            current, known = voice, speaker.set_voice(voice)
        samples = say_within(speaker, int(longest), text, rate, pitch, pitch_range) if known else array.array("h")
        sys.stdout.buffer.write((2 * len(samples)).to_bytes(4, "little") + samples.tobytes())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
