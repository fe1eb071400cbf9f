"""Groups rows that may be compared, each once and in the order of the table."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Any

from lightning_modules.evaluation.scoring.columns import FIGURES
from lightning_modules.evaluation.scoring.descriptions import Description
from lightning_modules.evaluation.scoring.rows import GRIFFIN_LIM, REAL_TEST, REAL_TRAIN, THROUGH, Row
from lightning_modules.evaluation.tables.axes import data_name

# The same real speech measured on other devices gives figures that differ by rounding only.
RELATIVE, ABSOLUTE = 0.01, 1e-3
AVERAGED = ("fid", "kid", "is", "accuracy")
# Rows that agree in these differ by the seed of training only.
SETTINGS = (
    *("name", "count", "model", "parameters_million", "trained_million", "training_steps", "training_batch_size"),
    *("guidance_scale", "guidance", "sampler", "time_grid", "num_steps", "vocoder"),
    *("training_labels", "training_fraction"),
)


@dataclass(frozen=True)
class Group:
    """Rows of one evaluator, one corpus and one reference: figures of different groups are not comparable."""

    corpus: str | None  # name of the real speech; None where rows do not say
    labels: tuple[int, ...] | None  # digits of it; None where rows do not say
    evaluator: str  # fingerprint
    reference_count: int | None  # number of clips that distances refer to
    rows: list[Row]  # in the order of the table
    remarks: list[str] = field(default_factory=list)  # what to know when reading them

    @property
    def evaluator_accuracy(self) -> float | None:
        """Share of real test clips in which the evaluator recognises the digit."""
        stated = [row["evaluator_accuracy"] for row in self.rows]
        stated += [row["accuracy"] for row in self.rows if row.name == REAL_TEST]
        return next((value for value in stated if value is not None), None)


def group_rows(rows: Iterable[Row]) -> list[Group]:
    """Group rows, in the order of corpus, labels and evaluator."""
    found: dict[tuple[str | None, tuple[int, ...] | None, str, int | None], list[Row]] = {}
    for row in rows:
        labels = None if row["labels"] is None else tuple(sorted(row["labels"]))
        found.setdefault((row["corpus"], labels, row["evaluator"], row["reference_count"]), []).append(row)
    groups = []
    for key in sorted(found, key=lambda key: (key[0] or "", key[1] or (), key[2], key[3] or 0)):
        distinct, remarks = _without_repeats(found[key])
        ordered = _with_distinct_names(sorted(distinct, key=_place))
        groups.append(Group(*key, _with_means(ordered), [*_absent_anchors(ordered), *remarks]))
    return groups


def is_griffin_lim(row: Row) -> bool:
    """Whether a row's clips went through Griffin-Lim."""
    vocoder = row["vocoder"]
    return row.name == f"{THROUGH} {GRIFFIN_LIM}" or (vocoder is not None and vocoder.name == "GriffinLim")


