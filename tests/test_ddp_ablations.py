"""Two CPU processes fine-tune a backbone and score samples as one process does."""

import processes
import pytest
import ranks
import tiny
import torch

pytestmark = pytest.mark.slow


def command(configs, models, folder, devices):
    """Command line of one optimizer step and one measurement on ``devices`` processes."""
    metrics = {"evaluator": models["evaluator"], "every_n_epochs": 1, "count": 7, "batch_size": 2, "num_steps": 4}
    metrics |= {"minimum_accuracy": 0, "cache_dir": folder / "kept", "guidance_scale": 2}
    return tiny.fit_arguments(
        configs, "score_subnet", folder, f"--model.init_args.classifier={models['classifier']}",
        "--model.init_args.backbone_mode=fine-tuned", f"--data.init_args.batch_size={processes.BATCH // devices}",
        "--trainer.max_epochs=1", f"--trainer.devices={devices}", "--trainer.limit_train_batches=1",
        f"--trainer.strategy={'ddp' if devices > 1 else 'auto'}",
        "--trainer.callbacks+=ranks.JoinedNoise", f"--trainer.callbacks.file={folder}/gradients.pt",
        "--trainer.callbacks+=callbacks.GenerationMetrics",
        *(f"--trainer.callbacks.{name}={value}" for name, value in metrics.items()),
    )  # fmt: skip


def test_two_processes_do_what_one_does(configs, classifier, evaluator, tmp_path):
    models = {"classifier": classifier, "evaluator": evaluator}
    one, many = tmp_path / "one", tmp_path / "many"
    for folder in (one, many):
        folder.mkdir()
    ranks.run([command(configs, models, one, 1)])
    processes.launch([command(configs, models, many, 2)], 2)
    expected, found = (torch.load(folder / "gradients.pt") for folder in (one, many))
    assert expected.keys() == found.keys() and any(name.startswith("classifier.") for name in expected)
    largest = max(gradient.abs().max() for gradient in expected.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-5 * float(largest), msg=name)
    for name in ("fid", "accuracy", "confidence", "is"):
        values = [tiny.logged(folder, f"generation/{name}") for folder in (one, many)]
        assert values[0].keys() == values[1].keys() and values[0], name
        assert list(values[1].values()) == pytest.approx(list(values[0].values()), rel=1e-2), name
