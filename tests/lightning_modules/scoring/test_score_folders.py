"""`scoretap score` judges every clip that was drawn, also a failed one, and refuses what it cannot read."""

import csv
import math

import numpy as np
import pytest
import soundfile

CLIPS = {"0.wav": 3, "1.wav": 3, "2.wav": 3}


@pytest.fixture
def samples(tmp_path):
    """Three clips of noise for the digit 3, with a manifest."""
    folder = tmp_path / "samples"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in CLIPS:
        soundfile.write(folder / name, 0.1 * generator.standard_normal(16000), 16000, subtype="PCM_16")
    lines = [f"{name},{label}\n" for name, label in CLIPS.items()]
    (folder / "manifest.csv").write_text("file,label\n" + "".join(lines))
    return folder


def silence(path):
    soundfile.write(path, np.zeros(16000), 16000, subtype="PCM_16")


def test_silence_is_judged(samples, evaluator, scoretap, tmp_path):
    silence(samples / "1.wav")
    output = tmp_path / "scores.csv"
    status, err = scoretap("score", samples, "--evaluator", evaluator, f"--output={output}")
    assert status == 0, err
    with open(output, newline="") as file:
        row = next(csv.DictReader(file))
    assert row["count"] == "3"
    assert all(math.isfinite(float(row[name])) for name in ("accuracy", "confidence", "diversity"))


def test_a_damaged_clip_is_named(samples, evaluator, scoretap):
    silence(samples / "1.wav")
    damaged = samples / "2.wav"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    status, err = scoretap("score", samples, "--evaluator", evaluator)
    assert status == 2 and str(damaged) in err and "truncated" in err
