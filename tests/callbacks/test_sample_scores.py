"""`scoretap test` of a generator: samples drawn once, and one machine-readable row beside real speech."""

import json

import pytest
import tiny
import torch

from callbacks import sample_folder
from callbacks.sample_folder import spread_requests
from datamodules.audio_files import write_wav
from lightning_modules import load_generator
from lightning_modules.checkpoints.reading import find_checkpoint
from lightning_modules.evaluation.scoring.generators import GuideAccuracy
from lightning_modules.evaluation.scoring.row_facts import commit
from lightning_modules.networks.cost import count_gmacs, count_parameters

TIMES = {"seconds_per_sample", "peak_memory_gb"}


@pytest.fixture
def command(score_subnet, evaluator, tmp_path):
    """Command line that scores a checkpoint, by default the Score Subnet's, in a folder of this test."""

    def build(*more, checkpoint=score_subnet, folder="drawn", count=10, scale=3):
        scoring = {"evaluator": evaluator, "count": count, "batch_size": 4, "folder": tmp_path / folder}
        scoring |= {"minimum_accuracy": 0, "cache_dir": tmp_path / "kept"}
        return [
            "test", "--ckpt_path", checkpoint, "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false",
            "--sampling.num_steps=8", f"--sampling.guidance_scale={scale}",
            *(f"--scoring.{name}={value}" for name, value in scoring.items()), *more,
        ]  # fmt: skip

    return build


@pytest.fixture
def rows(scoretap, command, tmp_path):
    """Runs it and reads the rows."""

    def run(*more, **given):
        status, err = scoretap(*command(*more, **given))
        assert status == 0, err
        return json.loads((tmp_path / given.get("folder", "drawn") / "scores.json").read_text())

    return run


def timeless(rows):
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def test_one_row_says_all(rows, score_subnet):
    table = rows()
    assert [row["name"] for row in table][:3] == ["Score Subnet, γ = 3", "real train", "real test"]
    assert table[-1]["name"] == "floor, N = 10"
    row, generator = table[0], load_generator(score_subnet)
    counted = count_parameters(torch.nn.ModuleList([generator.network, generator.classifier]))
    assert row["parameters_million"] == pytest.approx(counted.total / 1e6)
    assert row["trained_million"] == pytest.approx(counted.trainable / 1e6) and counted.trainable < counted.total
    assert row["nfe"] == 8 and row["num_steps"] == 8 and row["sampler"]["class"] == "EulerMaruyama"
    assert row["gmacs_per_step"] == pytest.approx(count_gmacs(generator.cost_probe(3.0), 1))
    assert row["gmacs_per_sample"] == pytest.approx(8 * row["gmacs_per_step"])
    assert row["seconds_per_sample"] > 0 and row["peak_memory_gb"] > 0 and row["device"] == "CPU, 1 thread"
    assert row["corpus"] == "en" and row["labels"] == list(range(10)) and row["guidance_scale"] == 3.0
    assert row["training_steps"] == 10 and row["training_batch_size"] == 32 and row["test_loss"] > 0
    assert row["training_labels"] == list(range(10)) and row["training_fraction"] == 1.0
    assert row["accuracy_unseen"] is None and row["confidence_low"] <= row["confidence"] <= row["confidence_high"]
    assert row["commit"] == commit() and len(row["checkpoint"]) == len(row["evaluator"]) == 64
    assert 0 <= row["accuracy"] <= 1 and 0 <= row["guide_accuracy"] <= 1 and sum(map(sum, row["confusion"])) == 10
    assert row["reference_count"] == 160 and row["evaluator_accuracy"] == table[2]["accuracy"]


def test_digits_that_were_never_seen_are_apart(rows, score_subnet, tmp_path):
    stored = torch.load(find_checkpoint(str(score_subnet)), weights_only=False)
    stored["datamodule_hyper_parameters"]["labels"] = [3, 5, 7]
    torch.save(stored, tmp_path / "few.ckpt")
    row = rows(checkpoint=tmp_path / "few.ckpt")[0]
    hits = [row["confusion"][digit][digit] for digit in range(10)]  # one clip of each
    seen = hits[3] + hits[5] + hits[7]
    assert row["training_labels"] == [3, 5, 7] and row["labels"] == list(range(10))
    assert row["accuracy_seen"] == pytest.approx(seen / 3)
    assert row["accuracy_unseen"] == pytest.approx((sum(hits) - seen) / 7) and row["accuracy_unseen_high"] > 0


def test_unguided_samples_have_no_digit(rows):
    row = rows(scale=0)[0]
    assert row["name"] == "Score Subnet, γ = 0" and row["guidance_scale"] == 0.0
    assert row["accuracy"] is None and row["guide_accuracy"] is None and row["confusion"] is None
    assert row["is"] > 0 and row["fid"] > 0


