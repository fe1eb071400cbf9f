"""`scoretap report` gathers samples of many runs on one page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lightning_modules.errors import InputError
from lightning_modules.evaluation.report.folder import check_folder, put_back, report_folder
from lightning_modules.evaluation.report.page import write_page
from lightning_modules.evaluation.report.page_columns import PlayerColumn, columns_of, digit, lines_of
from lightning_modules.evaluation.report.page_media import MediaWriter
from lightning_modules.evaluation.report.sample_sets import collect_samples
from lightning_modules.evaluation.tables.row_files import leaving_out
from lightning_modules.locks import locked
from lightning_modules.ranges import check_ranges


def make_report(runs: list[str], output: str = "report", reference: str | None = None, per_digit: int = 3) -> None:
    """Write a folder with one page to listen to: players and spectrograms side by side, scores, and a blind test.

    Models are columns, digits and seeds are rows; the page needs no network. A folder without samples or with a damaged
    manifest is named and left out.

    Args:
        runs: run folders, searched for samples of `scoretap test` and `scoretap predict`.
        output: folder to write; an earlier report is replaced, except for files that others put there.
        reference: corpus of real speech in the layout of Speech Commands; its test clips are the first column. They
            are copied into the folder.
        per_digit: samples of each digit and model, with the same seeds across models where these exist.

    Raises:
        InputError: a setting is wrong, no run has samples, or the folder cannot be written.
    """
    check_ranges(per_digit=(per_digit, "[1, 1000]"))
    final = Path(output).expanduser()
    with locked(final, otherwise="give another --output"):
        put_back(final)
        check_folder(final)
        _write_report(final, runs, reference, per_digit)


def _write_report(final: Path, runs: list[str], reference: str | None, per_digit: int) -> None:
    sets = collect_samples(runs)
    columns = columns_of(sets, per_digit, Path(reference).expanduser() if reference else None)
    try:
        with report_folder(final) as folder:
            written = _write_media(folder, columns)
            write_page(folder, written, [row for one in sets for row in one.rows])
    except OSError as error:
        raise InputError(f"cannot write {str(final)!r} ({error.strerror}): choose another --output") from error
    count = sum(len(column.clips) for column in written)
    print(f"{count} clips of {len(columns)} columns: open {final / 'index.html'} in a browser")


def _write_media(folder: Path, columns: Sequence[PlayerColumn]) -> list[PlayerColumn]:
    """Write sounds and pictures of each column, and add them to its clips; what cannot be read is left out."""
    writer = MediaWriter(folder)
    result: list[PlayerColumn] = []
    for number, column in enumerate(columns):
        clips = {}
        for line in lines_of([column]):
            clip, name = column.clips[line], f"{number:02d}_{digit(line.label)}_{line.number + 1}"
            with leaving_out():
                clips[line] = replace(clip, media=writer.write(clip.file, name))
        result.append(replace(column, clips=clips))
    if not any(column.clips for column in result):
        raise InputError("expected recordings, but none of the samples can be read: draw them again")
    return result
