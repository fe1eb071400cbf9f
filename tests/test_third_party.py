"""A classifier from elsewhere becomes a backbone by YAML only."""

import pytest
import torch
from test_configs import compose

from lightning_modules import load_generator
from lightning_modules.checkpoints.reading import load_module
from lightning_modules.cli import main

pytestmark = pytest.mark.slow
pytest.importorskip("torchvision", reason="torchvision is not installed")
STEP = ["--trainer.max_steps=1", "--trainer.limit_val_batches=1", "--trainer.num_sanity_val_steps=0"]


@pytest.fixture(scope="module", params=["conditioned", "unconditioned"])
def resnet(request, digits_root, tmp_path_factory):
    """A checkpoint of torchvision's ResNet-18 after one step, with noise conditioning or without."""
    folder = tmp_path_factory.mktemp(request.param)
    overlay = ["--config", "backbones/resnet18_unconditioned"] if request.param == "unconditioned" else []
    assert main(compose("backbones/resnet18", digits_root, folder, *overlay, *STEP)) == 0
    return next(folder.rglob("last.ckpt"))


def test_it_trains_and_a_score_subnet_reads_it(resnet, digits_root, tmp_path):
    network = load_module(resnet).network
    assert bool(network.modulated) == bool(len(network.films)) and type(network.body).__name__ == "ResNet"
    given = ["--config", "backbones/on_resnet18", f"--model.init_args.classifier={resnet}", *STEP]
    assert main(compose("small/score_subnet", digits_root, tmp_path, *given)) == 0
    generator = load_generator(next(tmp_path.rglob("last.ckpt")))
    waveforms, _ = generator.sample([3], guidance_scale=2.0, num_steps=3)
    assert waveforms.shape == (1, 16000) and bool(torch.isfinite(waveforms).all())
