"""`scoretap plot` draws metrics of many runs against a swept setting, and writes them as Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.descriptions import Description
from lightning_modules.evaluation.scoring.output import make_folder, write_text
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.tables.axes import KEYS, MEASURED, check_columns, labels, read
from lightning_modules.evaluation.tables.curves import save_curves, strokes
from lightning_modules.evaluation.tables.groups import Group, group_rows
from lightning_modules.evaluation.tables.markdown import format_heading
from lightning_modules.evaluation.tables.row_files import collect_rows, leave_out
from lightning_modules.evaluation.tables.sweep import Sweep, arrange, with_seen_accuracy
from lightning_modules.evaluation.tables.sweep_markdown import cheapest_sentence, format_sweep
from lightning_modules.locks import locked

SUFFIXES = (".png", ".svg", ".pdf")
Names = list[str] | str


def make_plot(
    runs: list[str],
    x: str = "guidance_scale",
    y: Names = ["fid", "accuracy"],  # noqa: B006  read only; jsonargparse shows it as the default
    lines: Names = "model",
    panels: Names | None = None,
    output: str = "plot.png",
    reference: str | None = None,
    where: dict[str, Any] | None = None,
) -> None:
    """Draw metrics of many runs against a swept setting: a row of axes for each metric, a column for each panel.

    Beside the picture goes the same as Markdown. Figures of different evaluators, corpora or references are not
    comparable, so each has a picture of its own. Runs that differ by their seed only are one point.

    Args:
        runs: run folders, searched for scores.json, or JSON files that `scoretap test` or `scoretap score` wrote.
        x: column of the x-axis, such as guidance_scale, nfe or gmacs_per_sample.
        y: columns of figures or costs, one or several.
        lines: columns whose values are lines of their own, such as model or sampler.
        panels: columns whose values are panels of their own, such as data (what the generative part was trained on)
            or guidance.
        output: picture to write, .png, .svg or .pdf; the Markdown goes beside it; both are written over.
        reference: name of a row that is drawn as a band. The Markdown then says which rows have its quality, and for
            which share of its cost.
        where: values of columns that rows must have, such as {guidance_scale: 3}; a list allows each of its values.

    Raises:
        InputError: a column is unknown, nothing can be drawn, or a file cannot be written.
    """
    ys, keys, wanted = _as_list(y), (_as_list(panels), _as_list(lines)), where or {}
    for option, names, known in (
        ("x", [x], MEASURED), ("y", ys, MEASURED), ("panels", keys[0], KEYS), ("lines", keys[1], KEYS),
        ("where", list(wanted), KEYS),
    ):  # fmt: skip
        check_columns(names, known, option)
    picture = _picture(output)
    groups = group_rows(collect_rows(runs))
    bands = _references(groups, reference)
    drawn = []
    for group, band in zip(groups, bands, strict=True):
        rows = [row for row in group.rows if row["kind"] in ("model", "folder") and _fits(row, wanted)]
        sweep = arrange(with_seen_accuracy(rows), x, *keys)
        if shown := [column for column in ys if _has_points(sweep, column)]:
            drawn.append((format_heading(group), sweep, shown, band))
    if not drawn:
        conditions = f", --where {wanted}," if wanted else ""
        raise InputError(f"nothing to draw: no row of a model{conditions} has {x} and one of {', '.join(ys)}")
    with locked(picture, otherwise="give another --output"):
        _write(picture, drawn, keys)


Drawn = tuple[str, Sweep, list[str], Row | None]  # heading, marks, figures that there are, reference


def _write(picture: Path, drawn: Sequence[Drawn], keys: tuple[list[str], list[str]]) -> None:
    """Write a picture for each group and one document for all."""
    sections = []
    for number, (heading, sweep, ys, reference) in enumerate(drawn, 1):
        path = picture if number == 1 else picture.with_name(f"{picture.stem}_{number}{picture.suffix}")
        save_curves(path, sweep, ys, heading, reference)
        print(path)
        sections.append(format_sweep(sweep, ys, keys, heading, reference))
    document = picture.with_suffix(".md")
    write_text(document, "\n\n".join(sections) + "\n")
    print(document)
    for _, sweep, _, reference in drawn:
        if reference is not None:
            print(cheapest_sentence(sweep, reference))


def _as_list(names: Names | None) -> list[str]:
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _picture(output: str) -> Path:
    """Check the path of the picture and make its folder."""
    path = Path(output).expanduser()
    if path.suffix not in SUFFIXES:
        raise InputError(f"expected an --output that ends in .png, .svg or .pdf, got {output!r}")
    make_folder(path.parent, f"of {output!r}")
    return path


def _references(groups: Sequence[Group], name: str | None) -> list[Row | None]:
    """Find the row of that name in each group, None where there is none."""
    matches = [[row for row in group.rows if row.name == name] for group in groups]
    several = next((rows for rows in matches if len(rows) > 1), None)
    if several is not None:
        files = ", ".join(row.file for row in several)
        raise InputError(f"--reference {name!r} names {len(several)} rows ({files}): draw the runs of one of them")
    if name is not None and not any(matches):
        names = sorted({row.name for group in groups for row in group.rows})
        raise InputError(f"--reference names no row {name!r}: expected one of {'; '.join(names)}")
    return [rows[0] if rows else None for rows in matches]


def _fits(row: Row, where: dict[str, Any]) -> bool:
    """Whether a row has the wanted values, which may be written as in the plot."""
    for column, wanted in where.items():
        value = read(row, column)
        allowed = wanted if isinstance(wanted, list) else [wanted]
        texts = [labels(column, [value])[value], *([str(value)] if isinstance(value, Description) else [])]
        if not any(each in allowed for each in (value, *texts)):
            return False
    return True


def _has_points(sweep: Sweep, y: str) -> bool:
    """Whether ``y`` can be drawn; if not, it is named on standard error."""
    found = any(mark.row[column] is not None for mark in sweep.marks for column, _ in strokes(sweep, y))
    if sweep.marks and not found:
        leave_out(f"{y}: no row has it")
    return found
