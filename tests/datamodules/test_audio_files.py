"""Recordings are read completely, or refused with their name."""

import struct

import numpy as np
import pytest
import soundfile as sf
import torch

from datamodules.audio_files import CANCELLED, CUT, SCALED, SILENT, ClipReader, read_audio
from lightning_modules.errors import InputError

READER = ClipReader(sample_rate=16000, num_samples=16000, dither=0.0, seed=0)


def tone(seconds=0.5, rate=16000, hertz=440.0):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_padded_with_zeros(tmp_path, suffix):
    sf.write(str(tmp_path / f"a.{suffix}"), tone(), 16000, subtype="PCM_16")
    clip = READER.read(tmp_path, f"a.{suffix}")
    assert clip.shape == (16000,) and clip.dtype == torch.float32
    torch.testing.assert_close(clip[:8000], torch.from_numpy(tone()), atol=2**-15, rtol=0)
    assert not clip[8000:].any()


def test_longer_clip_is_trimmed(tmp_path):
    sf.write(str(tmp_path / "a.wav"), tone(1.5), 16000, subtype="FLOAT")
    assert torch.equal(READER.read(tmp_path, "a.wav"), torch.from_numpy(tone(1.5)[:16000]))


def test_stereo_is_mixed_down(tmp_path):
    sf.write(str(tmp_path / "a.wav"), np.stack([tone(), 0 * tone()], axis=1), 16000, subtype="FLOAT")
    assert torch.equal(READER.read(tmp_path, "a.wav")[:8000], torch.from_numpy(tone()) / 2)


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_other_rates_are_resampled(tmp_path, rate):
    sf.write(str(tmp_path / "a.wav"), tone(1.0, rate), rate, subtype="FLOAT")
    clip = READER.read(tmp_path, "a.wav")
    spectrum = torch.fft.rfft(clip).abs()
    assert spectrum.argmax() == 440  # one second: bins are Hz
    torch.testing.assert_close(clip[2000:14000], torch.from_numpy(tone(1.0))[2000:14000], atol=2e-3, rtol=0)


def truncated(path, subtype="PCM_16"):
    sf.write(str(path), tone(), 16000, subtype=subtype)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("this is no recording\n" * 100)


def header_only(path):
    path.write_bytes(b"RIFF" + struct.pack("<I", 36) + b"WAVE")


def no_samples(path):
    sf.write(str(path), np.zeros(0, np.float32), 16000, format="WAV", subtype="PCM_16")


def not_finite(path):
    sf.write(str(path), np.array([0.1, np.nan, 0.2], np.float32), 16000, format="WAV", subtype="FLOAT")


def folder(path):
    path.mkdir()


def absent(path):
    pass


@pytest.mark.parametrize("make", [truncated, empty, text, header_only, no_samples, not_finite, folder, absent])
@pytest.mark.parametrize("name", ["bad.wav", "bad.flac"])
def test_bad_file_is_named(tmp_path, make, name):
    make(tmp_path / name)
    with pytest.raises(InputError, match=str(tmp_path / name)):
        READER.read(tmp_path, name)


def test_wav_cut_by_one_byte_is_refused(tmp_path):
    """libsndfile reads such a file without complaint."""
    path = tmp_path / "a.wav"
    sf.write(str(path), tone(), 16000, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-1])
    assert len(sf.read(str(path))[0]) > 0
    with pytest.raises(InputError, match="truncated"):
        read_audio(path)


def test_chunks_around_the_audio_are_no_truncation(tmp_path):
    path = tmp_path / "a.wav"
    sf.write(str(path), tone(), 16000, subtype="PCM_16")
    whole = path.read_bytes()
    extra = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    path.write_bytes(whole[:12] + extra + whole[12:] + extra)
    assert read_audio(path)[0].shape == (1, 8000)


def test_silence_is_refused_allowed_or_dithered(tmp_path):
    sf.write(str(tmp_path / "a.wav"), np.zeros(16000), 16000, subtype="PCM_16")
    with pytest.raises(InputError, match="every sample"):
        READER.read(tmp_path, "a.wav")
    assert not ClipReader(16000, 16000, dither=0.0, seed=0, allow_silent=True).read(tmp_path, "a.wav").any()
    noise = ClipReader(16000, 16000, dither=1e-3, seed=0).read(tmp_path, "a.wav")
    assert abs(float(noise.std()) / 1e-3 - 1) < 0.03


