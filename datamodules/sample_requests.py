"""The samples that a generator is asked to draw: the data module of ``predict``."""

import csv
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from datamodules.corpus_layout import DIGITS
from datamodules.datasets import RequestList
from datamodules.loaders import ordered_loader, world
from datamodules.subsets import check_labels
from lightning_modules.errors import InputError
from lightning_modules.labels import NO_LABEL, parse_label
from lightning_modules.ranges import BATCH, COUNT, check_ranges, parse_whole, read_interval

SEED_LIMIT = 2**63  # seeds travel as int64
BatchSize = int | Literal["auto"]


class SampleRequests(LightningDataModule):
    """Samples that ``predict`` draws: the same seeds for every label, or a table of labels and seeds.

    Args:
        labels: digits to draw, all ten by default; an empty list draws without a label.
        count: samples per label.
        seed: seed of the first sample of every label; sample j has ``seed + j``.
        csv: table with the columns ``label`` (empty: without a label) and ``seed``, one row per sample; stands in for
            ``labels``, ``count`` and ``seed``.
        batch_size: samples drawn at once per process; ``auto`` takes the largest power of two that fits on a CUDA
            device, and on a CPU what is fastest of a few.

    Raises:
        InputError: an argument is out of range, or the table cannot be used.
    """

    def __init__(
        self,
        labels: list[int] | None = None,
        count: int = 1,
        seed: int = 0,
        csv: str | None = None,
        batch_size: BatchSize = 32,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        check_batch_size(batch_size)
        self.batch_size = batch_size
        self.drawn: set[int] = set()  # requests that an unfinished run has drawn
        if csv is not None:
            if labels is not None or count != 1 or seed != 0:
                raise InputError(
                    "expected either csv or labels, count and seed, got both: the table already holds them"
                )
            self.requests = read_requests(Path(csv).expanduser())
        else:
            self.requests = make_requests(labels, count, seed)

    def predict_dataloader(self) -> DataLoader:
        generator: Any = getattr(self.trainer, "lightning_module", None)
        y, size = self.requests.y, self.batch_size
        if size == "auto":
            size = 16 if generator is None else generator.fitting_batch_size(y, -(-len(y) // world()[1]))
        loader = ordered_loader(self.requests, size, num_workers=0, what="requested samples")
        leading = sum(1 for _ in takewhile(self.drawn.__contains__, loader.sampler))
        loader.leave_out(epoch=0, batches=leading // int(loader.batch_size or 1))  # whole batches round alike
        return loader


def check_batch_size(batch_size: BatchSize, name: str = "batch_size") -> None:
    """Refuse a batch size that is neither a number of samples nor ``auto``.

    Raises:
        InputError: names the setting and its value.
    """
    if batch_size != "auto" and (isinstance(batch_size, bool) or batch_size not in read_interval(BATCH)):
        raise InputError(f"expected {name} of at most 1,000,000, at least 1, or auto, got {batch_size}: correct it")


def check_seeds(seed: int, count: int) -> None:
    """Refuse ``count`` seeds from ``seed`` on, of which one is out of range.

    Raises:
        InputError: a seed is negative or too large.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= SEED_LIMIT - count:
        raise InputError(f"expected seeds from 0 to 2^63 - 1, got {seed} and {count - 1} more: correct seed")


def make_requests(labels: Sequence[int] | None, count: int, seed: int) -> RequestList:
    """Requests for ``count`` samples of each label, with the seeds ``seed`` to ``seed + count - 1``.

    Raises:
        InputError: a label is no digit, ``count`` is below 1, or a seed is negative or too large.
    """
    check_ranges(count=(count, COUNT))
    check_seeds(seed, count)
    unlabelled = labels is not None and len(labels) == 0
    if not unlabelled:
        check_labels(labels)
    chosen = [NO_LABEL] if unlabelled else labels or range(len(DIGITS))
    return RequestList(
        [label for label in chosen for _ in range(count)], [seed + j for _ in chosen for j in range(count)]
    )


def read_requests(path: Path) -> RequestList:
    """Requests from a table with the columns ``label`` and ``seed``; others are ignored.

    Raises:
        InputError: the table is missing, unreadable or empty, lacks a column, or holds a bad value (with its line).
    """
    labels, seeds = [], []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            missing = {"label", "seed"} - set(table.fieldnames or ())
            if missing:
                raise InputError(
                    f"expected the columns label and seed in {path}, it lacks {' and '.join(sorted(missing))}: add it"
                )
            for row in table:
                where = f"{path}, line {table.line_num}"
                labels.append(parse_label(row["label"] or "", where))
                seeds.append(_parse_seed(row["seed"] or "", where))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"expected a table with the columns label and seed, but {path} cannot be read ({error})"
        ) from error
    if not labels:
        raise InputError(f"expected at least one request in {path}, found none: add a row with a label and a seed")
    return RequestList(labels, seeds)


def _parse_seed(text: str, place: str) -> int:
    try:
        if (seed := parse_whole(text.strip())) < SEED_LIMIT:
            return seed
    except ValueError:
        pass
    raise InputError(f"expected a seed from 0 to 2^63 - 1 in {place}, got {text[:40]!r}: correct the table")
