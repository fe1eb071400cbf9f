"""Gathers facts of a generator's row: size, cost, settings and origin."""

import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from datamodules.subsets import check_labels
from lightning_modules.bases.generator import Generator
from lightning_modules.checkpoints.reading import data_config, fingerprint
from lightning_modules.diffusion.guidance_schedules import GuidanceSchedule
from lightning_modules.evaluation.scoring.descriptions import PLAIN, Description, describe
from lightning_modules.networks.cost import count_gmacs, count_parameters

ORIGIN = ("global_step", "scoretap", "datamodule_hyper_parameters")  # what origin_facts reads of a checkpoint


def sampling_settings(generator: Generator) -> dict[str, Any]:
    """Gather plain values that a sample depends on, beside label and seed; classes and their settings are text."""
    sampling = generator.sampling
    return {
        "checkpoint": fingerprint(generator.state_dict()),
        "guidance_scale": sampling.guidance_scale,
        **{name: str(description) for name, description in sampling_descriptions(generator).items()},
        "guidance": sampling.guidance_name(generator.denoiser),
        "num_steps": sampling.num_steps,
        "clamp": sampling.clamp,
        **({"clamp_quantile": sampling.clamp_quantile} if sampling.clamp_quantile else {}),
        **({"compile": sampling.compile} if sampling.compile else {}),  # rounds otherwise
    }


def sampling_descriptions(generator: Generator) -> dict[str, Description]:
    """Describe what draws a sample: guidance, sampler, time grid and vocoder."""
    sampling, vocoder = generator.sampling, generator.vocoder
    kind = sampling.guidance_name(generator.denoiser).removeprefix(str(sampling.guidance)).strip()
    return {
        "guidance": _describe_schedule(sampling.guidance, kind),
        "sampler": describe(sampling.sampler),
        "time_grid": describe(sampling.time_grid),
        "vocoder": describe(vocoder, fingerprint(vocoder.state_dict())[:12]),
    }


def _describe_schedule(schedule: GuidanceSchedule, kind: str = "") -> Description:
    """Describe a schedule, which may have others inside, with its settings in the order of its own text."""
    settings = tuple(
        (name, _describe_schedule(value) if isinstance(value, GuidanceSchedule) else value)
        for name, value in vars(schedule).items()
        if isinstance(value, (*PLAIN, GuidanceSchedule))
    )
    return Description(type(schedule).__name__, settings, kind)


def cost_facts(generator: Generator, guided: bool) -> dict[str, Any]:
    """Count the parameters of the networks that a sample needs, and the multiply-accumulates of drawing it.

    The paper's Table 1 counts a U-Net's separate classifier only where it guides; so does this. A step is an evaluation
    of the network, of which classifier-free guidance makes two at a time. The vocoder is not counted: see ``audio``.
    """
    count = count_parameters(torch.nn.ModuleList(generator.parts(guided)))
    known = generator.guided_labels()
    y = torch.tensor(known[:1]) if guided and known else None
    evaluations: list[int] = []
    sampling = generator.sampling.replace(compile=False)  # compiled graphs cannot be counted

    def draw() -> None:
        drawn = sampling.draw(generator.denoiser, generator.sde, generator.front_end.shape, y, [0], device)
        evaluations.append(drawn.nfe)

    device = generator.device
    y = None if y is None else y.to(device)
    with torch.inference_mode(False):
        gmacs = count_gmacs(draw)
    return {
        "parameters_million": count.total / 1e6,
        "trained_million": count.trainable / 1e6,
        "gmacs_per_step": gmacs / evaluations[0],
        "nfe": evaluations[0],
        "gmacs_per_sample": gmacs,
    }


def origin_facts(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Read training data and budget of a checkpoint, and name the code that scores it.

    Labels and share of the data are the generator's own: its classifier may have been trained on more.
    """
    trained = (data_config(checkpoint) or {}).get("init_args", {})
    return {
        "training_labels": check_labels(trained["labels"]) if "labels" in trained else None,
        "training_fraction": trained.get("fraction"),
        "training_steps": checkpoint.get("global_step"),
        "training_batch_size": checkpoint.get("scoretap", {}).get("batch_size"),
        "commit": commit(),
    }


def commit() -> str:
    """Name the commit of the checkout that this code runs from, with ``+`` where files differ; else the version."""
    folder = Path(__file__).resolve().parents[3]
    try:
        if not (folder / ".git").exists():  # a package may be installed inside another project's checkout
            raise FileNotFoundError(folder)
        describe_commit = ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
        found = subprocess.run(describe_commit, cwd=folder, capture_output=True, text=True, check=True, timeout=20)
        return found.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return f"version {version('scoretap')}"


def device_name(device: torch.device) -> str:
    """Name the device of a measured time: a GPU, or a CPU with its number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
