"""What a run is called, from the configs that it was composed of: a dashboard groups runs by it without handwork."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

SETTINGS = ("base", "logger", "sampling", "callbacks")  # configs that say nothing of what a run asks


class RunNames(NamedTuple):
    """Where a run belongs.

    Attributes:
        group: runs that differ in the seed, or in being trained or tested, share it: the ablation, else the experiment.
        job_type: the command.
        tags: every config that matters, and the study.
        facts: ``experiment``, ``ablation`` and ``study``, for charts; None where there is none.
    """

    group: str
    job_type: str
    tags: list[str]
    facts: dict[str, str | None]


def composed_configs(arguments: Sequence[str], folder: Path) -> list[str]:
    """Names of the configs that a settled command line composes, without ``.yaml``.

    Args:
        arguments: with each config's path after ``--config``.
        folder: the packaged configs; those in it are named as ``small/unet``.
    """
    names = []
    for flag, value in pairwise(arguments):
        if flag == "--config" and not value.startswith("{"):  # what a checkpoint stored comes as JSON
            path = Path(value).resolve()
            inside = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
            names.append(str(inside.with_suffix("")))
    return names


def run_names(command: str, configs: Sequence[str]) -> RunNames:
    """Names of a run of ``command`` with ``configs``, as :func:`composed_configs` gives them.

    >>> run_names("fit", ["base", "data/sc09", "experiments/score_subnet", "ablations/taps_deep"]).group
    'taps_deep'
    """
    told = [name for name in configs if name.partition("/")[0] not in SETTINGS]
    asked = [name for name in told if not name.startswith("data/")]
    ablations = [name.partition("/")[2] for name in asked if name.startswith("ablations/")]
    experiments = [name.rpartition("/")[2] for name in asked if not name.startswith("ablations/")]
    experiment, ablation = "+".join(experiments) or None, "+".join(ablations) or None
    study = "+".join(dict.fromkeys(name.partition("_")[0] for name in ablations)) or None
    tags = [*dict.fromkeys(told), *([f"study: {study}"] if study else [])]
    facts: dict[str, Any] = {"experiment": experiment, "ablation": ablation, "study": study}
    return RunNames(
        ablation or experiment or "scoretap", command, [tag[:64] for tag in tags], facts
    )  # W&B takes 64 characters
