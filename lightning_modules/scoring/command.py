"""`scoretap score`: folders of speech as rows of one table."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from jsonargparse import ArgumentError, ArgumentParser
from torch import Tensor

from datamodules.speech_commands import Clip
from datamodules.subsets import check_labels
from lightning_modules.checkpoints import fingerprint
from lightning_modules.errors import InputError
from lightning_modules.evaluator import EvaluatorModule
from lightning_modules.parser_errors import first_sentence
from lightning_modules.scoring.anchors import floor_rows, measures_for, real_rows, resynthesised_rows
from lightning_modules.scoring.external import ExternalJudge, check_external, external_judges, one_second_clips
from lightning_modules.scoring.folders import clip_batches, list_speech
from lightning_modules.scoring.judging import feature_width, load_evaluator, measure, predictions
from lightning_modules.scoring.measures import Predictions
from lightning_modules.scoring.output import check_output, format_table, write_scores
from lightning_modules.scoring.references import Reference, load_reference
from lightning_modules.scoring.resynthesis import anchor_vocoders, anchor_waveforms, load_resynthesised
from lightning_modules.scoring.rows import Scores


def score_folders(
    folders: list[str],
    evaluator: str,
    output: str = "scores.csv",
    reference: str | None = None,
    labels: list[int] | None = None,
    minimum_accuracy: float = 0.9,
    cache_dir: str | None = None,
    device: str = "auto",
    external: list[str] | None = None,
) -> None:
    """Judge folders of speech with a separately trained evaluator, one row each, beside rows of real speech.

    Intended digits come from manifest.csv, else from sub-folders zero to nine or 0 to 9, else from file names such as
    00012_3_seed7.wav, else there are none.

    Args:
        folders: folders of WAV or FLAC files.
        evaluator: checkpoint of an evaluator, trained by `scoretap fit` on clean recordings of the same language.
        output: file to write, .csv or .json, one row per folder.
        reference: corpus of real speech in the layout of Speech Commands; its training split is what FID, KID, AM, NDB
            and nearest neighbours refer to.
        labels: digits of the reference to keep, all ten by default.
        minimum_accuracy: share of the reference's test clips that the evaluator must hear right.
        cache_dir: folder where references are kept; by default one in the user's cache folder.
        device: where to run the evaluator, such as cuda:1; auto takes a GPU where there is one. Always in float32.
        external: judges from other packages, of [fad, scoreq], none by default; one that is not installed is a note.

    Raises:
        InputError: a folder, the evaluator or the reference cannot be used.
    """
    _check_settings(output, reference, labels, minimum_accuracy, external)
    kept = check_labels(labels)
    listed = [(folder, list_speech(Path(folder))) for folder in folders]
    judge = load_evaluator(evaluator).to(_device(device))
    corpus, cache = (Path(given).expanduser() if given else None for given in (reference, cache_dir))
    vocoders = anchor_vocoders(judge) if corpus else {}
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # TF32 keeps 10 bits of a feature
        real = load_reference(judge, corpus, kept, minimum_accuracy, cache) if corpus else None
        again = load_resynthesised(judge, corpus, kept, vocoders, cache) if corpus else {}
        rows = _rows(judge, listed, real, again)
        if external:
            anchors = anchor_waveforms(judge, corpus, kept, vocoders) if corpus else {}
            _ask(external_judges(external, corpus, kept, judge.device, cache), rows, anchors)
    write_scores(Path(output), rows)
    print(format_table(rows))
    checked = "" if real else "; its accuracy on real speech was not checked: give --reference"
    print(f"evaluator {rows[0].evaluator[:12]}{checked}")


def _check_settings(
    output: str, reference: str | None, labels: list[int] | None, minimum_accuracy: float, external: list[str] | None
) -> None:
    check_output(Path(output))
    if labels is not None and reference is None:
        raise InputError("labels choose digits of the reference: give --reference too, or leave out --labels")
    if not 0.0 <= minimum_accuracy <= 1.0:
        raise InputError(f"expected minimum_accuracy from 0 to 1, got {minimum_accuracy}")
    check_external(external or [], reference is not None)


def _rows(
    judge: EvaluatorModule,
    listed: list[tuple[str, list[Clip]]],
    real: Reference | None,
    again: Mapping[str, Predictions],
) -> list[Scores]:
    """Rows of real speech, of each folder, and of the floor at the folders' numbers of clips."""
    identity, fe = fingerprint(judge.state_dict()), judge.front_end
    rows = [*real_rows(real, identity), *resynthesised_rows(real, identity, again)] if real else []
    for folder, clips in listed:
        batches = clip_batches(Path(folder), clips, fe.sample_rate, fe.num_samples, name=folder)
        measures = measures_for(feature_width(judge), real)
        count = len(real.train.y) if real else None
        row = measure(folder, predictions(judge, batches), measures, identity, count)
        row.facts["kind"] = "folder"
        rows.append(row)
    return rows + (floor_rows(real, identity, [len(clips) for _, clips in listed]) if real else [])


def _ask(judges: Sequence[ExternalJudge], rows: list[Scores], anchors: Mapping[str, Iterable[Tensor]]) -> None:
    """Add what external judges find to the rows of folders, and to the anchors of which there are waveforms."""
    for row in rows:
        for judge in judges:
            if row.facts["kind"] == "folder":
                figures, notes = judge(one_second_clips(Path(row.name)))
            elif row.facts["kind"] == "anchor" and row.name in anchors:
                figures, notes = judge(anchors[row.name])
            else:
                continue
            row.figures.update(figures)
            row.notes.extend(notes)


def score_command(args: list[str]) -> None:
    """`scoretap score FOLDER ... --evaluator CKPT [--KEY VALUE ...]`: see :func:`score_folders`.

    Raises:
        InputError: the arguments do not fit.
    """
    description = (score_folders.__doc__ or "").partition("Args:")[0]
    parser = ArgumentParser(prog="scoretap score", description=description, exit_on_error=False)
    parser.add_argument("folders", nargs="+", type=str, help="folders of WAV or FLAC files")
    parser.add_function_arguments(score_folders, skip={"folders"}, as_group=False)
    try:
        given = parser.parse_args(args)
    except ArgumentError as error:
        raise InputError(first_sentence(error)) from error
    score_folders(**given.as_dict())


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"cannot use device {name!r} ({str(error).splitlines()[0]})") from error
    return name
