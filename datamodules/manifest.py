"""The manifest lists the samples of a folder: which file holds which digit and seed, and how it was drawn."""

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from datamodules.corpus_layout import DIGITS
from datamodules.new_files import new_file
from lightning_modules.errors import InputError
from lightning_modules.labels import NO_LABEL, format_label, parse_label
from lightning_modules.ranges import parse_number, parse_whole

MANIFEST = "manifest.csv"
PARTS = ".manifest.rank*.csv"  # one of each process, until all samples are drawn
UNFINISHED = ".unfinished.json"  # settings of a `scoretap predict` that is not through yet
SETTINGS, COST = "settings.json", "cost.json"  # beside the manifest of `scoretap test`
COLUMNS = (
    "file", "label", "seed", "guidance_scale", "guidance", "num_steps", "sampler", "nfe", "seconds", "checkpoint",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One sample as a manifest lists it."""

    file: str  # where it lies in the manifest's folder
    label: int  # digit that was asked for, NO_LABEL for none
    cells: dict[str, str]  # text of every column by its name, of COLUMNS where scoretap drew the sample

    @property
    def seed(self) -> int:
        """Seed of the sample's noise; only samples of scoretap have one."""
        return parse_whole(self.cells["seed"])

    @property
    def guidance_scale(self) -> float | None:
        """Guidance scale γ; None where the manifest does not say."""
        text = self.cells.get("guidance_scale")
        return parse_number(text) if text else None


def read_manifest(folder: Path, drawn: bool = True) -> list[Entry]:
    """Read the entries of the manifest in ``folder``, in its order.

    Args:
        folder: holds the manifest.
        drawn: whether only a whole manifest of samples that scoretap drew will do: each entry has a seed, and its file
            is a WAV in the folder itself. Otherwise files and labels suffice, and files may lie in sub-folders, but
            not elsewhere.

    Raises:
        InputError: the manifest is missing or damaged.
    """
    try:
        with open(folder / MANIFEST, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=drawn))
        needed = ("file", "label", "seed") if drawn else ("file", "label")
        if not rows or not set(needed) <= rows[0].keys():
            raise ValueError(f"it must hold rows with the columns {', '.join(needed[:-1])} and {needed[-1]}")
        for number, row in enumerate(rows, 1):
            (_check_row if drawn else _check_place)(row, number)
        return [Entry(row["file"] or "", _read_label(row["label"] or ""), row) for row in rows]
    except (OSError, ValueError, csv.Error) as error:  # bad UTF-8 is a ValueError
        raise InputError(f"{str(folder)!r}: its {MANIFEST} is damaged ({error}): draw the samples again") from error


def _check_row(row: dict[str, Any], number: int) -> None:
    """Refuse by a ValueError a row that scoretap does not write."""
    if not _is_whole(row):
        raise ValueError(f"row {number} cut short")
    name = row["file"]
    if not name or Path(name).name != name or "\\" in name or Path(name).suffix.lower() != ".wav":
        raise ValueError(f"{name!r} as file of row {number}")
    entry = Entry(name, NO_LABEL, row)
    _ = entry.seed, entry.guidance_scale  # both must be numbers


def _check_place(row: dict[str, Any], number: int) -> None:
    """Refuse by a ValueError a file outside the manifest's folder."""
    name = row["file"] or ""
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.name or path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive or "\0" in name:
        raise ValueError(f"{name!r} as file of row {number}, expected one in the folder or below it")


def _read_label(text: str) -> int:
    if text and text not in map(str, range(len(DIGITS))):
        raise ValueError(f"{text!r} as label, expected digits 0 to 9, or none")
    return parse_label(text)


class ManifestPart:
    """Lists the samples of one process; each is on disk as soon as it is added.

    With ``go_on``, whole rows of an earlier run stay; its last one may have been cut short.
    """

    def __init__(self, folder: Path, rank: int, go_on: bool = False) -> None:
        self.path = folder / PARTS.replace("*", str(rank))
        earlier = _whole_rows(self.path) if go_on and self.path.exists() else []
        _write_rows(self.path, ("index", *COLUMNS), earlier)

    def add(self, index: int, row: dict[str, Any]) -> None:
        """Append the ``row`` of request ``index``."""
        with open(self.path, "a", newline="", opener=_open_in_place) as file:
            csv.DictWriter(file, ("index", *COLUMNS)).writerow({"index": index, **row})


def _open_in_place(path: str, flags: int) -> int:
    """Open a file that is there, and never through a link."""
    return os.open(path, (flags & ~os.O_CREAT) | getattr(os, "O_NOFOLLOW", 0))


def sample_file(index: int, label: int, seed: int) -> str:
    """Name the file of request ``index``, such as ``00012_3_seed7.wav``, or ``00012_any_seed7.wav`` without label."""
    return f"{index:05d}_{format_label(label) or 'any'}_seed{seed}.wav"


def drawn_files(folder: Path) -> set[str]:
    """List the samples in ``folder`` that are there and that a manifest or a part of one holds."""
    names = {row["file"] for manifest in earlier_manifests(folder) for row in _whole_rows(manifest)}
    return {name for name in names if (folder / name).is_file()}


def merge_parts(folder: Path, go_on: bool = False) -> int:
    """Write all parts in the order of requests as one manifest, and remove them; returns the number of samples.

    With ``go_on``, rows of a manifest that is already there stay; its files are named by :func:`sample_file`.
    """
    parts = sorted(folder.glob(PARTS))
    earlier = _whole_rows(folder / MANIFEST) if go_on and (folder / MANIFEST).exists() else []
    rows = {parse_whole(row["file"].partition("_")[0]): row for row in earlier}
    rows |= {parse_whole(row.pop("index")): row for part in parts for row in _whole_rows(part)}
    _write_rows(folder / MANIFEST, COLUMNS, [rows[index] for index in sorted(rows)])
    _remove(parts)
    return len(rows)


def earlier_manifests(folder: Path) -> list[Path]:
    """List the manifest in ``folder``, and parts that a killed run left there."""
    return [path for path in (*sorted(folder.glob(PARTS)), folder / MANIFEST) if path.exists()]


def remove_samples(folder: Path) -> None:
    """Remove the manifests in ``folder`` and the files in it that they name; nothing else, and nothing elsewhere."""
    manifests = earlier_manifests(folder)
    names = {row.get("file") or "" for manifest in manifests for row in _whole_rows(manifest)}
    _remove(folder / name for name in names if name and Path(name).name == name)
    _remove([folder / UNFINISHED])
    _remove(manifests)  # last: until then they tell what is left to remove


def _whole_rows(manifest: Path) -> list[dict[str, Any]]:
    """Read whole rows; a process that was killed may have left a piece of one at the end."""
    with open(manifest, newline="") as file:
        return [row for row in csv.DictReader(file) if _is_whole(row)]


def _is_whole(row: dict[Any, Any]) -> bool:
    return None not in row and None not in row.values()


def _write_rows(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    with new_file(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_file():
            path.unlink()
