"""The table of drawn samples, and what a run that was cut short leaves of it."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MANIFEST = "manifest.csv"
COLUMNS = (
    "file", "label", "seed", "guidance_scale", "guidance", "num_steps", "sampler", "nfe", "seconds", "checkpoint",
)  # fmt: skip
_PARTS = ".manifest.rank*.csv"


class ManifestPart:
    """Rows of one process, each on disk as soon as it is added.

    Args:
        folder: folder of the samples; all processes must see the same.
        rank: number of the process.
        go_on: whether whole rows of an earlier run stay; the last one may have been cut short.
    """

    def __init__(self, folder: Path, rank: int, go_on: bool = False) -> None:
        self.path = folder / f".manifest.rank{rank}.csv"
        kept = _rows(self.path) if go_on and self.path.exists() else []
        temporary = self.path.with_suffix(".tmp")
        with open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, ("index", *COLUMNS))
            writer.writeheader()
            writer.writerows(kept)
        temporary.replace(self.path)

    def add(self, index: int, row: dict[str, Any]) -> None:
        """Append the ``row`` of request ``index``."""
        with open(self.path, "a", newline="") as file:
            csv.DictWriter(file, ("index", *COLUMNS)).writerow({"index": index, **row})


def sample_file(index: int, label: int, seed: int) -> str:
    """Name of the file of request ``index``, such as ``00012_3_seed7.wav``; label -1 is ``any``."""
    return f"{index:05d}_{label if label >= 0 else 'any'}_seed{seed}.wav"


def drawn_files(folder: Path) -> set[str]:
    """Names of the samples in ``folder`` that a manifest or a part of one holds and that are there."""
    names = {row["file"] for manifest in earlier_manifests(folder) for row in _rows(manifest)}
    return {name for name in names if (folder / name).is_file()}


def merge_parts(folder: Path, go_on: bool = False) -> int:
    """Write all parts in the order of requests as one manifest, rename it into place, and remove the parts.

    Args:
        folder: folder of the samples.
        go_on: whether rows of a manifest that is already there stay; its files are named by :func:`sample_file`.

    Returns:
        Number of samples.
    """
    parts = sorted(folder.glob(_PARTS))
    earlier = _rows(folder / MANIFEST) if go_on and (folder / MANIFEST).exists() else []
    rows = {int(row["file"].partition("_")[0]): row for row in earlier}
    rows |= {int(row.pop("index")): row for part in parts for row in _rows(part)}
    temporary = folder / f".{MANIFEST}.tmp"
    with open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows[index] for index in sorted(rows))
    temporary.replace(folder / MANIFEST)
    _remove(parts)
    return len(rows)


def earlier_manifests(folder: Path) -> list[Path]:
    """The manifest in ``folder``, and parts that a killed run left there."""
    return [path for path in (*sorted(folder.glob(_PARTS)), folder / MANIFEST) if path.exists()]


def remove_samples(folder: Path) -> None:
    """Remove the manifests in ``folder`` and the files in it that they name; nothing else, and nothing elsewhere."""
    manifests = earlier_manifests(folder)
    names = {row.get("file") or "" for manifest in manifests for row in _rows(manifest)}
    _remove(folder / name for name in names if name and Path(name).name == name)
    _remove(manifests)  # last: until then they tell what is left to remove


def _rows(manifest: Path) -> list[dict[str, Any]]:
    """Whole rows; a process that was killed may have left a piece of one at the end."""
    with open(manifest, newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values() and None not in row]


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_file():
            path.unlink()
