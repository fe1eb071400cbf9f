"""The checks that need CUDA devices, on all that there are: `make check-gpus`."""

import processes
import pytest
import tiny
import torch

from lightning_modules import load_generator

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason="no CUDA device here: run `make check-gpus` where there are some"
    ),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, configs, classifier, score_subnet, evaluator, odd_root):
    """One device against all, over NCCL."""
    devices = max(d for d in range(1, torch.cuda.device_count() + 1) if d <= 7 and processes.BATCH % d == 0)
    if devices < 2:
        pytest.skip("one CUDA device here: several are needed to compare them with one")
    models = {"classifier": classifier, "score_subnet": score_subnet, "evaluator": evaluator}
    return processes.run_both(configs, models, odd_root, tmp_path_factory.mktemp("devices"), "cuda", devices)


@pytest.mark.parametrize("name", ["score_subnet", "classifier"])
def test_gradients_are_those_of_the_joined_batch(name, runs):
    processes.check_gradients(*runs, name, tolerance=1e-3)  # convolutions may round to TF32


def test_every_item_is_tested_once(runs):
    processes.check_test_metrics(*runs, rtol=1e-3)


@pytest.mark.parametrize(("name", "count"), [("even", 16), ("odd", 7)])
def test_samples_agree(name, count, runs):
    processes.check_samples(*runs, name, count, exact=False)


def test_rows_agree(runs):
    processes.check_scores(*runs, rtol=0.05)


def test_guided_sampling_gathers(runs):
    processes.check_guided_sampling(*runs)


def test_nan_on_one_process_stops_all(runs):
    processes.check_all_stopped(*runs)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name", ["classifier", "score_subnet", "unet", "evaluator"])
def test_training_on_one_device(name, precision, configs, classifier, tmp_path):
    given = ["--trainer.accelerator=cuda", f"--trainer.precision={precision}"]
    if name in ("score_subnet", "unet"):
        given.append(f"--model.init_args.classifier={classifier}")
    tiny.fit(configs, name, tmp_path, *given)
    assert all(torch.isfinite(torch.tensor(value)) for value in tiny.logged(tmp_path, "train/loss").values())


def losses(generator, precision):
    """DSM losses of fixed log-Mels at fixed times, in full precision or bf16."""
    seeded = torch.Generator().manual_seed(0)
    x_0, eps = (torch.randn(8, 1, 80, 64, generator=seeded).to(generator.device) for _ in range(2))
    t = torch.linspace(0.1, 0.9, 8, device=generator.device)
    batch = type("Batch", (), {"x_0": 0.35 * x_0})
    with torch.autocast(generator.device.type, torch.bfloat16, enabled=precision == "bf16"):
        return generator.losses(batch, t, eps).detach().float().cpu()


@pytest.mark.parametrize("name", ["score_subnet", "unet"])
def test_bf16_is_close_to_full_precision(name, request):
    generator = load_generator(request.getfixturevalue(name), device="cuda")
    full, half = losses(generator, "fp32"), losses(generator, "bf16")
    torch.testing.assert_close(half, full, rtol=0.05, atol=0.0)
    assert not torch.equal(half, full)


@pytest.mark.parametrize("name", ["score_subnet", "unet"])
def test_cuda_is_close_to_the_cpu(name, request):
    path = request.getfixturevalue(name)
    torch.testing.assert_close(
        losses(load_generator(path, "cuda"), "fp32"), losses(load_generator(path), "fp32"), rtol=1e-2, atol=0.0
    )


def test_samples_start_from_the_same_noise_on_every_device(score_subnet):
    """A seed's noise is drawn on the CPU: Mels of one seed agree over devices up to rounding."""
    drawn = [load_generator(score_subnet, device).sample([3, 1], seed=4, num_steps=8)[1] for device in ("cpu", "cuda")]
    assert (drawn[0] - drawn[1]).abs().max() < 0.05
