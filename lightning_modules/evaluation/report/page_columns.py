"""Arranges samples on the page: models are columns, digits and seeds are rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datamodules.corpus_layout import DIGITS, Clip, list_clips
from lightning_modules.evaluation.report.page_media import Media
from lightning_modules.evaluation.report.sample_sets import SampleSet
from lightning_modules.labels import NO_LABEL

REAL = "Real speech"
_UNWRITTEN = Media("", "", 0.0)


@dataclass(frozen=True)
class PlayerColumn:
    """A column of players."""

    model: str  # the model, the same for all of its guidance scales and no other's; REAL for recordings
    scale: float | None  # guidance scale γ; None for real speech and where nothing is known of it
    way: str  # sampler and steps, and more where two columns would be alike
    clips: dict["Line", "PlayerClip"]  # the clip in each row that has one

    @property
    def name(self) -> str:
        """Model and guidance scale."""
        return self.model if self.scale is None else f"{self.model}, γ = {self.scale:g}"


@dataclass(frozen=True)
class Line:
    """A row of players: the ``number``-th sample of a digit, or of no digit where the label is :data:`NO_LABEL`."""

    label: int
    number: int


@dataclass(frozen=True)
class PlayerClip:
    """The clip of a player: its file, the seed that it was drawn with or a note on the recording, and what is shown."""

    file: Path
    seed: int | None
    note: str = ""
    media: Media = _UNWRITTEN


def digit(label: int) -> str:
    """Write a digit: ``3``, and ``any`` for :data:`NO_LABEL`."""
    return str(label) if label != NO_LABEL else "any"


def digit_name(label: int) -> str:
    """Name a digit: ``three`` for 3, and ``any digit`` for :data:`NO_LABEL`."""
    return DIGITS[label] if label != NO_LABEL else "any digit"


def columns_of(sets: Sequence[SampleSet], per_digit: int, reference: Path | None) -> list[PlayerColumn]:
    """Make the columns: real speech if there is a ``reference``, then models in the order of ``sets``.

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
                    clips[Line(label, number)] = PlayerClip(one.samples[label, seed], seed)
        columns.append(PlayerColumn(model, one.scale, way, clips))
    return columns if reference is None else [_real_speech(reference, labels, per_digit), *columns]


def lines_of(columns: Sequence[PlayerColumn]) -> list[Line]:
    """Make the rows that have any clip: digits in order, then samples without one."""
    lines = {line for column in columns for line in column.clips}
    return sorted(lines, key=lambda line: (_place(line.label), line.number))


def _place(label: int) -> tuple[bool, int]:
    """A sort key that puts samples without a digit last."""
    return label == NO_LABEL, label


def _shared_seeds(sets: Sequence[SampleSet], label: int, count: int) -> list[int]:
    """Choose the seeds of a digit that most models share, and small ones where as many share others."""
    models = Counter(seed for one in sets for digit, seed in one.samples if digit == label)
    return sorted(sorted(models, key=lambda seed: (-models[seed], seed))[:count])


def _own_seeds(one: SampleSet, label: int, wanted: Sequence[int]) -> list[int | None]:
    """Match ``wanted`` seeds with those of one model; others of its own replace those that it lacks, or None."""
    own = sorted(seed for digit, seed in one.samples if digit == label)
    others = iter([seed for seed in own if seed not in wanted])
    return [seed if seed in own else next(others, None) for seed in wanted]


def _names(sets: Sequence[SampleSet]) -> list[tuple[str, str]]:
    """Name model and way of each; equal names get the name of the run, then of the folder, then a number."""
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


def _real_speech(root: Path, labels: Sequence[int], per_digit: int) -> PlayerColumn:
    """Choose test clips from all over the list, so that speakers differ; any digit goes beside samples without one."""
    clips = {}
    known = [label for label in labels if label != NO_LABEL] or range(len(DIGITS))
    test = [clip for clip in list_clips(root)["test"] if clip.label in known]
    for label in labels:
        among = [clip for clip in test if label in (clip.label, NO_LABEL)]
        for number, clip in enumerate(_spread(among, per_digit)):
            note = "recording" if label != NO_LABEL else f"recording: {digit_name(clip.label)}"
            clips[Line(label, number)] = PlayerClip(root / clip.path, None, note)
    return PlayerColumn(REAL, None, "test clips", clips)


def _spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Choose at most ``count`` of ``clips``, in equal steps."""
    count = min(count, len(clips))
    return [clips[(2 * i + 1) * len(clips) // (2 * count)] for i in range(count)]
