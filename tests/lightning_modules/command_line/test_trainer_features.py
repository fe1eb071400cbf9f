"""What of Lightning's Trainer scoretap's models cannot follow is refused by name, with what to do instead."""

import pytest
import tiny
import yaml

from callbacks import EMA
from lightning_modules.command_line.trainer_features import check_callbacks

ADD, OF = "--trainer.callbacks+", "--trainer.callbacks"
REFUSED = {
    f"{ADD}=callbacks.EMA": ["EMA twice", "keep one"],
    f"{ADD}=callbacks.EMA {OF}.decay=0.5": ["EMA twice"],
    f"{ADD}=test_trainer_features.MyEMA": ["EMA twice"],
    f"{ADD}=callbacks.CostReport": ["CostReport twice"],
    f"{ADD}=callbacks.FrozenGuard": ["FrozenGuard twice"],
    f"{ADD}=callbacks.NonFiniteGuard {OF}.action=skip": ["NonFiniteGuard twice"],
    f"{ADD}=callbacks.StopOnSignal": ["StopOnSignal by itself"],
    f"{ADD}=callbacks.SampleWriter": ["SampleWriter by itself"],
    f"{ADD}=callbacks.GuidedSampling": ["GuidedSampling draws samples from a generator", "ClassifierModule"],
    f"{ADD}=LearningRateFinder": ["LearningRateFinder", "optimization.learning_rate"],
    f"{ADD}=BatchSizeFinder": ["BatchSizeFinder", "--data.init_args.batch_size"],
    f"{ADD}=StochasticWeightAveraging {OF}.swa_lrs=0.1": ["StochasticWeightAveraging", "callbacks.EMA"],
    f"{ADD}=EMAWeightAveraging": ["EMAWeightAveraging", "callbacks.EMA"],
    f"{ADD}=ModelPruning {OF}.pruning_fn=l1_unstructured": ["ModelPruning"],
    f"{ADD}=BackboneFinetuning": ["BackboneFinetuning", "backbone_mode"],
    f"{ADD}=Timer {OF}.duration=00:00:00:01": ["Timer", "--trainer.max_time"],
    f"{ADD}=EarlyStopping {OF}.monitor=val/loss {OF}.patience=-1": ["patience", "at least 0"],
    f"{ADD}=LearningRateMonitor --trainer.logger=false": ["LearningRateMonitor", "no logger"],
    "--trainer.strategy=ddp_spawn": ["trainer.strategy ddp"],
    "--trainer.strategy=ddp_spawn --trainer.devices=2": ["trainer.strategy ddp"],
    "--trainer.strategy=fsdp": ["fsdp", "GPU"],
    "--trainer.precision=16-true": ["trainer.precision", "bf16-mixed", "got 16-true"],
    "--trainer.precision=64-true": ["trainer.precision", "got 64-true"],
    "--trainer.accelerator=tpu": ["torch_xla"],
    "--trainer.val_check_interval=0": ["val_check_interval", "above 0"],
    "--trainer.val_check_interval=1000": ["val_check_interval", "1000", "(5)"],
    "--optimizer=Adam": ["--optimizer", "optimization"],
    "--lr_scheduler=StepLR --lr_scheduler.step_size=1": ["--lr_scheduler", "optimization"],
}


class MyEMA(EMA):
    """A user's own average is one average too many as well."""


@pytest.mark.parametrize("flags", REFUSED)
def test_refused(flags, scoretap, configs):
    status, sentence = scoretap(*tiny.fit_arguments(configs, "classifier", "out", *flags.split()))
    assert status == 2 and sentence.count("\n") == 1, sentence
    tiny.check(sentence, REFUSED[flags])


@pytest.mark.parametrize("callback", ["EarlyStopping", "ModelCheckpoint"])
def test_a_figure_that_is_never_logged(callback, scoretap, configs):
    flags = [f"{ADD}={callback}", f"{OF}.monitor=nope", "--trainer.max_epochs=1"]
    status, sentence = scoretap(*tiny.fit_arguments(configs, "classifier", "out", *flags))
    assert status == 1 and sentence.count("\n") == 1 and "nope" in sentence and "val/loss" in sentence


def test_one_average_of_a_users_own_takes_the_place_of_bases(configs, tmp_path):
    """A list in a later config replaces the whole list of base."""
    kept = ["lightning.pytorch.callbacks.ModelCheckpoint", "test_trainer_features.MyEMA"]
    listed = [{"class_path": kept[0], "init_args": {"save_last": True}}, {"class_path": kept[1]}]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"trainer": {"callbacks": listed}}))
    assert tiny.fit(
        configs, "classifier", tmp_path, "--config", tmp_path / "mine.yaml", "--trainer.max_epochs=1"
    ).is_file()


def test_several_of_lightnings_are_welcome():
    check_callbacks({"callbacks": [{"class_path": "lightning.pytorch.callbacks.ModelCheckpoint"}] * 2})
    check_callbacks({"callbacks": None})
    check_callbacks({"callbacks": {"class_path": "nowhere.Nothing"}})
