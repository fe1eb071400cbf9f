"""`scoretap score` scores folders of speech as rows of one table."""

from pathlib import Path

import torch

from datamodules.corpus_layout import Clip
from datamodules.subsets import check_labels
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.external import FolderWaveforms, check_external
from lightning_modules.evaluation.scoring.folders import clip_batches, list_speech
from lightning_modules.evaluation.scoring.output import check_output, format_table, write_scores
from lightning_modules.evaluation.scoring.scorer import Scorer
from lightning_modules.loading import load_evaluator
from lightning_modules.locks import locked
from lightning_modules.ranges import SHARE, check_ranges


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
    """Score folders of speech with a separately trained evaluator, one row each, beside rows of real speech.

    Intended digits come from manifest.csv, else from sub-folders zero to nine or 0 to 9, else from file names such as
    00012_3_seed7.wav, else there are none.

    Args:
        folders: folders of WAV or FLAC files.
        evaluator: checkpoint or name of an evaluator, trained by `scoretap fit` on clean recordings of that language.
        output: file to write, .csv or .json, one row per folder.
        reference: corpus of real speech in the layout of Speech Commands; its training split is what FID, KID, AM, NDB
            and nearest neighbours refer to.
        labels: digits of the reference to keep, all ten by default.
        minimum_accuracy: share of the reference's test clips whose digit the evaluator must recognise.
        cache_dir: folder where references are kept; by default one in the user's cache folder.
        device: where to run the evaluator, such as cuda:1; auto takes a GPU where there is one. Always in float32.
        external: external metrics, of [fad, scoreq, distillmos, dnsmos, resemblyzer, pocketsphinx], none by default;
            one that is not installed is a note.

    Raises:
        InputError: a folder, the evaluator or the reference cannot be used.
    """
    _check_settings(output, reference, labels, minimum_accuracy, external)
    digits = check_labels(labels)
    clips = {folder: list_speech(Path(folder)) for folder in folders}
    module = load_evaluator(evaluator).to(_device(device))
    corpus, cache = (Path(given).expanduser() if given else None for given in (reference, cache_dir))
    scorer = Scorer(module, corpus, digits, minimum_accuracy, cache, external=external or [])
    with locked(output, otherwise="give another --output"):
        scorer.prepare()
        _score(scorer, clips, Path(output))
    unchecked = "" if corpus else "; its accuracy on real speech was not checked: give --reference"
    print(f"evaluator {scorer.fingerprint[:12]}{unchecked}")


def _score(scorer: Scorer, clips: dict[str, list[Clip]], output: Path) -> None:
    """Write and print the rows of folders, whose clips are listed, and of real speech."""
    rows, fe = scorer.anchors(), scorer.evaluator.front_end
    for folder, listed in clips.items():
        batches = clip_batches(Path(folder), listed, fe.sample_rate, fe.num_samples, name=folder)
        row = scorer.row(folder, batches)
        row.facts["kind"] = "folder"
        scorer.add_external(row, FolderWaveforms(Path(folder)))
        rows.append(row)
    rows += scorer.floor(map(len, clips.values()))
    write_scores(output, rows)
    print(format_table(rows))


def _check_settings(
    output: str, reference: str | None, labels: list[int] | None, minimum_accuracy: float, external: list[str] | None
) -> None:
    check_output(Path(output))
    if labels is not None and reference is None:
        raise InputError("labels choose digits of the reference: give --reference too, or leave out --labels")
    check_ranges(minimum_accuracy=(minimum_accuracy, SHARE))
    check_external(external or [], reference is not None)


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"cannot use device {name!r} ({str(error).splitlines()[0]})") from error
    return name
