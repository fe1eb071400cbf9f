"""Makes rows of real speech, beside which a reader sees what the figures of a generator mean."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from lightning_modules.evaluation.scoring.distances import ClassBalance, Distances
from lightning_modules.evaluation.scoring.measures import Diversity, Measure, Predictions, Recognition, Sharpness
from lightning_modules.evaluation.scoring.predictions import measure
from lightning_modules.evaluation.scoring.references import Reference
from lightning_modules.evaluation.scoring.rows import REAL_TEST, REAL_TRAIN, THROUGH, Row


def measures_for(num_features: int, reference: Reference | None, own: bool = False) -> list[Measure]:
    """Make fresh measures for a row; a reference adds what compares with real speech.

    Where the row is the reference's ``own`` training split, its distance to itself says nothing.
    """
    measures: list[Measure] = [Recognition(), Diversity(num_features), Sharpness()]
    if reference is None:
        return measures
    return [*measures, ClassBalance(reference), *([] if own else [Distances(reference)])]


def real_rows(reference: Reference, evaluator: str) -> list[Row]:
    """Make the rows ``real train``, whose distances to itself are left out, and ``real test``."""
    train = _row(reference, evaluator, REAL_TRAIN, reference.train, own=True)
    train.notes.append("fid to manifold_coverage: the training split is what the other rows refer to")
    return [train, _row(reference, evaluator, REAL_TEST, reference.test)]


def resynthesised_rows(reference: Reference, evaluator: str, seen: Mapping[str, Predictions]) -> list[Row]:
    """Make a row ``real test through NAME`` for each vocoder: test clips through log-Mels and back, a generator's best.

    The predictions ``seen`` are of :func:`lightning_modules.evaluation.scoring.resynthesis.load_resynthesised`.
    """
    return [_row(reference, evaluator, f"{THROUGH} {name}", clips) for name, clips in seen.items()]


def floor_rows(reference: Reference, evaluator: str, counts: Sequence[int]) -> list[Row]:
    """Make a row for each number of clips: as many real test clips, drawn by lot, against the training split.

    A Fréchet distance falls with the number of clips, so a generator's is to be read against the floor of its own N.
    Where there are fewer test clips they are drawn with replacement; such a row keeps only the Fréchet distance,
    which is too large then, since copies add nothing. The kernel distance needs no such row: it has no bias by N.
    """
    rows, available = [], len(reference.test.y)
    for count in sorted(set(counts)):
        random_stream = torch.Generator().manual_seed(0)
        again = count > available
        lots = torch.randint(available, (count,), generator=random_stream) if again else None
        chosen = torch.randperm(available, generator=random_stream)[:count] if lots is None else lots
        drawn = Predictions(*(part[chosen] for part in reference.test))
        drawn = drawn._replace(index=torch.arange(count, device=drawn.index.device))
        row = _row(reference, evaluator, f"floor, N = {count}", drawn, kind="floor")
        if again:
            bound = {name: value for name, value in row.figures.items() if name == "fid"}
            note = f"drawn with replacement from {available} test clips: fid is an upper bound, the rest is left out"
            row = replace(row, figures=bound, notes=[f"floor: {note}"], confusion=None)
        rows.append(row)
    return rows


def _row(
    reference: Reference, evaluator: str, name: str, seen: Predictions, own: bool = False, kind: str = "anchor"
) -> Row:
    measures = measures_for(seen.features.shape[1], reference, own)
    row = measure(name, _batches(seen), measures, evaluator, len(reference.train.y))
    row.facts["kind"] = kind
    return row


def _batches(seen: Predictions, size: int = 2048) -> Iterator[Predictions]:
    for columns in zip(*(column.split(size) for column in seen), strict=True):
        yield Predictions(*columns)
