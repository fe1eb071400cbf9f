"""What `predict` leaves behind: whole WAVs and one whole manifest."""

import csv

import pytest
import soundfile
import torch

from callbacks import sample_writer
from callbacks.wav_files import write_wav
from lightning_modules.checkpoints import fingerprint, read_checkpoint

QUICK = ["--sampling.num_steps=8", "--trainer.accelerator=cpu"]


def rows_of(folder):
    with open(folder / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_manifest(scoretap, score_subnet, tmp_path):
    table = tmp_path / "requests.csv"
    table.write_text("label,seed\n3,7\n,8\n3,9\n")
    folder = tmp_path / "deep" / "samples"
    data = ["--data=SampleRequests", f"--data.init_args.csv={table}", "--data.init_args.batch_size=2"]
    status, err = scoretap("predict", "--ckpt_path", score_subnet, f"--sample_writer.folder={folder}", *data, *QUICK)
    assert status == 0, err
    rows = rows_of(folder)
    assert tuple(rows[0]) == ("file", "label", "seed", "guidance_scale", "num_steps", "sampler", "nfe", "checkpoint")
    assert [(row["label"], row["seed"]) for row in rows] == [("3", "7"), ("", "8"), ("3", "9")]
    assert {(row["num_steps"], row["sampler"], row["nfe"]) for row in rows} == {("8", "EulerMaruyama", "8")}
    assert {row["checkpoint"] for row in rows} == {fingerprint(read_checkpoint(score_subnet)["state_dict"])}
    assert {path.name for path in folder.iterdir()} == {"manifest.csv", *(row["file"] for row in rows)}


def test_overwriting_needs_a_flag(scoretap, score_subnet):
    command = ["predict", "--ckpt_path", score_subnet, *QUICK]
    assert scoretap(*command)[0] == 0
    assert scoretap(*command)[0] == 2
    assert scoretap(*command, "--sample_writer.overwrite=true")[0] == 0


def test_no_manifest_before_all_samples_are_there(scoretap, score_subnet, tmp_path, monkeypatch):
    """An interrupted run must not look complete."""
    real, calls = write_wav, []

    def fails_at_the_fourth(*args):
        calls.append(args)
        if len(calls) == 4:
            raise OSError("disk full")
        real(*args)

    monkeypatch.setattr(sample_writer, "write_wav", fails_at_the_fourth)
    with pytest.raises(OSError, match="disk full"):
        scoretap("predict", "--ckpt_path", score_subnet, f"--sample_writer.folder={tmp_path / 'samples'}", *QUICK)
    names = {path.name for path in (tmp_path / "samples").iterdir()}
    assert len(names) == 3 and all(name.endswith(".wav") for name in names)


def test_wav_is_whole_or_absent(tmp_path, monkeypatch):
    waveform = torch.linspace(-1, 1, 16000)
    write_wav(tmp_path / "a.wav", waveform, 16000)
    read, rate = soundfile.read(tmp_path / "a.wav")
    assert rate == 16000 and abs(torch.from_numpy(read) - waveform).max() < 1e-4
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"

    def torn(path, *args, **kwargs):
        path.write_bytes(b"RIFF")
        raise OSError("disk full")

    monkeypatch.setattr(soundfile, "write", torn)
    with pytest.raises(OSError, match="disk full"):
        write_wav(tmp_path / "b.wav", waveform, 16000)
    assert not (tmp_path / "b.wav").exists()
