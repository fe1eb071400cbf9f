"""Checkpoints explain themselves: class, arguments, weights and fingerprint."""

import pytest
import torch

from lightning_modules import InputError, load_generator
from lightning_modules.checkpoints.reading import (
    build,
    check_fits,
    fingerprint,
    load_module,
    model_config,
    read_checkpoint,
    restore,
)


@pytest.mark.parametrize("name", ["classifier", "score_subnet", "unet", "evaluator"])
def test_restored_module_has_the_stored_class_and_weights(name, request):
    path = request.getfixturevalue(name)
    module, checkpoint = load_module(path), read_checkpoint(path)
    assert model_config(checkpoint)["class_path"] == f"lightning_modules.{type(module).__name__}"
    assert fingerprint(module.state_dict()) == fingerprint(checkpoint["state_dict"])
    assert not module.training
    check_fits(checkpoint, module)


def test_restored_module_can_be_saved_and_restored_again(score_subnet):
    """What it remembers of itself stays plain, and the classifier's path is not among it."""
    checkpoint = read_checkpoint(score_subnet)
    again = dict(restore(checkpoint).hparams)
    assert again["classifier"]["fingerprint"] == checkpoint["scoretap"]["classifier"]
    assert {k: v for k, v in again.items() if not k.startswith("_")} == model_config(checkpoint)["init_args"]


def test_fingerprint_sees_every_change():
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(2, dtype=torch.int64)}
    whole = fingerprint(tensors)
    nudged = tensors["a"].clone()
    nudged[1, 2] = torch.nextafter(nudged[1, 2], torch.tensor(9.0))
    others = [
        {**tensors, "a": nudged},
        {**tensors, "a": tensors["a"].reshape(3, 2)},
        {**tensors, "a": tensors["a"].double()},
        {"a": tensors["a"], "c": tensors["b"]},
        {"a": tensors["a"]},
    ]
    assert len({whole, *map(fingerprint, others)}) == 6
    assert fingerprint(dict(reversed(tensors.items()))) == whole
    assert fingerprint({**tensors, "a": tensors["a"].t().contiguous().t()}) == whole
    assert len(fingerprint({"h": torch.ones(3, dtype=torch.bfloat16), "scalar": torch.tensor(1.0)})) == 64


def test_reading_runs_no_code_from_the_file(tmp_path):
    class Payload:
        def __reduce__(self):
            return print, ("code from the file ran",)

    torch.save({"state_dict": {}, "hyper_parameters": Payload(), "scoretap": {}}, tmp_path / "evil.ckpt")
    with pytest.raises(InputError, match="cannot read checkpoint"):
        read_checkpoint(tmp_path / "evil.ckpt")


def test_weights_that_do_not_fit(classifier):
    checkpoint = read_checkpoint(classifier)
    name = next(name for name in checkpoint["state_dict"] if name.startswith("network."))
    shorter = {k: v for k, v in checkpoint["state_dict"].items() if k != name}
    with pytest.raises(InputError, match="do not fit"):
        restore({**checkpoint, "state_dict": shorter})
    with pytest.raises(InputError, match=f"{name} is missing in the checkpoint"):
        check_fits({**checkpoint, "state_dict": shorter}, load_module(classifier))


def test_load_generator_refuses_other_models(classifier, evaluator):
    for path, name in ((classifier, "ClassifierModule"), (evaluator, "EvaluatorModule")):
        with pytest.raises(InputError, match=name):
            load_generator(path)


def test_build_checks_arguments():
    with pytest.raises(Exception, match="label_smothing"):
        build("lightning_modules.ClassifierModule", label_smothing=0.1)
