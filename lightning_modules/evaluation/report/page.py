"""Writes the HTML of the page from columns, rows and scores; style and behaviour are files beside this one."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from lightning_modules.audio import LogMel
from lightning_modules.evaluation.report.page_columns import Line, PlayerClip, PlayerColumn, digit, digit_name, lines_of
from lightning_modules.evaluation.report.score_tables import format_scores
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.labels import NO_LABEL

_FILES = ("page.css", "page.js", "blind.js")


def write_page(folder: Path, columns: Sequence[PlayerColumn], scores: Sequence[Row]) -> None:
    """Write ``index.html`` and the files that it needs, beside the sounds and pictures that are already there."""
    low, high = _decibel_range()
    lines = lines_of(columns)
    count = sum(len(column.clips) for column in columns)
    parts = {
        "identity": _identity(folder, columns),
        "summary": f"{_number(count, 'clip')} in {_number(len(columns), 'column')}; digits and seeds as rows",
        "filters": "\n".join(_filters(columns, lines)),
        "tables": "\n".join(_tables(columns, lines)),
        "scores": format_scores(scores),
        "low": f"{low:.0f}".replace("-", "−"),
        "high": f"{high:.0f}",
    }
    source = files("lightning_modules.evaluation.report")
    for name in _FILES:
        (folder / name).write_bytes(source.joinpath(name).read_bytes())
    template = Template(source.joinpath("page.html").read_text(encoding="utf-8"))
    (folder / "index.html").write_text(template.substitute(parts), encoding="utf-8")


def _tables(columns: Sequence[PlayerColumn], lines: Sequence[Line]) -> Iterable[str]:
    """Yield a table of players for samples that were guided towards a digit, and one for those that were not."""
    guided = [line for line in lines if line.label != NO_LABEL]
    for title, part in (("A digit was asked for", guided), ("No digit was asked for", lines[len(guided) :])):
        shown = {i: column for i, column in enumerate(columns) if any(line in column.clips for line in part)}
        if not part:
            continue
        heading = f"<h2>{title}</h2>" if 0 < len(guided) < len(lines) else ""
        head = "".join(
            f'<th scope="col" {_column_data(i, column)}><span class="model">{escape(column.model)}</span> '
            f"{_scale_badge(column)}<small>{escape(column.way)}</small></th>"
            for i, column in shown.items()
        )
        body = "".join(
            f"<tbody>{''.join(_row(shown, line) for line in part if line.label == label)}</tbody>"
            for label in dict.fromkeys(line.label for line in part)
        )
        yield (
            f'{heading}<table class="players" style="--columns: {len(shown)}"><caption class="unseen">{title}: '
            f"a column for each model, a row for each digit and seed</caption><thead>"
            f'<tr><td class="corner"></td>{head}</tr>'
            f"</thead>{body}</table>"
        )


def _row(columns: dict[int, PlayerColumn], line: Line) -> str:
    seeds = [column.clips[line].seed for column in columns.values() if line in column.clips]
    drawn = [seed for seed in seeds if seed is not None]
    shared = max(set(drawn), key=lambda seed: (drawn.count(seed), -seed)) if drawn else None
    number = "?" if line.label == NO_LABEL else str(line.label)
    beside = "" if shared is None else f"<small>seed {shared}</small>"
    cells = [
        f'<th scope="row"><span class="digit" aria-hidden="true">{number}</span>'
        f'<span class="word">{digit_name(line.label)}{beside}</span>'
        f'<button type="button" class="row-play" aria-label="Play the row {digit_name(line.label)}, '
        f'{"recordings" if shared is None else f"seed {shared}"}">play row</button></th>'
    ]
    for i, column in columns.items():
        if line in column.clips:
            cells.append(_cell(i, column, column.clips[line], line.label, shared))
        else:
            cells.append(f'<td {_column_data(i, column)} class="empty"><span class="unseen">no sample</span></td>')
    return f'<tr data-digit="{digit(line.label)}">{"".join(cells)}</tr>'


def _cell(number: int, column: PlayerColumn, clip: PlayerClip, label: int, shared: int | None) -> str:
    what = clip.note or f"seed {clip.seed}"
    name = escape(f"{column.name}: {digit_name(label)}, {what}")
    unlike_row = clip.seed is not None and clip.seed != shared
    note = f"<small>{escape(what)}</small>" if unlike_row or clip.note not in ("", "recording") else ""
    media = clip.media
    loudness = "" if math.isinf(media.loudness) else f"{media.loudness:.2f}"
    return (
        f'<td {_column_data(number, column)}><span class="who" aria-hidden="true">{escape(column.model)} '
        f"{_scale_badge(column)}<small>{escape(column.way)}</small></span>"
        f'<button type="button" class="clip" aria-label="Play {name}" data-name="{name}" '
        f'data-word="{digit_name(label)}" data-seed="{"" if clip.seed is None else clip.seed}" '
        f'data-loudness="{loudness}"><img src="{escape(media.picture)}" width="126" height="80" loading="lazy" '
        f'alt="Spectrogram of {name}"></button>'
        f'<audio controls preload="none" src="{escape(media.audio)}" aria-label="{name}"></audio>{note}</td>'
    )


def _filters(columns: Sequence[PlayerColumn], lines: Sequence[Line]) -> Iterable[str]:
    scales = sorted({column.scale for column in columns if column.scale is not None})
    yield _chips("digit", "Digit", [digit(line.label) for line in lines])
    yield _chips("model", "Model", [column.model for column in columns])
    yield _chips("scale", "γ", [f"{scale:g}" for scale in scales])


def _chips(name: str, legend: str, values: Sequence[str]) -> str:
    """Write boxes to tick, none of which means all; nothing where there is only one."""
    texts = [escape(value) for value in dict.fromkeys(values)]
    if len(texts) < 2:
        return ""
    chips = "".join(
        f'<label class="chip"><input type="checkbox" name="{name}" value="{text}"><span>{text}</span></label>'
        for text in texts
    )
    return f'    <fieldset><legend>{legend}</legend><div class="chips">{chips}</div></fieldset>'


def _column_data(number: int, column: PlayerColumn) -> str:
    scale = "" if column.scale is None else f"{column.scale:g}"
    model, way = escape(column.model), escape(column.way)
    return f'data-column="{number}" data-model="{model}" data-scale="{scale}" data-way="{way}"'


def _scale_badge(column: PlayerColumn) -> str:
    return "" if column.scale is None else f'<span class="scale-badge">γ = {column.scale:g}</span>'


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _decibel_range() -> tuple[float, float]:
    """Compute the Mel magnitudes of the darkest and the brightest colour, dB relative to 1."""
    fe = LogMel()
    return 20.0 * math.log10(fe.log_floor), 20.0 * fe.log_max / math.log(10.0)


def _identity(folder: Path, columns: Sequence[PlayerColumn]) -> str:
    """Hash names and sounds: votes in a browser belong to one page and survive when it is written again."""
    digest = hashlib.sha256()
    for column in columns:
        digest.update(f"{column.name} {column.way}\n".encode())
        for line, clip in column.clips.items():
            digest.update(f"{line} {clip.media.audio}\n".encode() + (folder / clip.media.audio).read_bytes())
    return digest.hexdigest()[:16]
