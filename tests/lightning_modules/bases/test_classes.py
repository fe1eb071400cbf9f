"""A network whose logits do not fit the digits is refused before anything is trained on it."""

from types import SimpleNamespace

import pytest
import tiny
import torch
from torch import nn

from lightning_modules import ClassifierModule, EvaluatorModule
from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.errors import InputError
from lightning_modules.networks import Classifier, ResNeXt


class Answers(nn.Module):
    """Gives whatever it is told to give."""

    def __init__(self, kind: str = "logits", count: int = 10) -> None:
        super().__init__()
        self.kind, self.count, self.layer = kind, count, nn.Linear(1, 1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x, c_noise=None):
        assert not self.training, "tried out in evaluation mode"
        logits = self.dropout(x.new_zeros(len(x), self.count))
        if self.kind == "error":
            raise KeyError("no such layer")
        return {"logits": logits, "dict": {"logits": logits}, "map": x, "pair": (logits, logits)}[self.kind]


class Deaf(nn.Module):
    """Takes no noise level."""

    def forward(self, x):
        return x.flatten(1)[:, :10]


def data(labels, front_end=None):
    return SimpleNamespace(labels=labels, front_end=front_end)


@pytest.mark.parametrize(("count", "labels"), [(1000, range(10)), (9, range(10)), (11, [0]), (5, [3, 5, 7]), (1, [1])])
def test_logits_that_do_not_fit(count, labels):
    for network in (
        Answers(count=count),
        Classifier(num_classes=count, base_channels=8, multipliers=[1], time_width=8),
    ):
        with pytest.raises(InputError, match=rf"gives {count:,} logits, expected 10"):
            ClassifierModule(network=network).check_data(data(list(labels)))


@pytest.mark.parametrize(("count", "labels"), [(10, range(10)), (10, [3]), (8, [3, 5, 7])])
def test_logits_that_fit(count, labels):
    module = ClassifierModule(network=Answers(count=count)).train()
    state = torch.get_rng_state()
    module.check_data(data(list(labels)))
    assert module.network.training and module.network.dropout.training, "left as it was"
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Answers("dict"), ["Answers", "logits (B, K)", "a dict"]),
        (Answers("map"), ["Answers", "(2, 1, 80, 64)"]),
        (Answers("pair"), ["Answers", "a tuple"]),
        (Answers("error"), ["Answers", "KeyError", "no such layer"]),
        (Deaf(), ["Deaf", "c_noise", "TypeError"]),
        (nn.Linear(3, 10), ["Linear", "TypeError"]),
    ],
)
def test_networks_that_give_no_logits(network, words):
    with pytest.raises(InputError) as refusal:
        ClassifierModule(network=network).check_data(data([0, 1]))
    tiny.check(str(refusal.value), words)


@pytest.mark.parametrize(
    ("network", "word"),
    [
        (ResNeXt([8, 16], 2, 4, 1, num_classes=8), "gives 8 logits"),
        (ResNeXt([8, 16], 2, 4, 1, num_classes=1000), "gives 1,000 logits"),
        (Answers("logits"), "features"),
        (Answers("dict"), "features"),
        (Answers("error"), "KeyError"),
    ],
)
def test_evaluators_that_do_not_fit(network, word):
    with pytest.raises(InputError, match=word):
        EvaluatorModule(network=network).check_data(data([0, 1]))


def test_a_score_subnet_on_a_backbone_that_does_not_fit(classifier, score_subnet, refused, configs, tmp_path):
    """As an earlier version would have trained one: refused when it is used, and when it is trained on."""
    checkpoint = read_checkpoint(classifier)
    weights, settings = checkpoint["state_dict"], checkpoint["hyper_parameters"]
    for name in ("network.logits.4.weight", "network.logits.4.bias"):
        weights[name] = weights[name].repeat(100, *[1] * (weights[name].ndim - 1))
    settings["network"]["init_args"]["num_classes"] = 1000
    checkpoint.pop("raw_parameters", None)
    torch.save(checkpoint, tmp_path / "wide.ckpt")
    flags = [f"--model.init_args.classifier={tmp_path / 'wide.ckpt'}"]
    for model in ("score_subnet", "unet"):
        tiny.check(refused(*tiny.fit_arguments(configs, model, "out", *flags)), ["Classifier", "1,000 logits"])


def test_a_classifier_is_refused_before_it_is_trained(refused, configs):
    flag = "--model.init_args.network.init_args.num_classes=1000"
    tiny.check(refused(*tiny.fit_arguments(configs, "classifier", "out", flag)), ["1,000 logits", "expected 10"])
    flag = "--model.init_args.network.init_args.num_classes=9"
    tiny.check(refused(*tiny.fit_arguments(configs, "evaluator", "out", flag)), ["9 logits", "expected 10"])
