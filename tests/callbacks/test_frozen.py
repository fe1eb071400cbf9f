"""Frozen means frozen: through training, averaging, saving and loading."""

import pytest
import tiny
import torch
from lightning.pytorch import Callback

from callbacks import FrozenGuard
from lightning_modules import load_generator, trainer_cli
from lightning_modules.checkpoints.reading import fingerprint, read_checkpoint


def network_tensors(checkpoint, prefix):
    return {
        k.removeprefix(prefix): v for k, v in read_checkpoint(checkpoint)["state_dict"].items() if k.startswith(prefix)
    }


def test_classifier_is_unchanged_by_training_averaging_and_saving(classifier, score_subnet, unet):
    expected = fingerprint(network_tensors(classifier, "network."))
    for generator in (score_subnet, unet):
        assert fingerprint(network_tensors(generator, "classifier.network.")) == expected
        assert read_checkpoint(generator)["scoretap"]["classifier"] == expected
        assert fingerprint(load_generator(generator).classifier.network.state_dict()) == expected


def test_the_score_subnet_did_change(score_subnet, configs, classifier, tmp_path):
    untrained = tiny.fit(
        configs, "score_subnet", tmp_path, f"--model.init_args.classifier={classifier}", "--trainer.max_steps=1"
    )
    assert fingerprint(network_tensors(untrained, "network.")) != fingerprint(network_tensors(score_subnet, "network."))


def test_frozen_parts_ignore_train_mode_and_gradients(score_subnet):
    generator = load_generator(score_subnet).train()
    assert generator.network.training and not any(m.training for m in generator.classifier.modules())
    generator.classifier.train(True)
    assert not any(m.training for m in generator.classifier.modules())
    x_0, t = torch.randn(2, 1, 80, 64), torch.tensor([0.2, 0.8])
    generator.losses(type("Batch", (), {"x_0": x_0}), t, torch.randn_like(x_0)).mean().backward()
    assert all(p.grad is None and not p.requires_grad for p in generator.classifier.parameters())
    assert all(p.grad is not None for p in generator.network.parameters()), "DDP needs no search for unused parameters"


class ModeWatcher(Callback):
    """Notes whether the frozen part is in evaluation mode when a batch begins."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        assert pl_module.network.training, "the trained part is in training mode, after validation too"
        assert not any(module.training for module in pl_module.classifier.modules())


class Nudge(Callback):
    """Moves one frozen weight in the second epoch by a single rounding step."""

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 1:
            bias = pl_module.classifier.network.stages[0][0].conv1.bias
            bias.data[0] = torch.nextafter(bias.data[0], torch.tensor(1.0))


class Unfreeze(Callback):
    """Hands a frozen parameter to autograd."""

    def on_validation_end(self, trainer, pl_module):
        pl_module.classifier.network.stem[1].weight.requires_grad_(True)


class WakeUp(Callback):
    """Puts a part of the classifier into training mode behind its back."""

    def on_train_epoch_start(self, trainer, pl_module):
        pl_module.classifier.network.bottleneck[0].train()


@pytest.fixture
def fit_with(configs, classifier, tmp_path):
    """Fits a tiny Score Subnet with one more callback."""

    def run(callback):
        return tiny.fit(
            configs,
            "score_subnet",
            tmp_path,
            f"--model.init_args.classifier={classifier}",
            f"--trainer.callbacks+=test_frozen.{callback}",
            "--trainer.num_sanity_val_steps=0",
            "--trainer.limit_train_batches=2",
        )

    return run


def test_evaluation_mode_survives_training_and_validation(fit_with):
    fit_with("ModeWatcher")


@pytest.mark.parametrize(
    ("culprit", "sentence"),
    [
        ("Nudge", "'network.stages.0.0.conv1.bias' changed during training"),
        ("Unfreeze", "'network.stem.1.weight' collects gradients"),
        ("WakeUp", "left evaluation mode"),
    ],
)
def test_guard_names_what_is_wrong(culprit, sentence, fit_with):
    with pytest.raises(RuntimeError, match=sentence):
        fit_with(culprit)


def test_guard_is_silent_without_a_frozen_part(configs, tmp_path):
    assert FrozenGuard in {type(c) for c in _callbacks(configs, tmp_path)}
    tiny.fit(configs, "classifier", tmp_path, "--trainer.max_steps=1")


def _callbacks(configs, folder):
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_cli.ScoretapCLI, "_run_subcommand", lambda self, _: seen.extend(self.trainer.callbacks))
        tiny.fit(configs, "classifier", folder)
    return seen
