"""Pictures of log-Mel spectrograms in a grid, and of which digit was heard as which."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lightning_modules.new_files import new_file


def save_mel_grid(path: Path, rows: Sequence[tuple[str, Tensor]], columns: Sequence[str], title: str = "") -> None:
    """Draw log-Mels in a labelled grid, low frequencies at the bottom, and write it as PNG.

    Args:
        path: file to write; replaced as a whole.
        rows: label and scaled log-Mels ``(columns, F, L)`` of each row.
        columns: label of each column.
        title: text above the grid.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = len(rows), max(len(mels) for _, mels in rows)
    figure = Figure(figsize=(1.1 + 1.25 * width, 0.45 + 1.45 * height), dpi=100, layout="constrained")
    axes = figure.subplots(height, width, squeeze=False)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for row, (label, mels) in zip(axes, rows, strict=True):
        row[0].set_ylabel(label, fontsize=9)
        for axis, mel in zip(row, mels.detach().float().cpu(), strict=False):
            axis.imshow(mel.numpy(), origin="lower", aspect="auto", vmin=-1.0, vmax=1.0, cmap="magma")
    for axis, label in zip(axes[0], columns, strict=False):
        axis.set_title(label, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=10)
    _write(figure, path, FigureCanvasAgg)


def save_confusion(path: Path, counts: Sequence[Sequence[int]]) -> None:
    """Draw how often each intended digit (row) was heard as each digit (column), and write it as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.6), dpi=100, layout="constrained")
    axis = figure.subplots()
    largest = max(1, *(count for row in counts for count in row))
    axis.imshow([list(row) for row in counts], cmap="Blues", vmin=0, vmax=largest)
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            if count:
                axis.text(j, i, str(count), ha="center", va="center", color="white" if count > largest / 2 else "black")
    axis.set(xticks=range(len(counts)), yticks=range(len(counts)), xlabel="heard", ylabel="intended")
    _write(figure, path, FigureCanvasAgg)


def _write(figure: Any, path: Path, canvas: Any) -> None:
    with new_file(path) as temporary:
        canvas(figure).print_png(temporary)


def read_png(path: Path) -> Tensor:
    """Pixels ``(height, width, 3)`` in [0, 1] of a PNG file."""
    from matplotlib.image import imread

    return torch.from_numpy(imread(path)[..., :3].copy())
