"""Compiled training computes what eager training does, and its checkpoints are the same."""

import pytest
import tiny
import torch

from callbacks import Compile
from lightning_modules.checkpoints.reading import read_checkpoint
from lightning_modules.errors import InputError

FLAGS = ["--trainer.callbacks+=callbacks.Compile", "--trainer.callbacks.backend=eager"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["score_subnet", "classifier"])
def test_training_is_the_same_up_to_rounding(name, configs, request, classifier, tmp_path):
    """With moving average, frozen guard and cost report, as configs/base.yaml has them."""
    torch._dynamo.reset()
    eager = request.getfixturevalue(name)
    given = [f"--model.init_args.classifier={classifier}"] if name == "score_subnet" else []
    checkpoint = tiny.fit(configs, name, tmp_path, *given, *FLAGS)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 1
    mine, plain = (tiny.logged(folder, "train/loss") for folder in (tmp_path, eager.parents[2]))
    assert mine == pytest.approx(plain, rel=1e-3)
    stored, found = read_checkpoint(eager)["state_dict"], read_checkpoint(checkpoint)["state_dict"]
    assert found.keys() == stored.keys()
    for key, tensor in found.items():
        torch.testing.assert_close(tensor, stored[key], rtol=1e-2, atol=1e-3, msg=key)


def test_refusals(monkeypatch):
    with pytest.raises(InputError, match="aot_eager.*got 'fast'"):
        Compile("fast")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(InputError, match="needs a C\\+\\+ compiler"):
        Compile()
    with pytest.raises(InputError, match="Linear has none"):
        Compile("eager").setup(None, torch.nn.Linear(1, 1), "fit")
