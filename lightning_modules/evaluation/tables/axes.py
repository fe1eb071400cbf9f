"""What a figure over many runs is drawn against: columns of rows, how their values are called and in which order."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.rows import COLUMNS, FIGURES
from lightning_modules.evaluation.tables.collect import NUMBERS, Row
from lightning_modules.evaluation.tables.training_data import data_name

DATA = "data"  # not in files: the training data of the generative part, of training_labels and training_fraction
BESIDE = ("_low", "_high", "_error")
MEASURED = tuple(name for name in NUMBERS if not name.endswith(BESIDE))
KEYS = (DATA, *(name for name in COLUMNS if name not in FIGURES and name != "notes"))
LOGARITHMIC = ("nfe", "gmacs_per_sample", "gmacs_per_step", "seconds_per_sample", "num_steps", "training_steps")
TITLES = {
    "guidance_scale": "guidance scale γ",
    "nfe": "network evaluations",
    "num_steps": "steps",
    "gmacs_per_sample": "GMACs per sample",
    "seconds_per_sample": "seconds per sample",
    "fid": "FID ↓",
    "kid": "KID ↓",
    "fad": "FAD ↓",
    "is": "IS ↑",
    "mis": "mIS ↑",
    "am": "AM ↓",
    "scoreq": "ScoreQ ↑",
    "accuracy": "accuracy, % ↑",
    "accuracy_seen": "accuracy, % ↑: seen digits",
    "accuracy_unseen": "accuracy, % ↑: unseen digits",
    "guide_accuracy": "guide accuracy, %",
    DATA: "trained on",
    "guidance": "guidance",
    "training_fraction": "share of the training data",
}
_SAMPLERS = {
    "EulerMaruyama": "Euler–Maruyama",
    "DDIM(eta=0.0)": "DDIM",
    "Heun": "Heun",
}
_KINDS = ("EulerMaruyama", "DDIM", "DPMSolverPP", "Heun", "PredictorCorrector")
_SCHEDULES = {"Constant": "constant", "Interval": "interval", "NormMatched": "adaptive"}


def check_columns(wanted: Iterable[str], known: Sequence[str], option: str) -> None:
    """Refuse a name that is no column, or one that cannot be used so.

    Raises:
        InputError: names what can.
    """
    for name in wanted:
        if name not in known:
            raise InputError(f"--{option} knows no column {name!r}: expected of {', '.join(known)}")


def title(column: str) -> str:
    """Name of a column at an axis or above a table."""
    return TITLES.get(column, column.replace("_", " "))


def read(row: Row, column: str) -> Any:
    """Value of a column, with lists as tuples; of :data:`DATA` a pair of labels and fraction, None if not stated."""
    if column == DATA:
        labels, fraction = row["training_labels"], row["training_fraction"]
        return None if labels is None or fraction is None else (tuple(labels), float(fraction))
    value = row[column]
    return tuple(value) if isinstance(value, list) else value


def order(column: str, value: Any) -> tuple[Any, ...]:
    """Sort key: numbers rise, texts by alphabet, the paper's sampler and most training data first; None last."""
    if value is None:
        return (1,)
    if column == DATA:
        return (0, -len(value[0]), -value[1], value[0])
    if column in ("sampler", "guidance"):
        kind, known = str(value).partition("(")[0].partition(" ")[0], (*_KINDS, *_SCHEDULES)
        return (0, known.index(kind) if kind in known else len(known), str(value))
    return (0, value)


def labels(column: str, values: Iterable[Any]) -> dict[Any, str]:
    """Short names of a column's values; where two would be alike, the values as they stand in the files."""
    distinct = list(dict.fromkeys(values))
    short = {value: _label(column, value) for value in distinct}
    alike = [name for name in short.values() if list(short.values()).count(name) > 1]
    return {value: str(value) if name in alike else name for value, name in short.items()}


def _label(column: str, value: Any) -> str:
    if value is None:
        return {"guidance": "unguided"}.get(column, f"{title(column)} not stated")
    if column == DATA:
        return data_name(*value)
    if column == "sampler":
        return _sampler(value)
    if column == "guidance":
        kind = re.match(r"\w+", value)
        name = _SCHEDULES.get(kind[0], kind[0]) if kind else value
        return name + "".join(f", {end}" for end in ("classifier-free", "at denoised") if value.endswith(f" {end}"))
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{title(column)} {value:g}" if number else str(value)


def _sampler(value: str) -> str:
    if value in _SAMPLERS:
        return _SAMPLERS[value]
    if match := re.fullmatch(r"DDIM\(eta=(.+)\)", value):
        return f"DDIM, η = {float(match[1]):g}"
    if match := re.fullmatch(r"DPMSolverPP\((?:correction=(.+), )?stochastic=(True|False)\)", value):
        share = "" if float(match[1] or 1.0) == 1.0 else f", correction {float(match[1]):g}"
        return ("SDE-" if match[2] == "True" else "") + f"DPM-Solver++(2M){share}"
    if value.startswith("PredictorCorrector"):
        return "predictor–corrector"
    return value.removesuffix("()")
