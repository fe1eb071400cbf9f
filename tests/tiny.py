"""Models that train in seconds, and how the tests train them."""

import csv
from pathlib import Path

import pytest

NETWORK = {
    "base_channels": 8,
    "multipliers": [1, 2],
    "blocks_per_stage": 1,
    "bottleneck_blocks": 1,
    "time_width": 16,
    "patch_size": 2,
}
SUBNET = {"widths": [8, 16], "blocks_per_tap": 1, "time_width": 16, "patch_size": 2}
TAPS = ["stem", "stages.0.0", "stages.1.0"]
TRAINER = {"accelerator": "cpu", "devices": 1, "enable_progress_bar": False, "log_every_n_steps": 1}
OPTIMIZATION = {"learning_rate": 2e-3, "warmup_steps": 3}


def _part(name, **init_args):
    return {"class_path": f"lightning_modules.{name}", "init_args": init_args}


def _config(name, **init_args):
    return {"model": _part(name, optimization=OPTIMIZATION, **init_args), "trainer": TRAINER}


CONFIGS = {
    "classifier": _config("ClassifierModule", network=_part("networks.Classifier", dropout=0.1, **NETWORK)),
    "score_subnet": _config(
        "ScoreSubnetModule",
        classifier="given on the command line",
        taps=TAPS,
        subnet=_part("networks.ScoreSubnet", **SUBNET),
    ),
    "unet": _config("UNetModule", network=_part("networks.UNet", decoder_widths=[8, 16], **NETWORK)),
    "student": {
        **_config(
            "DistillationModule",
            teacher="given on the command line",
            taps=TAPS,
            subnet=_part("networks.ScoreSubnet", num_classes=10, **SUBNET),
            methods=[
                _part("diffusion.distillation.EndpointRegression"),
                _part("diffusion.distillation.Adversarial", weight=[[0.3, 0.1]]),
            ],
            curriculum={"evaluations": [1, 2, 4]},
            teaching={"paths": 60, "held_out": 20, "num_steps": 3},
            augmentation={"shift": 1},
            critic_optimization=OPTIMIZATION,
        ),
        "trainer": {**TRAINER, "gradient_clip_val": None},
    },
    "evaluator": {
        **_config(
            "EvaluatorModule",
            network=_part("networks.ResNeXt", channels=[8, 16], cardinality=2, base_width=4, blocks_per_stage=1),
        ),
        "data": {"init_args": {"front_end": {"class_path": "lightning_modules.audio.Waveform"}}},
    },
    "vocoder": {
        **_config(
            "VocoderModule",
            network=_part("networks.ConvNeXtISTFT", width=16, hidden=16, num_blocks=1, iterations=1),
            discriminators={
                "periods": [7],
                "fft_sizes": [256],
                "period_widths": [2, 4],
                "resolution_widths": [2, 4, 4],
            },
            degradation={"share": 0.5},
            stft_distance={"fft_sizes": [256]},
            long_term_weight=1.0,
            adversarial_from=3,
        ),
        "data": {"init_args": {"front_end": {"class_path": "lightning_modules.audio.Waveform"}}},
        "trainer": {**TRAINER, "gradient_clip_val": None},
    },
}


def check_refusal(build, word):
    """Check that ``build`` is refused in one short sentence that names ``word``."""
    with pytest.raises(ValueError) as refusal:
        build()
    sentence = str(refusal.value)
    assert word in sentence and "\n" not in sentence and len(sentence) < 400


def fit_arguments(configs, name, folder, *more):
    """Command line that trains the tiny model ``name`` for two epochs and logs to ``folder``."""
    files = ["base", "logger/csv", configs / "data.yaml", configs / f"{name}.yaml"]
    logger = "--trainer.logger.init_args"
    places = [f"{logger}.save_dir={folder}", f"{logger}.name=run", f"{logger}.version="]
    composed = [word for file in files for word in ("--config", str(file))]
    return ["fit", *composed, "--trainer.max_epochs=2", *places, *map(str, more)]


def fit(configs, name, folder, *more):
    """Train the tiny model ``name``; its last checkpoint."""
    from lightning_modules.cli import main

    assert main(fit_arguments(configs, name, folder, *more)) == 0
    return Path(folder) / "run" / "checkpoints" / "last.ckpt"


def logged(folder, name):
    """Values of the metric ``name`` by step, as ``fit`` logged them to ``folder``."""
    with open(Path(folder) / "run" / "metrics.csv", newline="") as file:
        return {int(row["step"]): float(row[name]) for row in csv.DictReader(file) if row.get(name)}


def check(sentence, expected):
    """Check that every one of the ``expected`` words stands in the ``sentence``."""
    for words in expected:
        assert words in sentence
