"""Folders that `scoretap score` must not take for samples: one sentence, and nothing is written."""

import pytest
import torch
from tiny import check

from datamodules.audio_files import write_wav
from lightning_modules.evaluation.scoring.folders import list_speech

MANIFESTS = {  # what a manifest holds, and what the sentence must say
    "file,label\n../secret.wav,3\n": ["'../secret.wav'", "in the folder or below it"],
    "file,label\n/etc/passwd,3\n": ["'/etc/passwd'", "in the folder or below it"],
    "file,label\na/../../secret.wav,3\n": ["in the folder or below it"],
    "file,label\n..\\secret.wav,3\n": ["in the folder or below it"],
    "file,label\n,3\n": ["''", "in the folder or below it"],
    "file,label\n": ["must hold rows"],
    "": ["must hold rows"],
    "name,digit\na.wav,3\n": ["columns file and label"],
    "file,label\na.wav,1_0\n": ["'1_0' as label"],
    "file,label\na.wav,٣\n": ["'٣' as label"],
    "file,label\na.wav,-1\n": ["'-1' as label"],
}


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_manifest_that_is_wrong(manifest, refused, tmp_path):
    folder = tmp_path / "samples"
    folder.mkdir()
    (folder / "manifest.csv").write_text(manifest, encoding="utf-8")
    check(refused("score", folder, "--evaluator", "nowhere.ckpt"), ["manifest.csv", *MANIFESTS[manifest]])


@pytest.mark.parametrize("inside", [[], ["notes.txt"], ["eleven/a.wav"], [".hidden.wav"]])
def test_a_folder_without_samples(inside, refused, tmp_path):
    folder = tmp_path / "samples"
    folder.mkdir()
    for name in inside:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    check(refused("score", folder, "--evaluator", "nowhere.ckpt"), ["expected WAV or FLAC files", "found none"])
    check(refused("score", tmp_path / "nowhere", "--evaluator", "x"), ["nowhere", "there is none"])
    check(refused("score", "", "--evaluator", "x"), ["must not be empty"])


ODD = ["00001_٣_seed7.wav", "0000١_3_seed7.wav", "1_3_seed٧.wav", "1_3_seed7\n.wav", "1_33_seed7.wav"]


@pytest.mark.parametrize("name", ODD)
def test_a_digit_in_a_file_name_is_written_plainly(name, tmp_path):
    write_wav(tmp_path / name, torch.zeros(160), 16000)
    assert [clip.label for clip in list_speech(tmp_path)] == [-1]
    write_wav(tmp_path / "00001_3_seed7.wav", torch.zeros(160), 16000)
    assert sorted(clip.label for clip in list_speech(tmp_path)) == [-1, 3]