def _without_repeats(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Keep real speech once, though every run measures it, and other rows once if they agree in everything.

    Of samples that were scored again, by a version that measures more, the row with most values is kept.
    """
    distinct: list[Row] = []
    remarks: list[str] = []
    for row in rows:
        if row["kind"] in ("anchor", "floor"):
            identity = ("kind", "name", "count", "vocoder")
            first = next((other for other in distinct if all(row[name] == other[name] for name in identity)), None)
            if first is not None and not _agree(row, first):
                remarks.append(f"{row.name}: {row.file} has other figures than {first.file}, whose row is shown.")
        else:
            first = next((other for other in distinct if row == other or _same_samples(row, other)), None)
        if first is None:
            distinct.append(row)
        elif row["kind"] == "model" and _count_values(row) > _count_values(first):
            distinct[distinct.index(first)] = row
    return distinct, remarks


def _same_samples(one: Row, other: Row) -> bool:
    """Whether two rows are of one model, drawn with the same seed and settings, and have the same figures."""
    settings = [name for name in (*SETTINGS, "seed", "precision") if not name.startswith("training_")]
    same = one["checkpoint"] is not None and all(one[name] == other[name] for name in ("kind", "checkpoint", *settings))
    return same and one["seed"] is not None and _agree(one, other)


def _count_values(row: Row) -> int:
    return len(row.figures) + len(row.facts) + (row.reference_count is not None)


def _agree(one: Row, other: Row) -> bool:
    shared = [name for name in FIGURES if one[name] is not None and other[name] is not None]
    return all(math.isclose(one[name], other[name], rel_tol=RELATIVE, abs_tol=ABSOLUTE) for name in shared)


def _place(row: Row) -> tuple[Any, ...]:
    """A sort key: real speech, floors by N, folders, then models by guidance scale and name."""
    name, kind = row.name, row["kind"]
    if kind == "anchor":
        known = (REAL_TRAIN, REAL_TEST)
        return (known.index(name),) if name in known else (2, is_griffin_lim(row), name)
    if kind == "floor":
        return (3, row.count, name)
    if kind == "folder":
        return (4, name, row.file)
    scale = row["guidance_scale"]
    return (5, -1.0 if scale is None else scale, name, *(_sort_key(row[each]) for each in SETTINGS), row.file)


def _sort_key(value: Any) -> tuple[bool, Any]:
    """A key that puts missing values first; descriptions are in the order of their texts."""
    return value is not None, str(value) if isinstance(value, Description) else value or 0


def _absent_anchors(rows: Sequence[Row]) -> list[str]:
    """Name the rows of real speech that a reader would miss, in a sentence; none if all are there."""
    anchors = [row for row in rows if row["kind"] == "anchor"]
    through = [row for row in anchors if row.name.startswith(THROUGH)]
    other_vocoder = any(row["kind"] == "model" and row["vocoder"] and not is_griffin_lim(row) for row in rows)
    absent = [name for name in (REAL_TRAIN, REAL_TEST) if name not in [row.name for row in anchors]]
    if not through or (other_vocoder and all(map(is_griffin_lim, through))):
        absent.append(f"{THROUGH} the vocoder")
    if not any(map(is_griffin_lim, through)):
        absent.append(f"{THROUGH} {GRIFFIN_LIM}")
    return [f"Absent here, though figures are to be read beside them: {', '.join(absent)}."] if absent else []


def _with_distinct_names(rows: Sequence[Row]) -> list[Row]:
    """Tell models of one name apart by how they were sampled and what they were trained on."""
    return _with_way_in_name(_with_way_in_name(rows, _sampling), _training_data)


def _with_way_in_name(rows: Sequence[Row], way: Callable[[Row], str | None]) -> list[Row]:
    ways: dict[str, set[str]] = {}
    for row in rows:
        if row["kind"] == "model" and (stated := way(row)) is not None:
            ways.setdefault(row.name, set()).add(stated)
    return [
        row.replaced(name=f"{row.name}, {way(row) or 'not stated'}") if len(ways.get(row.name, ())) > 1 else row
        for row in rows
    ]


def _sampling(row: Row) -> str:
    sampler, steps = row["sampler"].name if row["sampler"] else "sampler not stated", row["num_steps"]
    return sampler if steps is None else f"{sampler}, {steps} steps"


def _training_data(row: Row) -> str | None:
    digits, fraction = row["training_labels"], row["training_fraction"]
    return None if digits is None or fraction is None else data_name(digits, fraction)


def _with_means(rows: Sequence[Row]) -> list[Row]:
    """Add a row with mean and standard deviation below rows that differ by the seed of training only."""
    result: list[Row] = []
    alike: list[Row] = []
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        result.append(row)
        alike.append(row)
        if following is None or any(row[name] != following[name] for name in ("kind", *SETTINGS)):
            result += _mean(alike) if row["kind"] == "model" else []
            alike = []
    return result


def _mean(rows: Sequence[Row]) -> list[Row]:
    """Average over checkpoints, of which there must be two; one that was scored twice counts once, by its mean."""
    by_checkpoint: dict[str, list[Row]] = {}
    for row in rows:
        if row["checkpoint"]:
            by_checkpoint.setdefault(row["checkpoint"], []).append(row)
    if len(by_checkpoint) < 2:
        return []
    figures: dict[str, float] = {}
    for name in AVERAGED:
        values = [[row[name] for row in same if row[name] is not None] for same in by_checkpoint.values()]
        if all(values):
            means = [mean(each) for each in values]
            figures |= {name: mean(means), f"{name}_error": stdev(means)}
    name = f"mean of {len(by_checkpoint)}, ± standard deviation"
    return [Row(name, rows[0].count, figures, facts={"kind": "mean"})]
