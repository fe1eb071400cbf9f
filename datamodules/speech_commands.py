"""The data module for a folder of spoken digits in the layout of Speech Commands."""

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from datamodules.audio_files import LongClips
from datamodules.corpus_layout import (  # noqa: F401  the layout stood in this module once: names still import from it
    DIGITS,
    LISTS,
    MAX_NUM_WAVS_PER_CLASS,
    SPEAKER_PATTERN,
    SUFFIXES,
    Clip,
    Split,
    check_speaker_pattern,
    hash_split,
    holds_digits,
    list_clips,
)
from datamodules.datasets import CorpusSplit
from datamodules.feature_cache import CHANGED_SHARE, FeatureCache, default_cache_dir
from datamodules.loaders import ResumableLoader, ordered_loader, shuffled_loader
from datamodules.subsets import check_labels, check_trained_labels, select_fraction, select_labels
from lightning_modules.audio import FrontEnd, LogMel
from lightning_modules.errors import InputError
from lightning_modules.ranges import BATCH, BELOW_ONE, SEED, SHARE, check_ranges


class SpeechCommandsDataModule(LightningDataModule):
    """Spoken digits from a folder ``<word>/<speaker>_nohash_<take>.wav`` (or ``.flac``), zero to nine.

    ``testing_list.txt`` and ``validation_list.txt`` split the clips; where one is missing, the official hash rule does.
    Features are computed once, cached, and memory-mapped: after that an epoch reads no audio.

    Args:
        root: folder that holds the digit folders.
        front_end: what networks see of a clip; a default ``LogMel`` if none is given.
        labels: digits to keep, all ten by default; a digit keeps its id.
        fraction: share of the training clips to keep, in (0, 1]; stratified, and nested (3 % lie inside 10 %).
        batch_size: clips per batch and process.
        num_workers: processes that load batches; 0 loads in the training process, fast enough for cached features.
        dither: standard deviation of the noise floor added to every clip, as amplitude with full scale 1; 0 switches
            it off.
        seed: seed of the noise floor, of the order of training and of the choice of a fraction.
        cache_dir: folder for features; ``scoretap`` in the user's cache folder by default.
        bad_files: ``raise`` an error at a recording that cannot be used, or ``skip`` it with a warning.
        speaker_pattern: where a list is missing, the regular expression that finds the speaker in a file name, with one
            group in parentheses.
        long_clips: of clips longer than the front end's, ``cut`` the end, keep the ``centre``, or ``refuse`` them.
        changed_share: largest share of a split's clips that may be cut, scaled down or silent; beyond it the corpus is
            refused, below it they are counted in a warning.

    Raises:
        InputError: an argument is out of range.
    """

    def __init__(
        self,
        root: str,
        front_end: FrontEnd | None = None,
        labels: list[int] | None = None,
        fraction: float = 1.0,
        batch_size: int = 64,
        num_workers: int = 0,
        dither: float = 3e-4,
        seed: int = 0,
        cache_dir: str | None = None,
        bad_files: Literal["raise", "skip"] = "raise",
        speaker_pattern: str = SPEAKER_PATTERN,
        long_clips: LongClips = "cut",
        changed_share: float = CHANGED_SHARE,
    ) -> None:
        super().__init__()
        # Lightning refuses to log settings that a module has too, under one name.
        self.save_hyperparameters(logger=False)
        if isinstance(front_end, FrontEnd):  # as the command line stores it: a checkpoint holds plain values only
            name = f"{type(front_end).__module__}.{type(front_end).__qualname__}"
            self.hparams["front_end"] = {"class_path": name, "init_args": front_end.settings}
        check_settings(fraction, batch_size, num_workers, dither, seed, bad_files, long_clips, changed_share)
        check_speaker_pattern(speaker_pattern)
        self.root = Path(root).expanduser()
        self.front_end = front_end if front_end is not None else LogMel()
        self.labels = check_labels(labels)
        self.fraction, self.seed, self.speaker_pattern = fraction, seed, speaker_pattern
        self.batch_size, self.num_workers = batch_size, num_workers
        folder = Path(cache_dir).expanduser() if cache_dir else default_cache_dir()
        self.cache = FeatureCache(folder, self.front_end, dither, seed, bad_files, long_clips, changed_share)
        self._splits: dict[str, CorpusSplit] = {}
        self._train_loader: ResumableLoader | None = None
        self._resumed: dict[str, int] = {}

    @property
    def contents(self) -> dict[str, str]:
        """By split, a digest of the clips that are loaded; a run that goes on must have the same."""
        return self.cache.contents

    def expect_contents(self, contents: dict[str, str]) -> None:
        """Refuse other clips than those of ``contents``, as soon as they are loaded."""
        self.cache.expected_contents = {split: contents[split] for split in ("train", "val") if split in contents}

    def prepare_corpus(self) -> Path:
        """Folder of the corpus; subclasses download or generate it here if it is missing."""
        return self.root

    def prepare_data(self) -> None:
        """Build what is missing of corpus and features. Lightning calls this in one process per node."""
        root = self.prepare_corpus()
        splits = list_clips(root, self.speaker_pattern)
        if self.trainer is not None and self.trainer.state.fn == "fit":  # before features cost time
            check_trained_labels([clip.label for clip in splits["train"]], self.labels, root)
        for split, clips in splits.items():
            self.cache.load(root, clips, split)

    def setup(self, stage: str | None = None) -> None:
        """Open the features that ``stage`` (fit, validate, test, predict, or ``None`` for all) reads.

        Raises:
            InputError: as :meth:`split`, or ``stage`` validates or tests and there is no clip to do so.
        """
        needed: dict[str | None, list[Split]]
        needed = {"fit": ["train", "val"], "validate": ["val"], "test": ["test"], "predict": []}
        for name in needed.get(stage, ["train", "val", "test"]):
            there = self.split(name).labels
            if not len(there) and stage in ("validate", "test"):
                raise InputError(
                    f"expected clips of the digits {self.labels} to {stage} on in {self.root}, found none: name some "
                    f"in {LISTS[name]}, or change labels"
                )
            if missing := [label for label in self.labels if label not in there]:
                warnings.warn(f"no clip of the digits {missing} to {name} on in {self.root}", stacklevel=2)

    def split(self, name: Split) -> CorpusSplit:
        """The clips of ``train``, ``val`` or ``test`` that the settings keep; ``fraction`` reduces training only.

        Raises:
            InputError: the corpus cannot be used, or has no training clip of one of the digits.
        """
        if name not in self._splits:
            root = self.prepare_corpus()
            cached = self.cache.load(root, list_clips(root, self.speaker_pattern)[name], name)
            rows = select_labels(cached.labels, self.labels)
            if name == "train":
                check_trained_labels(cached.labels[rows], self.labels, root)
                paths = [cached.paths[row] for row in rows]
                rows = rows[select_fraction(cached.labels[rows], paths, self.fraction, self.seed)]
            self._splits[name] = CorpusSplit(cached, np.asarray(rows))
        return self._splits[name]

    def train_dataloader(self) -> DataLoader:
        self._train_loader = shuffled_loader(self.split("train"), self.batch_size, self.num_workers, self.seed)
        if self._resumed:
            self._train_loader.leave_out(**self._resumed)
            self._resumed = {}
        return self._train_loader

    def state_dict(self) -> dict[str, int]:
        """The epoch, and how many of its batches are trained on; Lightning stores this in checkpoints."""
        if self._train_loader is None or self.trainer is None:
            return {}
        done = self.trainer.fit_loop.epoch_loop.batch_progress.current.processed
        return {"epoch": self._train_loader.epoch, "batches": done}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the next training loader go on after those batches."""
        self._resumed = dict(state_dict)

    def val_dataloader(self) -> DataLoader:
        return ordered_loader(self.split("val"), self.batch_size, self.num_workers, "validation clips")

    def test_dataloader(self) -> DataLoader:
        return ordered_loader(self.split("test"), self.batch_size, self.num_workers, "test clips")


def check_settings(
    fraction: float,
    batch_size: int,
    num_workers: int,
    dither: float,
    seed: int,
    bad_files: str,
    long_clips: str = "cut",
    changed_share: float = CHANGED_SHARE,
) -> None:
    """Refuse settings out of range before any work starts.

    Raises:
        InputError: names the setting, its range and its value.
    """
    check_ranges(
        fraction=(fraction, "(0, 1]"),
        batch_size=(batch_size, BATCH),
        num_workers=(num_workers, "[0, 1024]"),
        dither=(dither, BELOW_ONE),
        seed=(seed, SEED),
        changed_share=(changed_share, SHARE),
    )
    checks = {
        "bad_files": (bad_files in ("raise", "skip"), "raise or skip", bad_files),
        "long_clips": (long_clips in ("cut", "centre", "refuse"), "cut, centre or refuse", long_clips),
    }
    for name, (good, expected, value) in checks.items():
        if not good:
            raise InputError(f"expected {name} {expected}, got {value}: correct {name}")
