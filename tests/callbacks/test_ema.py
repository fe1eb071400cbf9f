"""The moving average: of what is trained, by the formula, out of the way of training."""

import copy
from types import SimpleNamespace

import pytest
import tiny
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from callbacks import EMA
from callbacks.trained_buffers import trained_buffers
from lightning_modules import load_generator
from lightning_modules.checkpoints.reading import read_checkpoint, restore


class Recorder(Callback):
    """Copies the raw trained parameters after every step, and what validation sees; stands before EMA in the list."""

    seen: list[dict] = []  # noqa: RUF012
    evaluated: list[dict] = []  # noqa: RUF012
    after_validation: list[dict] = []  # noqa: RUF012

    def on_fit_start(self, trainer, pl_module):
        Recorder.seen, Recorder.evaluated, Recorder.after_validation = [trained(pl_module)], [], []

    def on_train_batch_end(self, trainer, pl_module, *args):
        Recorder.seen.append(trained(pl_module))

    def on_validation_batch_start(self, trainer, pl_module, *args):
        if not trainer.sanity_checking:
            Recorder.evaluated.append(trained(pl_module))

    def on_train_epoch_end(self, trainer, pl_module):
        Recorder.after_validation.append(trained(pl_module))


def trained(module):
    """Copies of the trained parameters and of the statistics that move with them."""
    parameters = {name: p.detach().clone() for name, p in module.named_parameters() if p.requires_grad}
    return parameters | {name: b.clone() for name, b in module.named_buffers() if name.endswith(("_mean", "_var"))}


def average_by_hand(history, decay=0.999):
    average = {name: p.double() for name, p in history[0].items()}
    for n, step in enumerate(history[1:], start=1):
        d = min(decay, (1 + n) / (10 + n))
        average = {name: d * average[name] + (1 - d) * p.double() for name, p in step.items()}
    return average


def assert_same(found, expected, **tolerance):
    assert found.keys() >= expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name].to(value), value, **(tolerance or {"rtol": 0, "atol": 0}))


@pytest.fixture(scope="module")
def run(configs, classifier, tmp_path_factory):
    """A Score Subnet trained for two epochs while a recorder watched; its checkpoint."""
    given = [f"--model.init_args.classifier={classifier}", "--trainer.callbacks+=test_ema.Recorder"]
    return tiny.fit(configs, "score_subnet", tmp_path_factory.mktemp("ema"), *given)


def test_average_follows_the_formula(run):
    stored = read_checkpoint(run)["state_dict"]
    assert len(Recorder.seen) == 11
    assert_same(stored, average_by_hand(Recorder.seen), rtol=1e-5, atol=1e-7)
    assert any(not torch.equal(stored[name], raw) for name, raw in Recorder.seen[-1].items())


def test_checkpoint_holds_average_and_raw(run):
    stored = read_checkpoint(run)
    assert_same(stored["raw_parameters"], Recorder.seen[-1])
    assert stored["raw_parameters"].keys() == Recorder.seen[-1].keys(), "nothing frozen is averaged"
    assert not any(name.startswith("classifier.") for name in stored["raw_parameters"])


def test_validation_sees_the_average_and_training_the_raw_weights(run):
    epoch = Recorder.seen[:6]
    assert_same(Recorder.evaluated[0], average_by_hand(epoch), rtol=1e-5, atol=1e-7)
    assert_same(Recorder.after_validation[0], epoch[-1])
    assert_same(Recorder.after_validation[-1], Recorder.seen[-1])


def test_resuming_restores_raw_and_average(run):
    checkpoint = read_checkpoint(run)
    module, ema = restore(checkpoint), EMA(0.999)
    trainer = Trainer(
        accelerator="cpu", logger=False, callbacks=[ema], enable_progress_bar=False, enable_model_summary=False
    )
    average = {name: p.detach().clone() for name, p in trained(module).items()}
    trainer.state.fn = TrainerFn.PREDICTING
    ema.on_load_checkpoint(trainer, module, checkpoint)
    assert_same(trained(module), average)  # prediction draws from the average
    trainer.state.fn = TrainerFn.FITTING
    ema.on_load_checkpoint(trainer, module, checkpoint)
    assert_same(trained(module), Recorder.seen[-1])
    assert_same(ema._average, {name: checkpoint["state_dict"][name] for name in ema._average})
    ema.on_fit_start(trainer, module)
    assert_same(ema._average, {name: checkpoint["state_dict"][name] for name in ema._average})


