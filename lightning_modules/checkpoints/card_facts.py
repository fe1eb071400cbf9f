"""Facts of a model card that people write: data, licence, training, scores and limits; read and checked."""

from dataclasses import MISSING, dataclass, fields
from typing import Any

from lightning_modules.errors import InputError, closest


@dataclass(frozen=True)
class Score:
    """One measured figure.

    Attributes:
        measure: what was measured, such as ``FID``.
        value: the figure.
        how: samples, settings and evaluator.
        unit: unit of the figure, empty for none.
        interval: lower and upper end of the 95 % interval.
        standard_error: standard error of a figure without interval.
    """

    measure: str
    value: float
    how: str
    unit: str = ""
    interval: list[float] | None = None
    standard_error: float | None = None

    def __str__(self) -> str:
        spread = f" ± {self.standard_error}" if self.standard_error is not None else ""
        if self.interval is not None:
            spread = f" [{self.interval[0]}, {self.interval[1]}]"
        return f"{self.value}{spread}{f' {self.unit}' if self.unit else ''}"


@dataclass(frozen=True)
class Facts:
    """The part of a model card that no checkpoint holds.

    Attributes:
        description: what the model does.
        corpus: short name of what it was trained on.
        language: language spoken in the corpus.
        data: clips, speakers and splits of the corpus.
        data_licence: licence of the corpus.
        attribution: title, author and address of the corpus.
        licence: licence of the weights.
        training: commands, in the order in which they were run.
        seeds: seeds of the runs.
        scores: figures, the most telling first.
        limits: what not to expect of the model.
        url: address of the weights, if they do not lie beside the card.
    """

    description: str
    corpus: str
    language: str
    data: str
    data_licence: str
    attribution: str
    licence: str
    training: list[str]
    seeds: list[int]
    scores: list[Score]
    limits: list[str]
    url: str | None = None


def read_facts(content: Any, source: str) -> Facts:
    """Facts from plain values, as YAML and JSON hold them.

    Args:
        content: content of the file.
        source: name of the file, for error messages.

    Raises:
        InputError: a fact is missing, empty, unknown or of the wrong type.
    """
    _check_keys(Facts, content, source)
    for name, value in content.items():
        wanted = list if name in ("training", "seeds", "scores", "limits") else str
        if not (isinstance(value, wanted) and value) and not (name == "url" and value is None):
            raise InputError(f"{source}: expected {name} to be a {wanted.__name__} that holds something, got {value!r}")
    for name, kind in {"training": str, "limits": str, "seeds": int, "scores": dict}.items():
        if wrong := [item for item in content[name] if not isinstance(item, kind)]:
            raise InputError(f"{source}: expected {name} to hold {kind.__name__} only, got {wrong[0]!r}")
    return Facts(**{**content, "scores": [_score(one, source) for one in content["scores"]]})


def _score(content: dict[str, Any], source: str) -> Score:
    _check_keys(Score, content, source)
    score = Score(**content)
    ends = score.interval if score.interval is not None else []
    figures = [score.value, *ends, *([] if score.standard_error is None else [score.standard_error])]
    if not all(isinstance(figure, int | float) for figure in figures) or len(ends) not in (0, 2):
        raise InputError(f"{source}: expected {score.measure!r} with figures, and two of them as interval: {content}")
    return score


def _check_keys(kind: type, content: Any, source: str) -> None:
    if not isinstance(content, dict):
        raise InputError(f"{source}: expected names and values for a {kind.__name__}, got {type(content).__name__}")
    known = {one.name for one in fields(kind)}
    if unknown := [str(name) for name in content if name not in known]:
        raise InputError(f"{source}: {kind.__name__} has no {unknown[0]!r}{closest(unknown[0], known)}")
    if missing := [one.name for one in fields(kind) if one.default is MISSING and one.name not in content]:
        raise InputError(f"{source}: {kind.__name__} lacks {missing[0]!r}: add it")
