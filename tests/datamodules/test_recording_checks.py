"""Headers that lie are refused before memory is asked for; streamed files are read whole."""

import os
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile as sf

from datamodules.audio_files import ClipReader, read_audio
from datamodules.recording_checks import BadRecordingError
from lightning_modules.errors import InputError

READER = ClipReader(sample_rate=16000, num_samples=16000, dither=3e-4, seed=0)
SAMPLES = 0.5 * np.sin(np.arange(16000) * 0.1)


def wav(path, rate=16000, **settings):
    sf.write(str(path), SAMPLES, rate, format="WAV", **{"subtype": "PCM_16", **settings})
    return path


def patched(path, at, value):
    content = bytearray(path.read_bytes())
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return path


def promise(path, frames):
    """A FLAC file whose header promises ``frames`` samples: the lowest 36 bits of eight bytes."""
    sf.write(str(path), SAMPLES, 16000)
    start = path.read_bytes()[18:26]
    return patched(path, 18, (int.from_bytes(start, "big") >> 36 << 36 | frames).to_bytes(8, "big"))


@pytest.mark.parametrize("rate", [1, 999, 384_001, 999_983, 2**31 - 1])
def test_an_absurd_rate_is_one_sentence(tmp_path, rate):
    path = patched(wav(tmp_path / "a.wav"), 24, struct.pack("<II", rate, rate))
    with pytest.raises(InputError, match=rf"a.wav, its header says {rate}|a.wav cannot be read"):
        READER.read(tmp_path, path.name)


@pytest.mark.parametrize("rate", [1000, 8000, 44_101, 383_999])
def test_odd_rates_need_no_more_memory_than_samples(tmp_path, rate):
    wav(tmp_path / "a.wav", rate)
    tracemalloc.start()
    assert READER.read(tmp_path, "a.wav").shape == (16000,)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


@pytest.mark.parametrize("frames", [0, 2**36 - 1, 2**27, 9_600_001, 9_599_999, 16001])
def test_a_promise_that_is_not_kept_costs_no_memory(tmp_path, frames):
    promise(tmp_path / "a.flac", frames)
    tracemalloc.start()
    with pytest.raises(BadRecordingError, match=r"a\.flac"):
        read_audio(tmp_path / "a.flac")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000])
@pytest.mark.parametrize("riff", [0xFFFFFFFF, 0])
def test_a_streamed_wav_is_read_whole(tmp_path, size, riff):
    expected = read_audio(wav(tmp_path / "whole.wav"))[0]
    path = patched(wav(tmp_path / "a.wav"), 4, struct.pack("<I", riff))
    patched(path, 40, struct.pack("<I", size))
    assert read_audio(path)[0].equal(expected) and expected.shape == (1, 16000)


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_16"])
def test_encodings_that_cannot_be_checked_are_refused(tmp_path, subtype):
    with pytest.raises(BadRecordingError, match="a.wav is encoded as .*convert it to 16-bit PCM"):
        read_audio(wav(tmp_path / "a.wav", subtype=subtype))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"])
def test_other_encodings_are_read(tmp_path, subtype):
    waveform = read_audio(wav(tmp_path / "a.wav", subtype=subtype))[0][0, :16000].numpy()
    assert np.sqrt(np.mean((waveform - SAMPLES) ** 2)) < 0.02


def test_a_long_file_is_read_in_blocks(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (300_001, 2)).astype(np.float32)
    sf.write(str(tmp_path / "a.wav"), noise, 16000, subtype="FLOAT")
    assert np.array_equal(read_audio(tmp_path / "a.wav")[0].numpy(), noise.T)


def dangling(path):
    os.symlink(b"absent", path)
    return "a link that leads to no file"


def looping(path):
    os.symlink(path, path)
    return "a link in a circle"


def pipe(path):
    os.mkfifo(path)
    return "no regular file"


def device(path):
    os.symlink(b"/dev/zero", path)
    return "no regular file"


@pytest.mark.parametrize("make", [dangling, looping, pipe, device])
def test_what_is_no_file_is_one_sentence(tmp_path, make):
    reason = make(os.fsencode(tmp_path / "a.wav"))
    with pytest.raises(BadRecordingError, match=f"a.wav is {reason}") as caught:
        read_audio(tmp_path / "a.wav")
    assert caught.value.reason == reason


def test_a_name_that_is_no_utf_8_is_shown(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.wav")
    os.rename(wav(tmp_path / "a.wav"), path)
    with pytest.raises(BadRecordingError, match=r"UTF-8, got .*\\xff.wav") as caught:
        read_audio(path)
    str(caught.value).encode()


def test_endless_chunks_end(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + bytes(4_000_000))
    with pytest.raises(BadRecordingError, match="no data chunk"):
        read_audio(tmp_path / "a.wav")
