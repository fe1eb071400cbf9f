"""Reads samples and scores from the folders that `scoretap test` and `scoretap predict` leave."""

import csv
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callbacks.sample_folder import SETTINGS
from datamodules.corpus_layout import DIGITS
from datamodules.manifest import MANIFEST, earlier_manifests
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.folders import NO_LABEL
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.tables.row_files import SCORES, read_rows

# Folders of a run whose names say nothing of the model.
_PASSED_OVER = re.compile(r"version_\d+|test|checkpoints|samples|guidance=.*", re.IGNORECASE)


@dataclass(frozen=True)
class SampleSet:
    """Samples of one model and one set of settings.

    Attributes:
        folder: where they lie.
        samples: file by digit (:data:`NO_LABEL`: none was asked for) and seed, in the order of the manifest.
        model: what the row of scores calls the model, without γ; else the name of the run.
        run: name of the run.
        scale: guidance scale γ; None where the manifest does not say.
        way: sampler and steps.
        rows: of its ``scores.json``; empty without one.
    """

    folder: Path
    samples: dict[tuple[int, int], Path]
    model: str
    run: str
    scale: float | None
    way: str
    rows: list[Row] = field(default_factory=list)


def collect_samples(runs: Sequence[str]) -> list[SampleSet]:
    """Read the folders of samples in ``runs``, each once, in the order given and then by name.

    What cannot be used is named on standard error and left out.

    Raises:
        InputError: nothing is left.
    """
    found: dict[Path, SampleSet] = {}
    for run in runs:
        try:
            folders = _find_folders(Path(run).expanduser())
        except InputError as error:
            leave_out(error)
            continue
        for folder in folders:
            try:
                if folder.resolve() not in found:
                    found[folder.resolve()] = read_samples(folder)
            except InputError as error:
                leave_out(error)
    if not found:
        raise InputError(
            f"expected folders with samples and their {MANIFEST}, got none from {', '.join(map(repr, runs))}: run "
            "`scoretap test` or `scoretap predict` first"
        )
    return list(found.values())


def read_samples(folder: Path) -> SampleSet:
    """Read the samples of one folder; a ``scores.json`` that cannot be read is named on standard error and left out.

    Raises:
        InputError: the manifest is missing or damaged, or none of its samples is there.
    """
    if not (folder / MANIFEST).is_file():
        raise InputError(f"{str(folder)!r}: drawing samples did not finish, there is no {MANIFEST}: run it again")
    table = _read_manifest(folder / MANIFEST)
    samples: dict[tuple[int, int], Path] = {}
    for row in table:
        samples.setdefault((row["label"], row["seed"]), folder / row["file"])
    present = {key: file for key, file in samples.items() if file.is_file()}
    if not present:
        raise InputError(f"{str(folder)!r}: none of the {len(samples)} samples in its {MANIFEST} is there")
    if len(present) < len(samples):
        leave_out(f"{len(samples) - len(present)} of {len(samples)} samples of {str(folder)!r}: the files are missing")
    rows = _read_scores(folder / SCORES)
    run, row = _run_name(folder), rows[0] if rows else None
    return SampleSet(folder, present, _model_name(row) or run, run, _scale(table), _way(row, table[0]), rows)


def leave_out(what: InputError | str) -> None:
    """Name on standard error what is not on the page."""
    print(f"scoretap: left out {what}", file=sys.stderr)


def _find_folders(run: Path) -> list[Path]:
    """Folders below ``run`` that hold samples, or would if the run that draws them had finished."""
    if not run.is_dir():
        raise InputError(f"{str(run)!r}: {'a file, expected a run folder' if run.exists() else 'no such folder'}")
    marks = (MANIFEST, ".manifest.rank*.csv", SETTINGS)
    folders = sorted({file.parent for mark in marks for file in run.rglob(mark)})
    folders = [each for each in folders if earlier_manifests(each) or _is_settings(each / SETTINGS)]
    if not folders:
        raise InputError(f"{str(run)!r}: no samples in this folder")
    return folders


def _is_settings(file: Path) -> bool:
    """Whether a ``settings.json`` is of samples; other programs write files of this name."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(stored, dict) and {"guidance_scale", "sampler", "seed"} <= stored.keys()


def _read_manifest(manifest: Path) -> list[dict[str, Any]]:
    """Rows with ``label`` and ``seed`` as numbers and ``file`` as a name in the manifest's own folder."""
    try:
        with open(manifest, newline="", encoding="utf-8") as file:
            table: list[dict[str, Any]] = list(csv.DictReader(file, strict=True))
        if not table:
            raise ValueError("no rows")
        for number, row in enumerate(table, 1):
            if None in row or None in row.values():
                raise ValueError(f"row {number} cut short")
            if missing := {"file", "label", "seed"} - row.keys():
                raise ValueError(f"no column {min(missing)}")
            name, label, seed = row["file"], row["label"], row["seed"]
            if not name or Path(name).name != name or "\\" in name or Path(name).suffix.lower() != ".wav":
                raise ValueError(f"{name!r} as file of row {number}")
            if label and label not in map(str, range(len(DIGITS))):
                raise ValueError(f"{label!r} as digit of row {number}")
            row["label"], row["seed"] = int(label) if label else NO_LABEL, int(seed)
            row["scale"] = float(row["guidance_scale"]) if row.get("guidance_scale") else None
    except (OSError, ValueError, csv.Error) as error:  # bad UTF-8 is a ValueError
        raise InputError(f"{str(manifest.parent)!r}: its {MANIFEST} is damaged ({error}): draw them again") from error
    return table


def _read_scores(file: Path) -> list[Row]:
    if not file.is_file():
        return []
    try:
        return read_rows(file)
    except InputError as error:
        leave_out(error)
        return []


def _scale(table: Sequence[dict[str, Any]]) -> float | None:
    """The guidance scale; rows without a digit have 0, whatever was set, so the largest counts."""
    return max((row["scale"] for row in table if row["scale"] is not None), default=None)


def _model_name(row: Row | None) -> str:
    """Name of a model's row without its guidance scale, which the page shows apart; empty for other rows."""
    if row is None or row["kind"] != "model":
        return ""
    scale = row["guidance_scale"]
    return row.name if scale is None else row.name.replace(f", γ = {scale:g}", "")


def _way(row: Row | None, sample: dict[str, Any]) -> str:
    """Sampler and steps, of the row of scores or else of the manifest."""
    sampler = row["sampler"].name if row and row["sampler"] else sample.get("sampler") or ""
    steps = (row and row["num_steps"]) or sample.get("num_steps")
    return ", ".join(part for part in (sampler, f"{steps} steps" if steps else "") if part)


def _run_name(folder: Path) -> str:
    parts = [part for part in folder.resolve().parts if not _PASSED_OVER.fullmatch(part)]
    return parts[-1]
