"""Names of runs, from the configs that a command composes; a dashboard groups runs by them."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

SETTINGS = ("base", "logger", "sampling", "callbacks")  # configs that say nothing about the question of a run


class RunNames(NamedTuple):
    """Names by which Weights & Biases groups a run.

    Attributes:
        group: the ablation, else the experiment; runs that differ in seed or command only share it.
        job_type: the command.
        tags: every config that matters, and the study.
        facts: ``experiment``, ``ablation`` and ``study`` for charts, or None.
    """

    group: str
    job_type: str
    tags: list[str]
    facts: dict[str, str | None]


def composed_configs(arguments: Sequence[str], folder: Path) -> list[str]:
    """Names, without ``.yaml``, of the configs that a command line composes.

    Args:
        arguments: the command line, with the path of each config after ``--config``.
        folder: folder of the packaged configs; those in it are named like ``small/unet``.
    """
    names = []
    for flag, value in pairwise(arguments):
        if flag == "--config" and not value.startswith("{"):  # what a checkpoint stored comes as JSON
            path = Path(value).resolve()
            inside = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
            names.append(str(inside.with_suffix("")))
    return names


def run_names(command: str, configs: Sequence[str]) -> RunNames:
    """Names of a run of ``command`` with ``configs``, which :func:`composed_configs` gives.

    >>> run_names("fit", ["base", "data/sc09", "experiments/score_subnet", "ablations/taps_deep"]).group
    'taps_deep'
    """
    relevant = [name for name in configs if name.partition("/")[0] not in SETTINGS]
    models = [name for name in relevant if not name.startswith("data/")]
    ablations = [name.partition("/")[2] for name in models if name.startswith("ablations/")]
    experiments = [name.rpartition("/")[2] for name in models if not name.startswith("ablations/")]
    experiment, ablation = "+".join(experiments) or None, "+".join(ablations) or None
    study = "+".join(dict.fromkeys(name.partition("_")[0] for name in ablations)) or None
    tags = [*dict.fromkeys(relevant), *([f"study: {study}"] if study else [])]
    facts: dict[str, Any] = {"experiment": experiment, "ablation": ablation, "study": study}
    return RunNames(
        ablation or experiment or "scoretap", command, [tag[:64] for tag in tags], facts
    )  # W&B takes 64 characters
