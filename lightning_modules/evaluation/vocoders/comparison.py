"""`scoretap vocoders` compares vocoders on real and on generated Mels, and what they cost."""

from collections.abc import Sequence
from pathlib import Path

from datamodules.subsets import check_labels
from lightning_modules.bases.generator import Generator
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring.output import make_folder
from lightning_modules.evaluation.scoring.scorer import Scorer
from lightning_modules.evaluation.vocoders.candidates import DEFAULT, load_candidates
from lightning_modules.evaluation.vocoders.corpus import CorpusComparison
from lightning_modules.evaluation.vocoders.document import write_document
from lightning_modules.evaluation.vocoders.speech import Speech, ancestral_sampling, prepare_speech
from lightning_modules.evaluation.vocoders.vocoder_rows import VocoderRow
from lightning_modules.loading import load_evaluator, load_generator
from lightning_modules.locks import locked
from lightning_modules.ranges import COUNT, SHARE, check_ranges


def compare_vocoders(
    corpora: list[str],
    evaluators: list[str],
    vocoders: list[str] | None = None,
    generators: list[str] | None = None,
    output: str = "vocoders",
    labels: list[int] | None = None,
    limit: int | None = None,
    count: int = 4,
    seed: int = 0,
    guidance_scale: float = 3.0,
    num_steps: int = 25,
    rounds: int = 20,
    minimum_accuracy: float = 0.9,
    cache_dir: str | None = None,
) -> None:
    """Compare vocoders on real test clips, clean and degraded, and on Mels of a generator: Markdown, CSV and JSON.

    The recording itself is the first row; a picture per corpus shows spectrograms of one recording and one generated
    clip through each vocoder. PESQ and STOI need the extra `vocoders`. All on the CPU.

    Args:
        corpora: folders of real speech in the layout of Speech Commands; their test splits are synthesised again.
        evaluators: checkpoints of evaluators, one per corpus in the same order, or one for all.
        vocoders: griffin-lim-32 (or another number of iterations), hifigan (published weights; a local copy as
            hifigan:FILE), or checkpoints or names of trained vocoders, each perhaps as NAME=VOCODER; by default
            [griffin-lim-32, griffin-lim-60, light-vocoder, hifigan]. One without weights gets a row that says so.
        generators: checkpoints of generators, one per corpus in the same order; every vocoder synthesises the Mels
            that they draw. By default none.
        output: folder for vocoders.md, vocoders.csv, vocoders.json and spectrograms_CORPUS.png; written over.
        labels: digits to keep; by default those that each evaluator was trained on.
        limit: number of test clips per corpus, drawn by lot; all by default.
        count: generated clips per digit.
        seed: first seed of every digit's generated clips.
        guidance_scale: gamma of the generated clips, above 0.
        num_steps: ancestral steps on Karras's grid of the generated clips.
        rounds: how often each vocoder is timed.
        minimum_accuracy: share of the test clips whose digit an evaluator must recognise.
        cache_dir: folder where references are kept; by default one in the user's cache folder.

    Raises:
        InputError: a corpus, an evaluator, a vocoder or a generator cannot be used.
    """
    roots = [Path(corpus).expanduser() for corpus in corpora]
    _check_settings(roots, evaluators, generators, limit, rounds)
    check_ranges(minimum_accuracy=(minimum_accuracy, SHARE), count=(count, COUNT))
    digits, sampling = None if labels is None else check_labels(labels), ancestral_sampling(guidance_scale, num_steps)
    drawers, cache = _load_generators(generators or []), Path(cache_dir).expanduser() if cache_dir else None
    candidates = load_candidates(vocoders or list(DEFAULT), drawers[0].front_end if drawers else None)
    loaded = [load_evaluator(evaluator) for evaluator in evaluators] * (len(roots) if len(evaluators) == 1 else 1)
    comparisons = [
        CorpusComparison(
            Scorer(evaluator, root, sorted(digits or evaluator.labels), minimum_accuracy, cache), candidates, limit
        )
        for evaluator, root in zip(loaded, roots, strict=True)
    ]
    pairs = zip(drawers, comparisons, strict=False)  # of none, where there are no generators
    draws = [prepare_speech(drawer, sampling, corpus.labels, count, seed) for drawer, corpus in pairs]
    make_folder(folder := Path(output).expanduser(), repr(output))
    with locked(folder, otherwise="give another --output"):
        speech: list[Speech | None] = [*(draw() for draw in draws)] or [None] * len(comparisons)
        print(_write_comparison(folder, comparisons, speech, rounds), end="")


def _check_settings(
    roots: Sequence[Path], evaluators: list[str], generators: list[str] | None, limit: int | None, rounds: int
) -> None:
    if len({root.resolve().name for root in roots}) < len(roots):
        raise InputError("expected corpora in folders of different names, which name their rows: rename or link one")
    if len(evaluators) not in (1, len(roots)):
        raise InputError(f"expected one evaluator, or one for each of {len(roots)} corpora, got {len(evaluators)}")
    if generators and len(generators) != len(roots):
        raise InputError(f"expected one generator for each of {len(roots)} corpora, got {len(generators)}")
    check_ranges(limit=(limit, "[2, 10000000]"), rounds=(rounds, "[1, 10000]"))


def _load_generators(paths: Sequence[str]) -> list[Generator]:
    """Load generators; one of another front end than the first is refused."""
    generators: list[Generator] = []
    for path in paths:
        generator = load_generator(path)
        if generators and (differences := generators[0].front_end.differences(generator.front_end)):
            raise InputError(f"generators must share one front end, {path!r} differs in {'; '.join(differences)}")
        generators.append(generator)
    return generators


def _write_comparison(
    folder: Path, comparisons: Sequence[CorpusComparison], drawn: Sequence[Speech | None], rounds: int
) -> str:
    """Measure, write tables and pictures, and return the Markdown; costs of a vocoder are the same for every corpus."""
    costs = comparisons[0].costs(rounds)
    rows: list[VocoderRow] = []
    for corpus, speech in zip(comparisons, drawn, strict=True):
        rows += corpus.rows(costs, speech)
        corpus.save_picture(folder / f"spectrograms_{corpus.name}.png", speech)
    return write_document(folder, rows, {corpus.name: corpus.heading for corpus in comparisons})
