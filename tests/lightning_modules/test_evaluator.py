"""The judge's checkpoint says how well it heard the validation clips."""

import pytest
import tiny

from lightning_modules.checkpoints.reading import build, load_module, read_checkpoint


def stored(path):
    return read_checkpoint(path)["scoretap"]


def test_checkpoint_holds_the_last_validation_accuracy(evaluator):
    by_step = tiny.logged(evaluator.parents[2], "val/accuracy")
    assert len(by_step) == 2
    assert stored(evaluator)["val_accuracy"] == pytest.approx(by_step[max(by_step)], abs=1e-6)
    assert load_module(evaluator).metadata() == stored(evaluator)


@pytest.mark.parametrize("every", [1, 2])
def test_checkpoint_of_the_first_epoch(every, configs, tmp_path):
    """It has the accuracy of that epoch where it validated; the sanity check alone is none."""
    path = tiny.fit(
        configs,
        "evaluator",
        tmp_path,
        "--trainer.max_epochs=1",
        "--trainer.num_sanity_val_steps=2",
        f"--trainer.check_val_every_n_epoch={every}",
    )
    logged = list(tiny.logged(tmp_path, "val/accuracy").values())
    assert len(logged) == (every == 1)
    accuracy = stored(path)["val_accuracy"]
    assert accuracy == pytest.approx(logged[0], abs=1e-6) if logged else accuracy is None


def test_not_known_before_training():
    module = build(
        "lightning_modules.EvaluatorModule", network=tiny.CONFIGS["evaluator"]["model"]["init_args"]["network"]
    )
    assert module.metadata() == {"labels": list(range(10)), "batch_size": None, "val_accuracy": None}


def test_checkpoint_of_older_versions(evaluator):
    checkpoint = read_checkpoint(evaluator)
    del checkpoint["scoretap"]["val_accuracy"]
    module = load_module(evaluator)
    module.on_load_checkpoint(checkpoint)
    assert module.val_accuracy is None