def test_dither_depends_on_seed_and_path_only(tmp_path):
    for name in ("a.wav", "b.wav"):
        sf.write(str(tmp_path / name), tone(), 16000, subtype="PCM_16")
    read = {
        (name, seed): ClipReader(16000, 16000, 3e-4, seed).read(tmp_path, name)
        for name in ("a.wav", "b.wav")
        for seed in (0, 1)
    }
    assert torch.equal(read["a.wav", 0], ClipReader(16000, 16000, 3e-4, 0).read(tmp_path, "a.wav"))
    assert not torch.equal(read["a.wav", 0], read["a.wav", 1])
    assert not torch.equal(read["a.wav", 0], read["b.wav", 0])


@pytest.mark.parametrize("rate", [22050, 24000, 32000, 44100, 48000])
def test_what_lies_above_the_new_band_does_not_alias(tmp_path, rate):
    """Measured away from the ends, where the tone sets in."""
    sf.write(str(tmp_path / "a.wav"), tone(1.0, rate, 9000.0), rate, subtype="FLOAT")
    clip = READER.read(tmp_path, "a.wav")[2000:14000].double()
    assert 20 * torch.log10(clip.square().mean().sqrt() / (0.5 / 2**0.5)) < -80.0


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_the_band_is_kept_nearly_to_its_end(tmp_path, rate):
    """At 7.5 of 8 kHz less than half a decibel is lost."""
    sf.write(str(tmp_path / "a.wav"), tone(1.0, rate, 7500.0), rate, subtype="FLOAT")
    clip = READER.read(tmp_path, "a.wav")[2000:14000].double()
    assert abs(20 * torch.log10(clip.square().mean().sqrt() / (0.5 / 2**0.5))) < 0.5


@pytest.mark.parametrize(("long_clips", "start"), [("cut", 0), ("centre", 4000)])
def test_long_clips_keep_their_start_or_centre(tmp_path, long_clips, start):
    sf.write(str(tmp_path / "a.wav"), tone(1.5), 16000, subtype="FLOAT")
    reader = ClipReader(16000, 16000, 0.0, 0, long_clips=long_clips)
    assert torch.equal(reader.read(tmp_path, "a.wav"), torch.from_numpy(tone(1.5)[start : start + 16000]))
    assert reader.changes == [("a.wav", CUT)]


def test_long_clips_can_be_refused(tmp_path):
    sf.write(str(tmp_path / "a.wav"), tone(1.5), 16000, subtype="FLOAT")
    with pytest.raises(InputError, match="at most 1 s in .*a.wav, found 1.5 s"):
        ClipReader(16000, 16000, 3e-4, 0, long_clips="refuse").read(tmp_path, "a.wav")


NOTED = {
    "speech and then nothing": (np.concatenate([tone(1.0), np.zeros(8000)]), []),
    "speech that comes late": (np.concatenate([np.zeros(16000), tone(0.5)]), [CUT, SILENT]),
    "full scale": (tone() * 2.0, []),
    "beyond full scale": (tone() * 2.1, [SCALED]),
    "floats as whole numbers": (tone() * 32768, [SCALED]),
    "zeros": (np.zeros(8000), [SILENT]),
    "a constant": (np.full(16000, 0.25), [SILENT]),
    "too faint": (1e-6 * tone(), [SILENT]),
    "two that cancel": (np.stack([tone(), -tone()], axis=1), [CANCELLED]),
    "two that nearly cancel": (np.stack([tone(), -0.9999 * tone()], axis=1), [CANCELLED]),
    "two alike": (np.stack([tone(), tone()], axis=1), []),
    "two of zeros": (np.zeros((8000, 2)), [SILENT]),
}


@pytest.mark.parametrize("case", NOTED)
def test_changes_are_noted(tmp_path, case):
    samples, kinds = NOTED[case]
    sf.write(str(tmp_path / "a.wav"), samples.astype(np.float32), 16000, subtype="FLOAT")
    reader = ClipReader(16000, 16000, 0.0, 0, allow_silent=True)
    assert float(reader.read(tmp_path, "a.wav").abs().max()) <= 1.0
    assert reader.changes == [("a.wav", kind) for kind in kinds]


def test_scaling_keeps_the_shape(tmp_path):
    sf.write(str(tmp_path / "a.wav"), 32768 * tone(1.0), 16000, subtype="FLOAT")
    torch.testing.assert_close(READER.read(tmp_path, "a.wav"), torch.from_numpy(2 * tone(1.0)), atol=2e-4, rtol=0)
