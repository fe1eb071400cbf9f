"""`scoretap table` writes the scores of many runs as one document."""

import re
from pathlib import Path

from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.columns import COLUMNS
from lightning_modules.evaluation.scoring.output import make_folder, write_csv, write_text
from lightning_modules.evaluation.tables.groups import group_rows
from lightning_modules.evaluation.tables.markdown import format_markdown
from lightning_modules.evaluation.tables.plot import save_plot
from lightning_modules.evaluation.tables.row_files import collect_rows
from lightning_modules.locks import locked

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
    if readme is not None:
        _split_at_marks(Path(readme).expanduser())
    rows = collect_rows(runs)
    folder = Path(output).expanduser()
    make_folder(folder, repr(output))
    groups = group_rows(rows)
    markdown = format_markdown(groups)
    with locked(folder, otherwise="give another --output"):
        write_text(folder / "table.md", markdown)
        cells = ([*row.cells().values(), row.file] for row in rows)
        write_csv(folder / "table.csv", [*COLUMNS, "file"], cells, form="")
        save_plot(folder / "fid_against_gmacs.png", groups)
    if readme is not None:
        document = Path(readme).expanduser().resolve()
        with locked(document, wait=True):
            before, after = _split_at_marks(document)  # again: another command may have written to it
            write_text(document, f"{before}{BEGIN}\n{markdown}{END}{after}")
    print(markdown, end="")


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
