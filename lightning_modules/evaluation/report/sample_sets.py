"""Reads samples and scores from the folders that `scoretap test` and `scoretap predict` leave."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datamodules.manifest import MANIFEST, PARTS, SETTINGS, Entry, earlier_manifests, read_manifest
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.tables.row_files import SCORES, leave_out, leaving_out, read_each, read_rows

# Folders of a run whose names say nothing of the model.
_PASSED_OVER = re.compile(r"version_\d+|test|checkpoints|samples|guidance=.*", re.IGNORECASE)


@dataclass(frozen=True)
class SampleSet:
    """Samples of one model and one set of settings."""

    folder: Path  # where they lie
    # File by digit (NO_LABEL: none was asked for) and seed, in the order of the manifest.
    samples: dict[tuple[int, int], Path]
    model: str  # what the row of scores calls the model, without γ; else the name of the run
    run: str  # name of the run
    scale: float | None  # guidance scale γ; None where the manifest does not say
    way: str  # sampler and steps
    rows: list[Row] = field(default_factory=list)  # of its scores.json; empty without one


def collect_samples(runs: Sequence[str]) -> list[SampleSet]:
    """Read the folders of samples in ``runs``, each once, in the order given and then by name.

    What cannot be used is named on standard error and left out.

    Raises:
        InputError: nothing is left.
    """
    found = read_each(runs, _find_folders, read_samples)
    if not found:
        raise InputError(
            f"expected folders with samples and their {MANIFEST}, got none from {', '.join(map(repr, runs))}: run "
            "`scoretap test` or `scoretap predict` first"
        )
    return found


def read_samples(folder: Path) -> SampleSet:
    """Read the samples of one folder; a ``scores.json`` that cannot be read is named on standard error and left out.

    Raises:
        InputError: the manifest is missing or damaged, or none of its samples is there.
    """
    if not (folder / MANIFEST).is_file():
        raise InputError(f"{str(folder)!r}: drawing samples did not finish, there is no {MANIFEST}: run it again")
    entries = read_manifest(folder)
    samples: dict[tuple[int, int], Path] = {}
    for entry in entries:
        samples.setdefault((entry.label, entry.seed), folder / entry.file)
    present = {key: file for key, file in samples.items() if file.is_file()}
    if not present:
        raise InputError(f"{str(folder)!r}: none of the {len(samples)} samples in its {MANIFEST} is there")
    if len(present) < len(samples):
        leave_out(f"{len(samples) - len(present)} of {len(samples)} samples of {str(folder)!r}: the files are missing")
    rows = _read_scores(folder / SCORES)
    run, row = _run_name(folder), rows[0] if rows else None
    return SampleSet(folder, present, _model_name(row) or run, run, _scale(entries), _way(row, entries[0]), rows)


def _find_folders(run: Path) -> list[Path]:
    """Find folders below ``run`` that hold samples, also of a run that did not finish."""
    if not run.is_dir():
        raise InputError(f"{str(run)!r}: {'a file, expected a run folder' if run.exists() else 'no such folder'}")
    marks = (MANIFEST, PARTS, SETTINGS)
    folders = sorted({file.parent for mark in marks for file in run.rglob(mark)})
    folders = [each for each in folders if earlier_manifests(each) or _is_settings(each / SETTINGS)]
    if not folders:
        raise InputError(f"{str(run)!r}: no samples in this folder")
    return folders


def _is_settings(file: Path) -> bool:
    """Whether a ``settings.json`` belongs to samples; other programs write files of this name."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(stored, dict) and {"guidance_scale", "sampler", "seed"} <= stored.keys()


def _read_scores(file: Path) -> list[Row]:
    with leaving_out():
        return read_rows(file) if file.is_file() else []
    return []


def _scale(entries: Sequence[Entry]) -> float | None:
    """Return the guidance scale, the largest of all rows: those without a digit have 0, whatever was set."""
    scales = (entry.guidance_scale for entry in entries)
    return max((scale for scale in scales if scale is not None), default=None)


def _model_name(row: Row | None) -> str:
    """Name a model by its row, without the guidance scale, which the page shows apart; empty for other rows."""
    if row is None or row["kind"] != "model":
        return ""
    scale = row["guidance_scale"]
    return row.name if scale is None else row.name.replace(f", γ = {scale:g}", "")


def _way(row: Row | None, sample: Entry) -> str:
    """Name sampler and steps, by the row of scores or else by the manifest."""
    sampler = row["sampler"].name if row and row["sampler"] else sample.cells.get("sampler") or ""
    steps = (row and row["num_steps"]) or sample.cells.get("num_steps")
    return ", ".join(part for part in (sampler, f"{steps} steps" if steps else "") if part)


def _run_name(folder: Path) -> str:
    parts = [part for part in folder.resolve().parts if not _PASSED_OVER.fullmatch(part)]
    return parts[-1]
