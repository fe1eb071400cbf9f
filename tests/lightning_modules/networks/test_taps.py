"""Feature taps, gradient taps and the class gradient against finite differences, in float64."""

import pytest
import torch
from torch.testing import assert_close

from lightning_modules.networks import Tap, TappedClassifier

STEP = 1e-5
OURS = ["stem", "stages.0.1", "downs.0", "stages.1.0", "bottleneck.0"]
THEIRS = ["front", "trunk.0", "trunk.2"]


def moved_logits(network, inputs, name, position, step):
    """Logits when one value of one example's activation at ``name`` is moved by ``step``."""

    def move(module, args, output):
        output = output.clone()
        output[position] += step
        return output

    handle = network.get_submodule(name).register_forward_hook(move)
    with torch.no_grad():
        logits = network(*inputs)
    handle.remove()
    return logits


@pytest.fixture(params=["ours", "theirs"])
def case(request, scaling, batch):
    """A network, its taps, and inputs that fit."""
    if request.param == "ours":
        return request.getfixturevalue("classifier"), OURS, batch(8, 4)
    return request.getfixturevalue("third_party"), THEIRS, batch(10, 8)


def test_gradient_taps(case, scaling):
    network, names, (x_t, t) = case
    reading = TappedClassifier(network, scaling, names).read(x_t, t)
    inputs = scaling(x_t, t)
    for name in names:
        gradient = reading.gradients()[name]
        assert gradient.shape == reading.features[name].shape and not gradient.requires_grad
        _, channels, bands, frames = gradient.shape
        for position in ((0, 0, 0, 0), (1, channels - 1, bands // 2, frames - 1), (1, 1, bands - 1, 0)):
            ahead, behind = (
                moved_logits(network, inputs, name, position, step).logsumexp(dim=1).sum() for step in (STEP, -STEP)
            )
            assert_close(gradient[position], (ahead - behind) / (2 * STEP), rtol=1e-5, atol=1e-9)


def test_features_and_logits(case, scaling):
    network, names, (x_t, t) = case
    reading = TappedClassifier(network, scaling, names).read(x_t, t)
    kept = {}
    handles = [
        network.get_submodule(name).register_forward_hook(
            lambda m, a, out, name=name: kept.update({name: out.detach()})
        )
        for name in names
    ]
    logits = network(*scaling(x_t, t)).detach()
    for handle in handles:
        handle.remove()
    assert torch.equal(reading.logits, logits)
    assert reading.features.keys() == kept.keys()
    assert all(torch.equal(reading.features[name], kept[name]) for name in names)


def test_class_gradient_includes_the_input_scaling(case, scaling):
    network, names, (x_t, t) = case
    y = torch.tensor([2, 0])
    gradient = TappedClassifier(network, scaling, names).read(x_t, t, differentiable=True).class_gradient(y)
    assert gradient.shape == x_t.shape and not gradient.requires_grad

    def log_p(x):
        with torch.no_grad():
            return network(*scaling(x, t)).log_softmax(dim=1).gather(1, y.unsqueeze(1)).sum()

    for position in ((0, 0, 0, 0), (0, 0, 3, 2), (1, 0, 5, 1), (1, 0, 7, 3)):
        step = torch.zeros_like(x_t)
        step[position] = STEP
        assert_close(gradient[position], (log_p(x_t + step) - log_p(x_t - step)) / (2 * STEP), rtol=1e-5, atol=1e-9)


def test_examples_do_not_mix(case, scaling):
    network, names, (x_t, t) = case
    tapped, y = TappedClassifier(network, scaling, names), torch.tensor([2, 0])
    both, second = tapped.read(x_t, t, True), tapped.read(x_t[1:], t[1:], True)
    for name in names:
        assert_close(both.gradients()[name][1:], second.gradients()[name])
    assert_close(both.class_gradient(y)[1:], second.class_gradient(y[1:]))


def test_rows_without_label_have_no_class_gradient(case, scaling):
    network, _, (x_t, t) = case
    reading = TappedClassifier(network, scaling).read(x_t, t, differentiable=True)
    gradient = reading.class_gradient(torch.tensor([-1, 2]))
    assert (gradient[0] == 0).all() and (gradient[1] != 0).any()
    assert torch.equal(gradient[1], reading.class_gradient(torch.tensor([0, 2]))[1])


def test_signals_are_chosen_per_tap(classifier, scaling, batch):
    taps = [Tap("stem", gradient=False), Tap("stages.0.0", feature=False), "bottleneck.0"]
    reading = TappedClassifier(classifier, scaling, taps).read(*batch(8, 4))
    everything = TappedClassifier(classifier, scaling, ["stem", "stages.0.0", "bottleneck.0"]).read(*batch(8, 4))
    assert reading.gradients().keys() == {"stages.0.0", "bottleneck.0"}
    assert all(torch.equal(g, everything.gradients()[name]) for name, g in reading.gradients().items())
    assert all(torch.equal(reading.features[name], everything.features[name]) for name in ("stem", "bottleneck.0"))


def test_shapes_come_in_the_order_of_computation(case, scaling):
    network, names, (x_t, t) = case
    tapped = TappedClassifier(network, scaling, names[::-1])
    shapes = tapped.discover(tuple(x_t.shape[1:]))
    assert [shape.tap.module for shape in shapes] == names
    assert [shape.shape for shape in shapes] == [tuple(tapped.read(x_t, t).features[name].shape[1:]) for name in names]


def test_same_reading_with_and_without_grad(classifier, scaling, batch):
    tapped, y = TappedClassifier(classifier, scaling, OURS), torch.tensor([1, 2])

    def everything():
        reading = tapped.read(*batch(8, 4), differentiable=True)
        return [reading.logits, *reading.features.values(), *reading.gradients().values(), reading.class_gradient(y)]

    with_grad = everything()
    with torch.no_grad():
        without = everything()
    assert all(torch.equal(a, b) for a, b in zip(with_grad, without, strict=True))
    assert not any(value.requires_grad for value in with_grad)


def test_label_taps(case, scaling):
    """The gradient of the logit that is asked for; of the marginal in a row without a label."""
    network, names, (x_t, t) = case
    y = torch.tensor([2, -1])
    reading = TappedClassifier(network, scaling, names).read(x_t, t)
    asked, inputs = reading.asked(y), scaling(x_t, t)

    def log_p(name, position, step):
        logits = moved_logits(network, inputs, name, position, step)
        return logits[0, 2] + logits[1].logsumexp(dim=0)

    for name in names:
        gradient = asked.gradients()[name]
        assert gradient.shape == reading.features[name].shape and not gradient.requires_grad
        _, channels, bands, frames = gradient.shape
        for position in ((0, 0, 0, 0), (0, 1, bands // 2, 0), (1, channels - 1, bands // 2, frames - 1)):
            ahead, behind = (log_p(name, position, step) for step in (STEP, -STEP))
            assert_close(gradient[position], (ahead - behind) / (2 * STEP), rtol=1e-5, atol=1e-9)


def test_label_taps_without_labels_are_gradient_taps(case, scaling):
    network, names, (x_t, t) = case
    tapped = TappedClassifier(network, scaling, names)
    plain = tapped.read(x_t, t).gradients()
    for y in (None, torch.tensor([-1, -1])):
        asked = tapped.read(x_t, t).asked(y).gradients()
        assert all(torch.equal(asked[name], plain[name]) for name in names)


def test_label_taps_sum_to_the_gradient_taps_by_the_classes_probabilities(case, scaling):
    """d logsumexp = sum of p(y) d f_y: an identity that a wrong row or a wrong class breaks."""
    network, names, (x_t, t) = case
    reading = TappedClassifier(network, scaling, names).read(x_t, t, differentiable=True)
    shares, plain = reading.logits.softmax(dim=1), reading.gradients()
    asked = [reading.asked(torch.tensor([label, label])).gradients() for label in range(shares.shape[1])]
    for name in names:
        total = sum(shares[:, k].reshape(-1, 1, 1, 1) * asked[k][name] for k in range(len(asked)))
        assert_close(total, plain[name], rtol=1e-9, atol=1e-12)


def test_several_labels_of_one_reading(case, scaling):
    network, names, (x_t, t) = case
    tapped, labels = TappedClassifier(network, scaling, names), (torch.tensor([-1, -1]), torch.tensor([2, 0]))
    both = tapped.read(x_t, t).asked(torch.cat(labels))
    for i, y in enumerate(labels):
        one = tapped.read(x_t, t).asked(y)
        for name in names:
            assert torch.equal(both.gradients()[name][2 * i : 2 * i + 2], one.gradients()[name])
            assert torch.equal(both.features[name][2 * i : 2 * i + 2], one.features[name])