def test_a_separate_classifier_counts_where_it_guides(rows, unet):
    unguided = rows(checkpoint=unet, scale=0, folder="unguided")[0]
    guided = rows(checkpoint=unet, folder="guided")[0]
    assert guided["parameters_million"] > unguided["parameters_million"] == unguided["trained_million"]
    assert guided["trained_million"] == unguided["trained_million"]
    assert guided["gmacs_per_step"] > unguided["gmacs_per_step"]


def test_samples_that_are_there_are_not_drawn_again(rows, tmp_path):
    rows(count=6)  # one batch of four and one of two, which is drawn again in its full company
    files = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "drawn").glob("0000[0-3]*.wav")}
    assert len(files) == 4
    grown = rows(count=10)
    assert files == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "drawn").glob("0000[0-3]*.wav")}
    assert timeless(grown) == timeless(rows(folder="at once")), "and the row is that of samples drawn at once"
    assert rows(count=8)[0]["count"] == 8, "a smaller number takes the first"


def test_an_interrupted_run_goes_on(rows, scoretap, command, tmp_path, monkeypatch):
    real, calls = write_wav, []

    def fails_at_the_sixth(*args):
        calls.append(args)
        if len(calls) == 6:
            raise OSError("disk full")
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(sample_folder, "write_wav", fails_at_the_sixth)
        status, err = scoretap(*command())
    assert status == 1 and "disk full" in err
    part = tmp_path / "drawn" / ".manifest.rank0.csv"
    assert len(part.read_text().splitlines()) == 6
    with open(part, "a") as file:
        file.write("5,00005_5_see")  # as a process leaves it that is killed while it writes
    assert not (tmp_path / "drawn" / "manifest.csv").exists()
    first = (tmp_path / "drawn" / "00003_3_seed3.wav").stat().st_mtime_ns
    assert timeless(rows()) == timeless(rows(folder="at once"))
    assert (tmp_path / "drawn" / "00003_3_seed3.wav").stat().st_mtime_ns == first
    assert not part.exists()


@pytest.mark.parametrize(
    "more, expected",
    [
        (["--scoring.minimum_accuracy=0.999"], ["the evaluator recognises", "it needs 99.9%"]),
        (["--scoring.count=1"], ["count", "at least 2", "got 1:"]),
        (["--scoring.labels=[12]"], ["12"]),
        (["--scoring.evaluator=nowhere.ckpt"], ["no checkpoint", "nowhere.ckpt"]),
        (["--scoring.reference=nowhere"], ["nowhere"]),
    ],
)
def test_refused_before_anything_is_drawn(more, expected, command, refused, tmp_path):
    sentence = refused(*command(*more))
    tiny.check(sentence, expected)
    assert not (tmp_path / "drawn").exists()


def test_a_classifier_draws_nothing(command, classifier, refused):
    tiny.check(refused(*command(checkpoint=classifier)), ["draws samples from a generator", "ClassifierModule"])


def test_other_settings_need_another_folder(rows, scoretap, command):
    rows()
    status, err = scoretap(*command(scale=1))
    assert status == 2 and "drawn with another guidance_scale (3.0, now 1.0)" in err


def test_without_evaluator_only_the_loss_is_measured(scoretap, score_subnet, tmp_path):
    status, err = scoretap("test", "--ckpt_path", score_subnet, "--trainer.accelerator=cpu")
    assert status == 0, err
    assert not list(score_subnet.parents[1].glob("test"))


def test_digits_in_turn_and_a_seed_each():
    requests = spread_requests([3, 1, 4], 7, seed=5)
    assert requests.y.tolist() == [3, 1, 4, 3, 1, 4, 3] and requests.seed.tolist() == list(range(5, 12))
    assert spread_requests([], 3, seed=0).y.tolist() == [-1, -1, -1]


def test_a_guide_that_is_alone_is_reported(score_subnet):
    guide = GuideAccuracy(load_generator(score_subnet))
    assert guide.figures(0.5) == ({}, []), "nothing heard yet"
    waveforms, y = torch.randn(6, 16000) * 0.1, torch.tensor([0, 1, 2, 3, -1, -1])
    passed = list(guide.count_hits([(waveforms, y)]))
    assert torch.equal(passed[0][0], waveforms) and guide.clips == 4
    guide.hits = 4
    figures, notes = guide.figures(0.85)
    assert figures == {"guide_accuracy": 1.0} and "the guide hears 100.0% right, the evaluator 85.0%" in notes[0]
    assert guide.figures(0.95)[1] == []