class Normalised(torch.nn.Module):
    """A trained part and a frozen one, both with BatchNorm; one norm without parameters, and a mask."""

    def __init__(self):
        super().__init__()
        self.trained = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2, affine=False))
        self.backbone = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)).requires_grad_(False)
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
        self.register_buffer("constant", torch.ones(2), persistent=False)


def test_buffers_that_are_averaged():
    module, ema, trainer = Normalised(), EMA(), SimpleNamespace(global_step=0)
    found = trained_buffers(module)
    names = {f"trained.1.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")}
    assert found.keys() == {*names, "mask"} and found["mask"] is module.mask
    ema.on_fit_start(trainer, module)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor += 1
    frozen = copy.deepcopy(module.backbone.state_dict())
    trainer.global_step = 1
    ema.on_train_batch_end(trainer, module)
    ema.on_validation_start(trainer, module)
    assert torch.equal(module.trained[1].running_mean, torch.full((2,), 1 - 2 / 11))
    assert module.trained[1].num_batches_tracked == 1 and torch.equal(module.mask, torch.tensor([1.0, -torch.inf]))
    assert_same(module.backbone.state_dict(), frozen)
    ema.on_validation_end(trainer, module)
    assert torch.equal(module.trained[1].running_mean, torch.ones(2))


def test_statistics_of_batch_norm_are_averaged_with_the_weights(configs, tmp_path):
    checkpoint = read_checkpoint(tiny.fit(configs, "evaluator", tmp_path, "--trainer.callbacks+=test_ema.Recorder"))
    assert any(name.endswith("running_var") for name in Recorder.seen[-1])
    assert_same(checkpoint["state_dict"], average_by_hand(Recorder.seen), rtol=1e-5, atol=1e-7)
    assert_same(checkpoint["raw_parameters"], Recorder.seen[-1])
    assert_same(Recorder.evaluated[0], average_by_hand(Recorder.seen[:6]), rtol=1e-5, atol=1e-7)
    assert_same(Recorder.after_validation[0], Recorder.seen[5])


def test_accumulated_batches_count_once(configs, tmp_path):
    accumulated = tiny.fit(
        configs, "classifier", tmp_path, "--trainer.accumulate_grad_batches=5", "--trainer.callbacks+=test_ema.Recorder"
    )
    steps = [Recorder.seen[0], Recorder.seen[5], Recorder.seen[10]]
    assert_same(read_checkpoint(accumulated)["state_dict"], average_by_hand(steps), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda module: torch.optim.swa_utils.AveragedModel(module).module]
)
def test_a_copy_reads_its_own_taps(run, duplicate):
    """Changing the original's classifier must not reach the copy, nor the other way round."""
    original = load_generator(run)
    twin = duplicate(original)
    x_t, t = torch.randn(2, 1, 80, 64), torch.tensor([0.3, 0.7])
    expected = original.denoiser(x_t, t)
    torch.testing.assert_close(twin.denoiser(x_t, t), expected, rtol=0, atol=0)
    with torch.no_grad():
        for p in original.classifier.parameters():
            p.mul_(3.0)
    assert not torch.allclose(original.denoiser(x_t, t), expected)
    torch.testing.assert_close(twin.denoiser(x_t, t), expected, rtol=0, atol=0)
    with torch.no_grad():
        for p in twin.network.parameters():
            p.zero_()
    assert not torch.allclose(twin.denoiser(x_t, t), expected), "the copy reads its own subnet"


def test_decay_is_checked():
    with pytest.raises(ValueError, match="decay"):
        EMA(1.0)
