"""Judging folders of generated speech with a separately trained evaluator: `scoretap score`."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jsonargparse import ArgumentError, ArgumentParser
from torch import Tensor

from lightning_modules.checkpoints import find_checkpoint, load_module
from lightning_modules.errors import InputError
from lightning_modules.evaluator import EvaluatorModule
from lightning_modules.metrics import IntraClassDiversity
from lightning_modules.parser_errors import first_sentence

WaveformBatches = Iterable[tuple[Tensor, Tensor]]


class Scores(NamedTuple):
    """One row of the table.

    Attributes:
        name: what was judged.
        count: number of clips.
        accuracy: share of clips in which the evaluator hears the intended digit; NaN without labels.
        confidence: mean of the evaluator's largest class probability.
        diversity: root mean square distance of two clips of one class in the evaluator's features.
    """

    name: str
    count: int
    accuracy: float
    confidence: float
    diversity: float


@torch.no_grad()
def judge(evaluator: EvaluatorModule, name: str, batches: WaveformBatches) -> Scores:
    """Scores of waveforms ``(B, N)`` with intended digits ``(B,)``, -1 for none.

    Where a clip has no intended digit, diversity takes the class that the evaluator hears.
    """
    evaluator.eval()
    diversity = IntraClassDiversity(evaluator.network.num_features)
    correct, labelled, confidence, count = 0, 0, 0.0, 0
    for waveform, y in batches:
        log_probs, features = evaluator(waveform.to(evaluator.device))
        heard = log_probs.argmax(dim=1).cpu()
        correct += int((heard == y).sum())
        labelled += int((y >= 0).sum())
        confidence += float(log_probs.amax(dim=1).exp().sum())
        count += len(y)
        diversity.update(features.cpu(), torch.where(y >= 0, y, heard))
    accuracy = correct / labelled if labelled else float("nan")
    return Scores(name, count, accuracy, confidence / count, float(diversity.compute()))


def load_evaluator(path: str | Path) -> EvaluatorModule:
    """The evaluator stored at ``path``.

    Raises:
        InputError: the file is missing, damaged, or holds something else.
    """
    module = load_module(find_checkpoint(str(path)))
    if not isinstance(module, EvaluatorModule):
        raise InputError(f"expected an evaluator's checkpoint, {str(path)!r} holds a {type(module).__name__}")
    return module


def folder_batches(
    folder: Path, sample_rate: int, num_samples: int, batch_size: int = 64
) -> list[tuple[Tensor, Tensor]]:
    """Clips and intended digits of a folder that `scoretap predict` wrote; silence is judged as any other clip.

    Raises:
        InputError: there is no manifest, it lacks columns, or a clip cannot be read.
    """
    from datamodules.audio_files import ClipReader

    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        raise InputError(f"no manifest.csv in {str(folder)!r}: expected a folder written by scoretap predict")
    with open(manifest, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"file", "label"} <= rows[0].keys():
        raise InputError(f"{str(manifest)!r} must hold rows with the columns file and label: draw the samples again")
    reader = ClipReader(sample_rate, num_samples, dither=0.0, seed=0, allow_silent=True)
    clips = torch.stack([reader.read(folder, row["file"]) for row in rows])
    y = torch.tensor([int(row["label"]) if row["label"] else -1 for row in rows])
    return list(zip(clips.split(batch_size), y.split(batch_size), strict=True))


def write_scores(path: Path, rows: list[Scores]) -> None:
    """Write ``rows`` as CSV under a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Scores._fields)
        writer.writerows([row.name, row.count, *(f"{value:.6f}" for value in row[2:])] for row in rows)
    temporary.replace(path)


def format_scores(rows: list[Scores]) -> str:
    """``rows`` as a text table; diversity relative to the first row."""
    lines = [f"{'':<28}{'clips':>6}{'accuracy':>10}{'confidence':>12}{'diversity':>11}{'of first row':>14}"]
    for row in rows:
        share = row.diversity / rows[0].diversity
        lines.append(
            f"{row.name:<28}{row.count:>6}{row.accuracy:>10.1%}{row.confidence:>12.3f}{row.diversity:>11.3f}{share:>14.0%}"
        )
    return "\n".join(lines)


def score_folders(folders: list[str], evaluator: str, output: str = "scores.csv") -> None:
    """Judge folders of generated speech with a separately trained evaluator.

    Args:
        folders: folders written by `scoretap predict`.
        evaluator: checkpoint of an evaluator, trained by `scoretap fit` on clean recordings of the same language.
        output: CSV file to write, one row per folder.
    """
    judge_module = load_evaluator(evaluator)
    fe = judge_module.front_end
    rows = [
        judge(judge_module, folder, folder_batches(Path(folder), fe.sample_rate, fe.num_samples)) for folder in folders
    ]
    write_scores(Path(output), rows)
    print(format_scores(rows))


def score_command(args: list[str]) -> None:
    """`scoretap score FOLDER ... --evaluator CKPT [--output CSV]`: see :func:`score_folders`.

    Raises:
        InputError: the arguments do not fit.
    """
    parser = ArgumentParser(prog="scoretap score", description=score_folders.__doc__, exit_on_error=False)
    parser.add_argument("folders", nargs="+", type=str, help="folders written by scoretap predict")
    parser.add_argument("--evaluator", type=str, required=True, help="checkpoint of an evaluator")
    parser.add_argument("--output", type=str, default="scores.csv", help="CSV file to write, one row per folder")
    try:
        given = parser.parse_args(args)
    except ArgumentError as error:
        raise InputError(first_sentence(error)) from error
    score_folders(given.folders, given.evaluator, given.output)


def split_batches(dataset: Any, limit: int | None = None, batch_size: int = 64) -> WaveformBatches:
    """Waveforms and digits of a split whose front end is ``Waveform``: the first ``limit`` clips of a seeded order."""
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))[:limit]
    for rows in order.split(batch_size):
        batch = dataset.__getitems__(rows.tolist())
        yield batch.x_0, batch.y
