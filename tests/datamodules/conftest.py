"""Small corpora that the tests of the data modules share."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from datamodules.corpus_layout import DIGITS


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Give every test a cache folder of its own, not the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def tone_root(tmp_path):
    """A corpus of tones that a test may damage: 12 clips of each of three digits, four of them test, four validate."""
    root, rng = tmp_path / "tones", np.random.default_rng(0)
    lists = {"testing_list.txt": [], "validation_list.txt": [], "": []}
    for label in (0, 3, 7):
        (root / DIGITS[label]).mkdir(parents=True)
        for number in range(12):
            path = f"{DIGITS[label]}/{number:08x}_nohash_0.wav"
            tone = 0.3 * np.sin(2 * np.pi * (200 + 50 * label + number) * np.arange(12000) / 16000)
            sf.write(str(root / path), tone + 0.01 * rng.standard_normal(12000), 16000, subtype="PCM_16")
            list(lists.values())[number % 3].append(path)
    for name, paths in lists.items():
        if name:
            (root / name).write_text("\n".join(paths) + "\n")
    return root


@pytest.fixture
def recordings():
    """Folder of real recordings, from the variable SCORETAP_RECORDINGS."""
    folder = os.environ.get("SCORETAP_RECORDINGS")
    if not folder:
        pytest.skip("real recordings: set SCORETAP_RECORDINGS to a folder with sc09-sample and others")
    return Path(folder)
