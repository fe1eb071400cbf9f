"""An offline W&B run holds all figures, pictures and sounds, as read back from its files."""

import os

import pytest
import tiny
import yaml
from offline_runs import offline_runs

from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.cli import main

DRAW = {"every_n_epochs": 1, "labels": [3, 1], "num_steps": 4}
SMALL = {
    "count": 8,
    "batch_size": 4,
    "num_steps": 4,
    "minimum_accuracy": 0.0,
    "guidance_scale": 2.0,
    "every_n_epochs": 1,
}


@pytest.fixture(scope="module")
def command(configs, classifier, evaluator, tmp_path_factory):
    """Builds command lines that fit with every callback that logs, to the logger preset of a name."""
    folder = tmp_path_factory.mktemp("callbacks")
    metrics = {**SMALL, "evaluator": str(evaluator), "cache_dir": str(folder / "kept")}
    callbacks = [
        {"class_path": "callbacks.GuidedSampling", "init_args": DRAW},
        {"class_path": "callbacks.GenerationMetrics", "init_args": metrics},
    ]
    (folder / "callbacks.yaml").write_text(yaml.safe_dump({"trainer": {"callbacks+": callbacks}}))

    def build(logger, save_dir, *more):
        files = [
            "base",
            f"logger/{logger}",
            configs / "data.yaml",
            configs / "score_subnet.yaml",
            "ablations/signals_both",
        ]
        composed = [word for file in [*files, folder / "callbacks.yaml"] for word in ("--config", str(file))]
        given = [f"--model.init_args.classifier={classifier}", f"--trainer.logger.init_args.save_dir={save_dir}"]
        return ["fit", *composed, *given, "--trainer.max_epochs=1", "--trainer.limit_train_batches=2", *map(str, more)]

    return build


@pytest.fixture(scope="module")
def fitted(command, tmp_path_factory):
    """A run without account or mode: folder and stored run."""
    folder = tmp_path_factory.mktemp("offline")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        patch.setenv("NETRC", str(folder / "none"))
        patch.setenv("HOME", str(folder))
        patch.setenv("WANDB_SILENT", "true")
        assert main(command("wandb", folder, "--trainer.logger.init_args.log_model=true")) == 0
    (run,) = offline_runs(folder)
    return folder, run


@pytest.mark.slow
def test_run_groups_itself(fitted, configs):
    _, run = fitted
    assert run.run.project == "scoretap" and run.run.run_group == "signals_both" and run.run.job_type == "fit"
    assert {"score_subnet", "ablations/signals_both", "study: signals"} <= set(run.run.tags)
    assert run.config["ablation"] == "signals_both" and run.config["study"] == "signals"


@pytest.mark.slow
def test_run_holds_the_resolved_config(fitted):
    _, run = fitted
    assert run.config["model"]["init_args"]["subnet"]["init_args"]["widths"] == [8, 16]
    assert run.config["data"]["init_args"]["batch_size"] == 32 and run.config["seed_everything"] == 0
    assert run.config["cost/trained_million"] > 0


@pytest.mark.slow
def test_run_holds_losses_metrics_and_media(fitted):
    folder, run = fitted
    assert any(key.startswith("val/loss/") for key in run.history), "losses per noise level"
    assert {"generation/fid", "generation/accuracy", "generation/is"} <= run.history.keys()
    for key, kind in (("samples/mels", "images"), ("samples/guidance=3", "audio"), ("generation/confusion", "images")):
        assert kind in run.history[f"{key}._type"][0], key
    assert {".png", ".wav"} <= run.media and run.history["generation/confusion_table.nrows"][0] > 0
    assert run.history["samples/guidance=3.count"] == [2] and run.summary["generation/fid"] > 0
    assert "model" in run.artifacts
    assert list((folder / "scoretap" / run.run.run_id / "samples").rglob("*.wav")), "files are kept beside it, too"


@pytest.mark.slow
def test_resumed_run_keeps_its_id_and_test_joins_its_group(fitted, command, evaluator, monkeypatch, tmp_path):
    folder, run = fitted
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    checkpoint = folder / "scoretap" / run.run.run_id / "checkpoints" / "last.ckpt"
    assert read_checkpoint(checkpoint)["run"]["wandb"] == run.run.run_id
    assert main(command("wandb", tmp_path / "more", "--ckpt_path", checkpoint, "--trainer.max_epochs=2")) == 0
    (resumed,) = offline_runs(tmp_path / "more")
    assert resumed.run.run_id == run.run.run_id and resumed.run.run_group == "signals_both"
    scoring = {
        "evaluator": evaluator,
        "count": 6,
        "batch_size": 3,
        "minimum_accuracy": 0,
        "cache_dir": tmp_path / "kept",
    }
    arguments = ["test", "--ckpt_path", str(checkpoint), "--config", "logger/wandb", "--sampling.num_steps=4"]
    arguments += [f"--trainer.logger.init_args.save_dir={tmp_path}", "--trainer.logger.init_args.log_samples=true"]
    assert main([*arguments, *(f"--scoring.{name}={value}" for name, value in scoring.items())]) == 0
    (tested,) = offline_runs(tmp_path)
    assert tested.run.run_id != run.run.run_id and tested.config["trained_by"] == run.run.run_id
    assert tested.run.run_group == "signals_both" and tested.run.job_type == "test"
    assert tested.summary["score/fid"] > 0 and tested.summary["score/gmacs_per_sample"] > 0
    assert tested.summary["score/guidance_scale"] == 3.0 and tested.config["study"] == "signals"
    assert "samples" in tested.artifacts and {".png", ".wav"} <= tested.media
    tables = " ".join(str(path) for path in (tested.folder / "files" / "media" / "table").rglob("*.json"))
    assert "listen" in tables and "table" in tables and "confusion" in tables


@pytest.mark.slow
@pytest.mark.parametrize("logger", ["csv", "tensorboard"])
def test_the_same_callbacks_log_elsewhere(logger, command, tmp_path):
    if logger == "tensorboard":
        pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    assert main(command(logger, tmp_path)) == 0
    run = tmp_path / "scoretap" / "version_0"
    assert (run / "samples" / "epoch=0" / "confusion.png").is_file()
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["run"]["wandb"] is None
    if logger == "csv":
        header = (run / "metrics.csv").read_text().splitlines()[0].split(",")
        assert {"generation/fid", "generation/accuracy"} <= set(header)
        return
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tags = EventAccumulator(str(run)).Reload().Tags()
    assert "generation/fid" in tags["scalars"] and "generation/confusion" in tags["images"]


@pytest.mark.slow
def test_disabled_leaves_no_run_and_a_folder_of_its_own(command, tmp_path):
    assert main(command("wandb", tmp_path, "--trainer.logger.init_args.mode=disabled")) == 0
    assert not list(tmp_path.rglob("*.wandb"))
    (checkpoint,) = tmp_path.glob("scoretap/*/checkpoints/last.ckpt")
    assert read_checkpoint(checkpoint)["run"]["wandb"] == checkpoint.parents[1].name


def test_metrics_need_an_evaluator_that_can_be_read(refused, command, tmp_path):
    arguments = command("csv", "out")
    tiny.check(refused(*arguments, "--trainer.callbacks.evaluator=nowhere.ckpt"), ["no checkpoint", "nowhere.ckpt"])
