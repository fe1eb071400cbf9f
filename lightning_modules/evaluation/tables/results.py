"""Write what runs found into ablation files: `python -m lightning_modules.evaluation.tables.results RUN ...`.

An ablation's run is a folder of its file's name, as the command in the file makes it.
"""

import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import configs
from datamodules.new_files import new_file
from lightning_modules.errors import InputError
from lightning_modules.evaluation.tables.axes import labels
from lightning_modules.evaluation.tables.collect import Row, collect_rows
from lightning_modules.evaluation.tables.columns import MARKDOWN_COLUMNS

ABLATIONS = Path(configs.__file__).parent / "ablations"
_RESULT = re.compile(r"^# Result:.*\n(?:#   .*\n)*", flags=re.M)


def write_results(runs: Sequence[str], folder: Path = ABLATIONS) -> list[Path]:
    """Replace the result in the first comment of each file in ``folder`` that has a run; returns these files.

    Raises:
        InputError: no row is found, or a file has no line that begins with ``# Result:``.
    """
    rows = [row for row in collect_rows(runs) if row["kind"] == "model"]
    by_file = {
        file: [row for row in rows if file.stem in Path(row.file).parts] for file in sorted(folder.glob("*.yaml"))
    }
    written = {file: found for file, found in by_file.items() if found}
    for file, found in written.items():
        text = file.read_text(encoding="utf-8")
        place = _RESULT.search(text)
        if place is None:
            raise InputError(f"expected a comment that begins with '# Result:' in {str(file)!r}: add one")
        found.sort(key=lambda row: (row["guidance_scale"] or 0.0, row["name"]))
        said = f"# Result: {'; '.join(map(_sentence, found))}."
        comment = "\n".join(textwrap.wrap(said, 120, subsequent_indent="#   ", break_long_words=False)) + "\n"
        with new_file(file) as temporary:
            temporary.write_text(text[: place.start()] + comment + text[place.end() :], encoding="utf-8")
    return list(written)


def _sentence(row: Row) -> str:
    figures = [(name.rstrip(" ↑↓"), MARKDOWN_COLUMNS[name](row)) for name in ("FID ↓", "KID ↓", "accuracy, % ↑")]
    sampler = labels("sampler", [row["sampler"]])[row["sampler"]]
    trained = f"{row['trained_million'] or 0:.2f} M trained for {row['training_steps']} steps"
    way = f"{row['corpus']}, {trained}, {sampler}, {row['num_steps']} steps, N = {row['count']}"
    return f"γ = {row['guidance_scale'] or 0:g} ({way}): " + ", ".join(
        f"{name} {cell}" for name, cell in figures if cell
    )


if __name__ == "__main__":
    try:
        print(*write_results(sys.argv[1:]), sep="\n")
    except InputError as error:
        sys.exit(f"scoretap: {error}")
