"""Names and orders the columns that a plot is drawn against, and their values."""

from collections.abc import Iterable, Sequence
from typing import Any

from datamodules.corpus_layout import DIGITS
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.columns import COLUMNS, FIGURES, MEASURES, NUMBERS, TABLE
from lightning_modules.evaluation.scoring.descriptions import Description
from lightning_modules.evaluation.scoring.rows import Row

DATA = "data"  # not in files: the training data of the generative part, of training_labels and training_fraction
MEASURED = tuple(key for key in NUMBERS if key in TABLE)
KEYS = (DATA, *(name for name in COLUMNS if name not in FIGURES and name != "notes"))
_SAMPLERS = {
    "EulerMaruyama": "Euler–Maruyama",
    "DDIM": "DDIM",
    "DPMSolverPP": "DPM-Solver++(2M)",
    "Heun": "Heun",
    "PredictorCorrector": "predictor–corrector",
}
_SCHEDULES = {"Constant": "constant", "Interval": "interval", "NormMatched": "adaptive"}
_ORDER = (*_SAMPLERS, *_SCHEDULES)


def check_columns(wanted: Iterable[str], known: Sequence[str], option: str) -> None:
    """Refuse a name that is no column, or a column that cannot be used for this option.

    Raises:
        InputError: a name is not among ``known``.
    """
    for name in wanted:
        if name not in known:
            raise InputError(f"--{option} knows no column {name!r}: expected of {', '.join(known)}")


def title(column: str) -> str:
    """Name a column at an axis or above a table."""
    if column == DATA:
        return "trained on"
    if column in MEASURES and TABLE[column].heading:
        return TABLE[column].title
    return (TABLE[column].name if column in TABLE else "") or column.replace("_", " ")


def read(row: Row, column: str) -> Any:
    """Read a column of a row, lists as tuples; :data:`DATA` is a pair of labels and fraction, None if not stated."""
    if column == DATA:
        labels, fraction = row["training_labels"], row["training_fraction"]
        return None if labels is None or fraction is None else (tuple(labels), float(fraction))
    value = row[column]
    return tuple(value) if isinstance(value, list) else value


def order(column: str, value: Any) -> tuple[Any, ...]:
    """Make a sort key: numbers rise, the paper's sampler and most training data come first, None comes last."""
    if value is None:
        return (1,)
    if column == DATA:
        return (0, -len(value[0]), -value[1], value[0])
    if isinstance(value, Description):
        return (0, _ORDER.index(value.name) if value.name in _ORDER else len(_ORDER), str(value))
    return (0, value)


def labels(column: str, values: Iterable[Any]) -> dict[Any, str]:
    """Give short names to a column's values; where two would be alike, both are written out."""
    distinct = list(dict.fromkeys(values))
    short = {value: _label(column, value) for value in distinct}
    alike = [name for name in short.values() if list(short.values()).count(name) > 1]
    return {value: str(value) if name in alike else name for value, name in short.items()}


def data_name(digits: Sequence[int], fraction: float) -> str:
    """Name training data: ``all data``, ``3 % of the data``, ``digits 3, 5, 7`` or ``10 % of digit 4``."""
    several = f"digit{'s' if len(digits) > 1 else ''} {', '.join(map(str, digits))}"
    part = "" if len(digits) == len(DIGITS) else several
    if fraction >= 1.0:
        return part or "all data"
    return f"{100 * fraction:g} % of {part or 'the data'}"


def _label(column: str, value: Any) -> str:
    if value is None:
        return {"guidance": "unguided"}.get(column, f"{title(column)} not stated")
    if column == DATA:
        return data_name(*value)
    if column == "sampler":
        return _sampler(value)
    if column == "guidance":
        return ", ".join(part for part in (_SCHEDULES.get(value.name, value.name), value.detail) if part)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{title(column)} {value:g}" if number else str(value)


def _sampler(sampler: Description) -> str:
    name, settings = _SAMPLERS.get(sampler.name), dict(sampler.settings)
    if sampler.name == "DDIM" and settings.get("eta"):
        return f"{name}, η = {settings['eta']:g}"
    if sampler.name == "DPMSolverPP":
        correction = settings.get("correction", 1.0)
        share = "" if correction == 1.0 else f", correction {correction:g}"
        return ("SDE-" if settings.get("stochastic") else "") + f"{name}{share}"
    return name or str(sampler)
