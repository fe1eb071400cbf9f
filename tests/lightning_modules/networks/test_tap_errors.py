"""Taps that cannot work are refused in one sentence, before training."""

import pytest
import torch
from torch import nn

from lightning_modules.networks import Tap, TappedClassifier

SHAPE = (1, 10, 8)


def test_unknown_name_lists_the_names(third_party, scaling):
    with pytest.raises(ValueError, match=r"unknown tap 'stem'") as error:
        TappedClassifier(third_party, scaling, ["front", "stem"])
    for name, _ in third_party.named_modules():
        assert name in str(error.value)


def test_unknown_name_in_a_large_classifier_lists_the_nearest(scaling):
    deep = nn.ModuleDict({f"stage{i}": nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(9))) for i in range(20)})
    with pytest.raises(ValueError, match=r"unknown tap 'stage7\.9'") as error:
        TappedClassifier(deep, scaling, ["stage7.9"])
    sentence = str(error.value)
    assert sentence.count("stage") == 1 + 12 and len(sentence) < 300
    assert "stage7.8" in sentence and f"{20 * 10 - 12} more" in sentence and "choose one" in sentence


def test_listed_twice(third_party, scaling):
    with pytest.raises(ValueError, match="listed twice"):
        TappedClassifier(third_party, scaling, ["front", Tap("front", gradient=False)])


def test_no_signal():
    with pytest.raises(ValueError, match="'front' reads nothing"):
        Tap("front", feature=False, gradient=False)


def test_not_a_map(third_party, scaling):
    with pytest.raises(ValueError, match=r"'out' must give maps \(B, C, F, L\), it gives \(2, 3\)"):
        TappedClassifier(third_party, scaling, ["out"]).discover(SHAPE)


def test_not_a_tensor(third_party, scaling):
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    third_party.pair = Pair()
    third_party.trunk.register_forward_pre_hook(lambda module, args: third_party.pair(args[0])[:1])
    with pytest.raises(ValueError, match="'pair' must give a tensor, it gives tuple"):
        TappedClassifier(third_party, scaling, ["pair"]).discover(SHAPE)


@pytest.mark.parametrize("tap", [Tap("trunk.0"), Tap("trunk.0", gradient=False)])
def test_overwritten_in_place(third_party, scaling, tap):
    third_party.trunk[1] = nn.ReLU(inplace=True)
    with pytest.raises(ValueError, match=r"'trunk\.0' is overwritten"):
        TappedClassifier(third_party, scaling, [tap]).discover(SHAPE)
    (shape,) = TappedClassifier(third_party, scaling, ["trunk.1"]).discover(SHAPE)  # its own output is left alone
    assert shape.shape == (6, 5, 4)


def test_computed_twice(third_party, scaling):
    same = nn.Conv2d(6, 6, 1).double()
    third_party.trunk = nn.Sequential(third_party.trunk[0], same, same, third_party.trunk[2])
    with pytest.raises(ValueError, match=r"'trunk\.1' is computed more than once"):
        TappedClassifier(third_party, scaling, ["trunk.1"]).discover(SHAPE)


def test_never_computed(third_party, scaling):
    third_party.spare = nn.Conv2d(4, 4, 1)
    with pytest.raises(ValueError, match="'spare' is never computed"):
        TappedClassifier(third_party, scaling, ["front", "spare"]).discover(SHAPE)


def test_logits_do_not_depend_on_it(third_party, scaling):
    third_party.aside = nn.Conv2d(4, 2, 1).double()

    def look_aside(module, args):
        third_party.aside(args[0])

    third_party.trunk.register_forward_pre_hook(look_aside)
    (shape,) = TappedClassifier(third_party, scaling, [Tap("aside", gradient=False)]).discover(SHAPE)
    assert shape.shape == (2, 5, 4)
    with pytest.raises(ValueError, match="'aside' has no gradient"):
        TappedClassifier(third_party, scaling, ["aside"]).discover(SHAPE)


def test_failed_read_leaves_no_hooks(third_party, scaling):
    tapped = TappedClassifier(third_party, scaling, ["front"])
    with pytest.raises(RuntimeError):
        tapped.read(torch.zeros(1, 3, 10, 8).double(), torch.full((1,), 0.5).double())
    assert not third_party.front._forward_hooks
