"""Columns and rows of the page: who stands beside whom."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.corpus_layout import DIGITS, Clip, list_clips
from lightning_modules.evaluation.report.sample_sets import SampleSet
from lightning_modules.evaluation.scoring.folders import NO_LABEL

REAL = "Real speech"


@dataclass(frozen=True)
class Column:
    """A column of players.

    Attributes:
        model: the model, the same for all of its guidance scales and no other's; :data:`REAL` for recordings.
        scale: guidance scale γ; None for real speech and where nothing is known of it.
        way: sampler and steps, and more where two columns would be alike.
        clips: by row of :class:`Line`, what to hear there.
    """

    model: str
    scale: float | None
    way: str
    clips: dict["Line", "Heard"]

    @property
    def name(self) -> str:
        """Model and guidance scale."""
        return self.model if self.scale is None else f"{self.model}, γ = {self.scale:g}"


@dataclass(frozen=True)
class Line:
    """A row of players: the ``number``-th sample of a digit, :data:`NO_LABEL` for samples that none was asked of."""

    label: int
    number: int


@dataclass(frozen=True)
class Heard:
    """One clip: its file, and the seed it was drawn with or, of a recording, which one it is."""

    file: Path
    seed: int | None
    note: str = ""


def digit_name(label: int) -> str:
    """``three`` for 3; ``any digit`` where none was asked for."""
    return DIGITS[label] if label != NO_LABEL else "any digit"


def columns_of(sets: Sequence[SampleSet], per_digit: int, reference: Path | None) -> list[Column]:
    """Real speech if there is any, then models in the order of ``sets``; as many clips per digit as asked for.

    Raises:
        InputError: ``reference`` is no corpus.
    """
    labels = sorted({label for one in sets for label, _ in one.samples}, key=_place)
    seeds = {label: _shared_seeds(sets, label, per_digit) for label in labels}
    columns = []
    for one, (model, way) in zip(sets, _names(sets), strict=True):
        clips = {}
        for label in labels:
            for number, seed in enumerate(_own_seeds(one, label, seeds[label])):
                if seed is not None:
                    clips[Line(label, number)] = Heard(one.samples[label, seed], seed)
        columns.append(Column(model, one.scale, way, clips))
    return columns if reference is None else [_real_speech(reference, labels, per_digit), *columns]


def lines_of(columns: Sequence[Column]) -> list[Line]:
    """Rows in which there is anything to hear: digits in order, then samples without one."""
    lines = {line for column in columns for line in column.clips}
    return sorted(lines, key=lambda line: (_place(line.label), line.number))


def _place(label: int) -> tuple[bool, int]:
    """Digits in order, then samples without one."""
    return label == NO_LABEL, label


def _shared_seeds(sets: Sequence[SampleSet], label: int, count: int) -> list[int]:
    """The seeds of a digit that most models have, small ones first among equals."""
    models = Counter(seed for one in sets for digit, seed in one.samples if digit == label)
    return sorted(sorted(models, key=lambda seed: (-models[seed], seed))[:count])


def _own_seeds(one: SampleSet, label: int, wanted: Sequence[int]) -> list[int | None]:
    """Seeds of one model in the order of ``wanted``; others of its own stand in for those that it lacks, then None."""
    own = sorted(seed for digit, seed in one.samples if digit == label)
    others = iter([seed for seed in own if seed not in wanted])
    return [seed if seed in own else next(others, None) for seed in wanted]


def _names(sets: Sequence[SampleSet]) -> list[tuple[str, str]]:
    """Model and way of each; what would be alike gets the run's name, then the folder's, then a number."""
    runs: dict[str, set[str]] = {}
    for one in sets:
        runs.setdefault(one.model, set()).add(one.run)
    models = [one.model if len(runs[one.model]) == 1 else f"{one.model} ({one.run})" for one in sets]
    ways = [one.way for one in sets]
    for more in ([one.folder.name for one in sets], [str(number) for number in range(1, len(sets) + 1)]):
        alike = Counter(zip(models, (one.scale for one in sets), ways, strict=True))
        for i, one in enumerate(sets):
            if alike[models[i], one.scale, ways[i]] > 1:
                ways[i] = f"{ways[i]}, {more[i]}".strip(", ")
    return list(zip(models, ways, strict=True))


def _real_speech(root: Path, labels: Sequence[int], per_digit: int) -> Column:
    """Test clips from all over the list, so that speakers differ; clips of any digit beside samples without one."""
    clips = {}
    known = [label for label in labels if label != NO_LABEL] or range(len(DIGITS))
    test = [clip for clip in list_clips(root)["test"] if clip.label in known]
    for label in labels:
        among = [clip for clip in test if label in (clip.label, NO_LABEL)]
        for number, clip in enumerate(_spread(among, per_digit)):
            note = "recording" if label != NO_LABEL else f"recording: {digit_name(clip.label)}"
            clips[Line(label, number)] = Heard(root / clip.path, None, note)
    return Column(REAL, None, "test clips", clips)


def _spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    """``count`` of ``clips`` or all, the middles of equal parts."""
    count = min(count, len(clips))
    return [clips[(2 * i + 1) * len(clips) // (2 * count)] for i in range(count)]
