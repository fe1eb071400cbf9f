"""Bad input: exit status 2, one sentence, no traceback, no work begun."""

import shutil

import pytest
import tiny
from tiny import check

REQUESTS = "--data=SampleRequests"

FITTING = {  # settings of `fit` on the tiny classifier, and what the sentence must hold
    "--trainer.max_epoch=1": ["--trainer.max_epoch", "did you mean '--trainer.max_epochs'"],
    "--model.init_args.label_smothing=1": ["'label_smothing'", "did you mean 'label_smoothing'"],
    "--model.init_args.network.init_args.base_chanels=8": ["'base_chanels'", "did you mean 'base_channels'"],
    "--data.init_args.batchsize=8": ["'batchsize'", "did you mean 'batch_size'"],
    "--model=ClasifierModule": ["'ClasifierModule'", "model"],
    "--trainer.max_epochs=two": ["trainer.max_epochs", "int", "two"],
    "--data.init_args.labels=[3,11]": ["digits 0 to 9", "11"],
    "--data.init_args.fraction=0": ["fraction", "got 0"],
    "--data.init_args.root=/nowhere/digits": ["/nowhere/digits"],
    "--config=small/clasifier": ["'small/clasifier'", "small/classifier"],
    "--ckpt_path=nowhere.ckpt": ["nowhere.ckpt"],
    "--model.init_args.network.init_args.multipliers=[1,1,1,1,1,1,1]": ["divisible by 128", "(80, 64)"],
    "--trainer.accelerator=gpuu": ["gpuu"],
}
PREDICTING = {
    "--sampling.guidance_scale=-1": ["guidance_scale", "at least 0", "-1"],
    "--sampling.num_steps=0": ["num_steps", "at least 1", "got 0"],
    "--sampling.num_steps=many": ["num_steps", "int", "many"],
    "--sampling.num_step=3": ["--sampling.num_step", "did you mean '--sampling.num_steps'"],
    "--sampling.sampler=EulerMaruyma": ["'EulerMaruyma'", "sampling.sampler"],
    "--sampling.guidance=Intervall": ["'Intervall'", "sampling.guidance"],
    "--sampling.guidance=Interval": ["low, high", "must be given"],
    "--sampling.guidance=Interval --sampling.guidance.init_args.low=3 --sampling.guidance.init_args.high=1": [
        "low < high",
        "low 3.0 and high 1.0",
    ],
    "--sampling.guidance_at=clean": ["sampling.guidance_at", "'noisy', 'denoised'", "clean"],
    f"{REQUESTS} --data.init_args.labels=[11]": ["digits 0 to 9", "11"],
    f"{REQUESTS} --data.init_args.csv=nowhere.csv": ["nowhere.csv"],
    f"{REQUESTS} --data.init_args.count=0": ["count", "got 0"],
    "--data=SpeechCommandsDataModule --data.init_args.root=.": ["SampleRequests", "SpeechCommandsDataModule"],
}


@pytest.mark.parametrize("settings", FITTING)
def test_fit(settings, refused, configs):
    arguments = tiny.fit_arguments(configs, "classifier", "out", *settings.split())
    check(refused(*arguments), FITTING[settings])


@pytest.mark.parametrize("settings", PREDICTING)
def test_predict(settings, refused, score_subnet):
    check(refused("predict", "--ckpt_path", score_subnet, *settings.split()), PREDICTING[settings])


def test_unknown_command(refused):
    check(refused("predcit"), ["'predcit'", "fit, validate, test, predict"])


def test_unknown_key_in_a_config(refused, configs, tmp_path):
    (tmp_path / "mine.yaml").write_text("trainer: {max_stepps: 3}\n")
    check(
        refused(*tiny.fit_arguments(configs, "classifier", "out", "--config", tmp_path / "mine.yaml")),
        ["trainer.max_stepps"],
    )


def test_broken_config(refused, tmp_path):
    (tmp_path / "mine.yaml").write_text("trainer: [1, 2\n")
    check(refused("fit", "--config", tmp_path / "mine.yaml"), ["mine.yaml", "line 2"])


def test_fit_without_data(refused, configs):
    check(refused("fit", "--config", configs / "classifier.yaml"), ["fit needs data"])


def test_predict_without_checkpoint(refused):
    check(refused("predict"), ["--ckpt_path"])


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_missing_checkpoint(command, refused, configs):
    given = [] if command == "predict" else tiny.fit_arguments(configs, "classifier", "out")[1:]
    if command != "fit":
        given = []
    check(refused(command, *given, "--ckpt_path", "nowhere.ckpt"), ["no checkpoint at 'nowhere.ckpt'"])


@pytest.mark.parametrize("size", [0, 3000, -100])
def test_damaged_checkpoint(size, refused, score_subnet, configs, tmp_path):
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes(score_subnet.read_bytes()[:size])
    check(refused("predict", "--ckpt_path", damaged), ["damaged.ckpt", "use another copy"])
    arguments = tiny.fit_arguments(configs, "score_subnet", "out", f"--model.init_args.classifier={damaged}")
    check(refused(*arguments), ["damaged.ckpt", "use another copy"])


def test_foreign_checkpoint(refused, tmp_path):
    import torch

    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    check(refused("predict", "--ckpt_path", tmp_path / "foreign.ckpt"), ["foreign.ckpt", "not a scoretap checkpoint"])


def test_sample_folder_in_use(refused, score_subnet, tmp_path):
    used = tmp_path / "used"
    used.mkdir()
    (used / "manifest.csv").write_text("file\n")
    check(
        refused("predict", "--ckpt_path", score_subnet, f"--sample_writer.folder={used}"),
        ["already holds samples", "used"],
    )
    shutil.rmtree(used)
