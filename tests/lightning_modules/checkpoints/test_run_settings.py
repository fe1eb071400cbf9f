"""A run goes on with its own settings, or is refused by the names of those that differ."""

import shutil

import pytest
import tiny
import torch
import yaml

from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.checkpoints.run_settings import differences

OPTIMIZATION = "--model.init_args.optimization.init_args"
OTHERS = {
    f"{OPTIMIZATION}.learning_rate=1e-6": ["optimization.init_args.learning_rate is 0.002", "1e-06 is asked"],
    f"{OPTIMIZATION}.weight_decay=0.1": ["weight_decay is 0.0", "0.1 is asked"],
    f"{OPTIMIZATION}.betas=[0.8,0.99]": ["betas is [0.9, 0.999]", "[0.8, 0.99] is asked"],
    f"{OPTIMIZATION}.optimizer=muon": ["optimizer is adamw", "muon is asked"],
    f"{OPTIMIZATION}.schedule=one_cycle": ["schedule is constant", "one_cycle is asked"],
    "--model.init_args.label_smoothing=0.1": ["model.init_args.label_smoothing is 0.0", "0.1 is asked"],
    "--model.init_args.network.init_args.base_channels=16": ["network.init_args.base_channels is 8", "16 is asked"],
    "--data.init_args.labels=[3,5,7]": [
        "data.init_args.labels is [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]",
        "[3, 5, 7] is asked",
    ],
    "--data.init_args.batch_size=16": ["data.init_args.batch_size is 32", "16 is asked"],
    "--data.init_args.fraction=0.5": ["data.init_args.fraction is 1.0", "0.5 is asked"],
    "--data.init_args.seed=1": ["data.init_args.seed is 0", "1 is asked"],
    "--seed_everything=1": ["seed_everything is 0", "1 is asked"],
    "--trainer.precision=bf16-mixed": ["trainer.precision is 32-true", "bf16-mixed is asked"],
    "--trainer.gradient_clip_val=0.5": ["trainer.gradient_clip_val is 1.0", "0.5 is asked"],
    "--trainer.limit_train_batches=1": ["trainer.limit_train_batches is 1.0 in", "1 is asked"],
    "--trainer.accumulate_grad_batches=2": ["trainer.accumulate_grad_batches is 1", "2 is asked"],
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_setting_is_refused_by_name(other, configs, classifier, scoretap):
    status, err = scoretap(*tiny.fit_arguments(configs, "classifier", "again", "--ckpt_path", classifier, other))
    sentence = err[err.index("scoretap: ") :]
    assert status == 2 and sentence.count("\n") == 1, err
    tiny.check(sentence, [*OTHERS[other], "drop what differs", f"--weights_from {classifier}"])


def test_all_that_differs_is_named_at_once(configs, classifier, scoretap):
    given = [f"{OPTIMIZATION}.learning_rate=1e-6", "--seed_everything=5", "--data.init_args.fraction=0.5"]
    _, err = scoretap(*tiny.fit_arguments(configs, "classifier", "again", "--ckpt_path", classifier, *given))
    tiny.check(err, ["learning_rate is", "seed_everything is", "fraction is"])
    assert err.count("is asked") == 3


def test_another_corpus_is_refused_and_a_moved_one_goes_on(configs, digits_root, tmp_path, scoretap):
    first = tiny.fit(configs, "classifier", tmp_path / "run", "--trainer.max_epochs=1")
    moved = shutil.copytree(digits_root, tmp_path / "moved")
    given = ["--ckpt_path", str(first), f"--data.init_args.root={moved}", "--data.init_args.num_workers=1"]
    arguments = tiny.fit_arguments(configs, "classifier", tmp_path / "again", *given)
    assert scoretap(*arguments)[0] == 0
    assert read_checkpoint(tmp_path / "again" / "run" / "checkpoints" / "last.ckpt")["global_step"] == 10
    recorded = yaml.safe_load((tmp_path / "again" / "run" / "config.yaml").read_text())
    assert recorded["data"]["init_args"]["root"] == str(moved) and recorded["trainer"]["max_epochs"] == 2
    clip = next(path for path in sorted((moved / "three").iterdir()))
    clip.unlink()
    status, err = scoretap(*arguments)
    assert status == 2
    tiny.check(err, ["another corpus", "clips in", str(moved), "--weights_from"])


def test_a_checkpoint_of_an_earlier_version_has_fewer_settings(configs, classifier, tmp_path, scoretap):
    """What it does not hold must have its default; the seed is found in config.yaml beside it."""
    run = shutil.copytree(classifier.parents[1], tmp_path / "run")
    last = run / "checkpoints" / "last.ckpt"
    content = torch.load(last, weights_only=True)
    content["run"] = {"configs": [], "wandb": None}
    del content["datamodule_hyper_parameters"]["speaker_pattern"]
    del content["hyper_parameters"]["optimization"]["init_args"]["betas"]
    torch.save(content, last)
    arguments = tiny.fit_arguments(configs, "classifier", tmp_path / "again", "--ckpt_path", last)
    assert scoretap(*arguments)[0] == 0
    others = ["--seed_everything=1", "--data.init_args.speaker_pattern=^(.*)_", f"{OPTIMIZATION}.betas=[0.5,0.9]"]
    for other, name in zip(others, ("seed_everything is 0", "speaker_pattern is", "betas is"), strict=True):
        status, err = scoretap(*arguments, other)
        assert status == 2 and name in err and err.count("is asked") == 1, err


def test_differences_of_trees():
    stored = {"class_path": "lightning_modules.networks.Classifier", "init_args": {"a": [1, 2], "gone": 3, "b": None}}
    asked = {"class_path": "lightning_modules.networks.classifier.Classifier", "init_args": {"a": (1, 2), "b": None}}
    assert not list(differences(stored, asked, "model"))
    asked["init_args"] |= {"a": [1, 3], "dropout": 0.0}
    assert list(differences(stored, asked, "model")) == [("model.init_args.a", [1, 2], [1, 3])]
    asked["init_args"]["dropout"] = 0.5
    assert ("model.init_args.dropout", 0.0, 0.5) in list(differences(stored, asked, "model"))
    foreign = {"class_path": "mine.Classifier", "init_args": {}}
    assert [name for name, *_ in differences(stored, foreign, "model")] == ["model.class_path"]


def test_checkpoints_say_what_was_used(configs, classifier):
    run = read_checkpoint(classifier)["run"]
    assert run["seed"] == "0" and run["trainer"]["gradient_clip_val"] == 1.0 and run["csv_rows"] == 14
    assert set(run["corpus"]) == {"train", "val", "test"}
