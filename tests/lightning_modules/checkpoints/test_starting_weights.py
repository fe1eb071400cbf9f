"""Fine-tuning: training starts from another run's weights, and takes nothing else of it."""

import pytest
import tiny
import torch

from lightning_modules.checkpoints.reading import read_checkpoint

ONE_STEP = [
    "--trainer.max_steps=1",
    "--trainer.limit_val_batches=0",
    "--model.init_args.optimization.learning_rate=1e-9",
]


@pytest.mark.parametrize("name", ["classifier", "score_subnet", "vocoder"])
def test_first_step_has_the_weights_and_a_new_optimiser(name, request, configs, classifier, tmp_path):
    """A step of next to nothing leaves the weights where they started."""
    source = read_checkpoint(request.getfixturevalue(name))
    more = [f"--model.init_args.classifier={classifier}"] if name == "score_subnet" else []
    path = tiny.fit(configs, name, tmp_path, *ONE_STEP, *more, "--weights_from", request.getfixturevalue(name))
    tuned = read_checkpoint(path)
    assert tuned["global_step"] == 1 < source["global_step"]
    moving = [k for k in source["state_dict"] if "running" not in k and "num_batches" not in k]
    assert len(moving) > 10
    for key in moving:
        torch.testing.assert_close(tuned["state_dict"][key], source["state_dict"][key], rtol=1e-5, atol=1e-6)


def test_parts_that_were_not_exported_start_anew(configs, vocoder, tmp_path):
    source = read_checkpoint(vocoder)
    kept = {k: w for k, w in source["state_dict"].items() if not k.startswith("discriminators.")}
    raw = {k: w for k, w in source["raw_parameters"].items() if k in kept}
    torch.save({**source, "state_dict": kept, "raw_parameters": raw}, tmp_path / "exported.ckpt")
    tuned = read_checkpoint(
        tiny.fit(configs, "vocoder", tmp_path, *ONE_STEP, "--weights_from", tmp_path / "exported.ckpt")
    )
    assert set(tuned["state_dict"]) == set(source["state_dict"])
    torch.testing.assert_close(tuned["state_dict"]["network.head.weight"], kept["network.head.weight"])


def test_refused(refused, configs, classifier, vocoder):
    fit = ["fit", "--config", "base", "--config", "logger/csv", "--config", str(configs / "data.yaml"), "--config"]
    tiny.check(
        refused(*fit, str(configs / "classifier.yaml"), "--weights_from", str(vocoder)),
        ["cannot start from the weights", "holds a VocoderModule, the command asks for a ClassifierModule"],
    )
    wider = ["--model.init_args.network.init_args.base_channels=16", "--weights_from", str(classifier)]
    tiny.check(
        refused(*fit, str(configs / "classifier.yaml"), *wider), ["do not fit the ClassifierModule", "missing", "("][:1]
    )
    unknown = refused(*fit, str(configs / "classifier.yaml"), "--weights_from", "english-digit")
    tiny.check(unknown, ["no model 'english-digit'", "english-digits"])
