"""`scoretap table` writes the scores of many runs as one document."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datamodules.new_files import new_file
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.columns import COLUMNS
from lightning_modules.evaluation.scoring.rows import Row
from lightning_modules.evaluation.tables.groups import group_rows
from lightning_modules.evaluation.tables.markdown import format_markdown
from lightning_modules.evaluation.tables.plot import save_plot
from lightning_modules.evaluation.tables.row_files import collect_rows

BEGIN, END = "<!-- table -->", "<!-- /table -->"


def make_table(runs: list[str], output: str = "table", readme: str | None = None) -> None:
    """Collect the scores of runs into one table: Markdown, CSV, and a plot of FID against GMACs per sample.

    Figures of different evaluators, corpora or references are not comparable, so each has a table of its own. The
    paper's rows are quoted below.

    Args:
        runs: run folders, searched for scores.json, or JSON files that `scoretap test` or `scoretap score` wrote.
        output: folder for table.md, table.csv and fid_against_gmacs.png; written over.
        readme: document in which the Markdown replaces what stands between <!-- table --> and <!-- /table -->, such as
            lightning_modules/evaluation/RESULTS.md.

    Raises:
        InputError: no run has a row, or a file cannot be written.
    """
    document = None if readme is None else _split_at_marks(Path(readme).expanduser())
    rows = collect_rows(runs)
    folder = Path(output).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {output!r} ({error.strerror}): choose another --output") from error
    groups = group_rows(rows)
    markdown = format_markdown(groups)
    _write_text(folder / "table.md", markdown)
    write_rows(folder / "table.csv", rows)
    save_plot(folder / "fid_against_gmacs.png", groups)
    if readme is not None and document is not None:
        before, after = document
        _write_text(Path(readme).expanduser().resolve(), f"{before}{BEGIN}\n{markdown}{END}{after}")
    print(markdown, end="")


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write all columns of every row, and the file that it came from, as CSV."""
    with new_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, "file"])
        writer.writerows([*(_cell(row[column]) for column in COLUMNS), row.file] for row in rows)


def _split_at_marks(path: Path) -> tuple[str, str]:
    """Return the text before and after the table."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {str(path)!r}: expected a text file for --readme") from error
    match = re.fullmatch(f"(.*){re.escape(BEGIN)}.*{re.escape(END)}(.*)", text, flags=re.S)
    if match is None or text.count(BEGIN) != 1 or text.count(END) != 1:
        raise InputError(f"expected {BEGIN} and then {END}, once each, in {str(path)!r}: put them where the table goes")
    return match[1], match[2]


def _cell(value: Any) -> Any:
    """Join a list to one cell; csv writes None as an empty cell and numbers in full."""
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def _write_text(path: Path, text: str) -> None:
    with new_file(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))
