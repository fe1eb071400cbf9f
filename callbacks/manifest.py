"""The table of drawn samples, and what a run that was cut short leaves of it."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MANIFEST = "manifest.csv"
COLUMNS = ("file", "label", "seed", "guidance_scale", "num_steps", "sampler", "nfe", "checkpoint")
_PARTS = ".manifest.rank*.csv"


class ManifestPart:
    """Rows of one process, each on disk as soon as it is added.

    Args:
        folder: folder of the samples; all processes must see the same.
        rank: number of the process.
    """

    def __init__(self, folder: Path, rank: int) -> None:
        self.path = folder / f".manifest.rank{rank}.csv"
        with open(self.path, "w", newline="") as file:
            csv.writer(file).writerow(("index", *COLUMNS))

    def add(self, index: int, row: dict[str, Any]) -> None:
        """Append the ``row`` of request ``index``."""
        with open(self.path, "a", newline="") as file:
            csv.DictWriter(file, ("index", *COLUMNS)).writerow({"index": index, **row})


def merge_parts(folder: Path) -> int:
    """Write all parts in the order of requests as one manifest, rename it into place, and remove the parts.

    Returns:
        Number of samples.
    """
    parts = sorted(folder.glob(_PARTS))
    rows = {int(row.pop("index")): row for part in parts for row in _rows(part)}
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
    with open(manifest, newline="") as file:
        return list(csv.DictReader(file))


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_file():
            path.unlink()
