"""A cache of features: those of a split are computed once, and read from a memory map afterwards."""

import contextlib
import hashlib
import json
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tqdm import tqdm

from datamodules.audio_files import ClipReader, LongClips, count_changes
from datamodules.contents import corpus_digests
from datamodules.corpus_layout import Clip
from datamodules.new_files import new_file
from datamodules.recording_checks import BadRecordingError
from lightning_modules.audio import FrontEnd
from lightning_modules.errors import InputError
from lightning_modules.locks import locked

FORMAT = 2  # raised when the same settings begin to mean other features
CHUNK = 128  # clips that a front end sees at once
CHANGED_SHARE = 0.25
_SKIP = ", or set bad_files to skip"  # end of an error message about a recording
HEADER_BYTES = 192  # fixed, so that the number of rows can be written last; a multiple of 64 as the format asks


def default_cache_dir() -> Path:
    """``scoretap`` in the user's cache folder.

    Raises:
        InputError: the user has no home.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scoretap"
    except RuntimeError as error:  # in a container, under a number that has no user
        raise InputError("this user has no home for a cache: set HOME or XDG_CACHE_HOME to a folder") from error


@dataclass(frozen=True)
class CachedFeatures:
    """Features on disk, with the path and the label of each row.

    Attributes:
        file: ``.npy`` file of float32 features ``(n, ...)``; ``None`` if there are no clips.
        paths: relative path of the clip in each row.
        labels: ``(n,)`` int64 digit ids.
    """

    file: Path | None
    paths: list[str]
    labels: np.ndarray


class FeatureCache:
    """Computes features of clips once, and finds them again by a hash of all that they depend on.

    If two processes need the same features at once, one computes them and the other waits.

    Args:
        folder: folder for the features.
        front_end: turns waveforms into features.
        dither: standard deviation of the noise floor, amplitude with full scale 1.
        seed: seed of the noise floor.
        bad_files: what to do about a recording that cannot be used: ``raise`` an error, or ``skip`` it with a warning.
        long_clips: what happens to clips longer than the front end's: ``cut``, keep the ``centre``, or ``refuse``.
        changed_share: largest share of a split's clips that may be cut, scaled down or silent.

    Attributes:
        contents: by split, a digest of the paths and bytes of its clips, once they are loaded.
        expected_contents: the same of a run that goes on: other clips are refused.
    """

    def __init__(
        self,
        folder: Path,
        front_end: FrontEnd,
        dither: float,
        seed: int,
        bad_files: Literal["raise", "skip"] = "raise",
        long_clips: LongClips = "cut",
        changed_share: float = CHANGED_SHARE,
    ) -> None:
        self.folder, self.front_end, self.bad_files, self.changed_share = folder, front_end, bad_files, changed_share
        self.reader = ClipReader(front_end.sample_rate, front_end.num_samples, dither, seed, long_clips=long_clips)
        self._told: set[str] = set()
        self.contents: dict[str, str] = {}
        self.expected_contents: dict[str, str] = {}

    def load(self, root: Path, clips: Sequence[Clip], split: str) -> CachedFeatures:
        """Features of ``clips`` under ``root``; they are computed first if they are missing or damaged.

        Raises:
            InputError: a recording cannot be used and ``bad_files`` is ``raise``, none can be used, too many were cut,
                scaled down or silent, ``folder`` cannot be written, or a run goes on with other clips than its own.
        """
        if not clips:
            return CachedFeatures(None, [], np.zeros(0, dtype=np.int64))
        key = self._key(root, clips, split)
        array, manifest = self.folder / f"{key}.npy", self.folder / f"{key}.json"
        if (found := self._find(array, manifest, split)) is not None:
            return found
        with locked(array, wait=True):
            if (found := self._find(array, manifest, split, warned=True)) is not None:  # another command built them
                return found
            try:
                self._build(root, clips, split, array, manifest)
            except OSError as error:
                raise InputError(
                    f"cannot keep features in {self.folder} ({error}): set cache_dir to a folder with space"
                ) from error
            return self._open(array, manifest, split)

    def _find(self, array: Path, manifest: Path, split: str, warned: bool = False) -> CachedFeatures | None:
        """Open cached features; None where there are none, or damaged ones."""
        if not array.exists() and not manifest.exists():
            return None
        try:
            return self._open(array, manifest, split)
        except InputError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            if not warned:
                warnings.warn(f"cached features {array} are damaged ({error}): building them again", stacklevel=3)
            return None

    def _key(self, root: Path, clips: Sequence[Clip], split: str) -> str:
        """Hash of everything the features depend on; a recording counts by its path and its bytes."""
        identity = {
            "format": FORMAT,
            "front_end": f"{type(self.front_end).__module__}.{type(self.front_end).__qualname__}",
            "settings": self.front_end.settings,
            "dither": [self.reader.dither, self.reader.seed] if self.reader.dither else 0,
            "long_clips": self.reader.long_clips,
            "split": split,
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
        paths = [clip.path for clip in clips]
        contents = corpus_digests(root, paths, self.folder, split)
        clips_alone = hashlib.sha256()
        for path, content in zip(paths, contents, strict=True):
            line = b"\n" + os.fsencode(path) + b"\0" + content.encode()
            digest.update(line)
            clips_alone.update(line)
        self.contents[split] = clips_alone.hexdigest()[:32]
        self._check_contents(root, split)
        return f"{split}-{digest.hexdigest()[:32]}"

    def _check_contents(self, root: Path, split: str) -> None:
        if self.expected_contents.get(split, self.contents[split]) != self.contents[split]:
            raise InputError(
                f"cannot go on with a run on another corpus: the {split} clips in {root} are not those that the "
                f"checkpoint was trained with (digest {self.contents[split]}, {self.expected_contents[split]} in the "
                "checkpoint): give its corpus, or start another run, from its weights by --weights_from in place of "
                "--ckpt_path"
            )

    def _open(self, array: Path, manifest: Path, split: str) -> CachedFeatures:
        stored = json.loads(manifest.read_text(encoding="utf-8"))
        features = np.load(array, mmap_mode="r", allow_pickle=False)
        paths, labels = stored["paths"], np.array(stored["labels"], dtype=np.int64)
        expected = [len(paths), *stored["shape"]]
        if list(features.shape) != expected or features.dtype != np.float32 or len(labels) != len(paths):
            raise ValueError(f"expected float32 {expected}, found {features.dtype} {list(features.shape)}")
        if os.path.getsize(array) != features.offset + features.nbytes:
            raise ValueError(f"expected {features.offset + features.nbytes} bytes, found {os.path.getsize(array)}")
        self._report_skipped([tuple(pair) for pair in stored["skipped"]])
        self._report_changed([tuple(pair) for pair in stored["changed"]], len(paths), split)
        with contextlib.suppress(OSError):  # a cache that can only be read
            os.utime(manifest)  # when it was last used, for `scoretap clean`
        return CachedFeatures(array, paths, labels)

    def _report_skipped(self, skipped: list[tuple[str, str]]) -> None:
        if skipped and self.bad_files == "raise":
            raise InputError(f"{skipped[0][1]}{_SKIP}")
        if skipped:
            reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(r for r, _ in skipped).most_common())
            more = "" if len(skipped) <= 5 else f"; and {len(skipped) - 5} more"
            messages = "; ".join(message for _, message in skipped[:5])
            self._tell(f"{len(skipped)} bad files left out ({reasons}): {messages}{more}")

    def _report_changed(self, changed: list[tuple[str, str]], num_clips: int, split: str) -> None:
        """Tell how many clips are not in the features as they were recorded, and refuse too many."""
        if not changed:
            return
        text = f"of {num_clips} clips to {split}: {count_changes(changed)}"
        if (share := len({path for path, _ in changed}) / num_clips) > self.changed_share:
            raise InputError(
                f"expected at most {self.changed_share:.0%} of the clips to be cut, scaled down or silent, got "
                f"{share:.0%}, {text}: mend the recordings, or raise changed_share (1 accepts all)"
            )
        self._tell(text)

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            warnings.warn(text, stacklevel=6)

    def _build(self, root: Path, clips: Sequence[Clip], split: str, array: Path, manifest: Path) -> None:
        used: list[Clip] = []
        skipped: list[tuple[str, str]] = []
        self.reader.changes.clear()
        with new_file(array) as temporary:
            with open(temporary, "r+b") as file:
                shape: tuple[int, ...] | None = None
                for features in self._features(root, clips, split, used, skipped):
                    if shape is None:
                        shape = features.shape[1:]
                        file.write(_npy_header((len(clips), *shape)))
                    file.write(features.tobytes())  # not through a memory map, which dies when the disk is full
                if shape is None:
                    raise InputError(f"none of the {len(clips)} recordings can be used; the first: {skipped[0][1]}")
                file.seek(0)
                file.write(_npy_header((len(used), *shape)))
            self._write_manifest(manifest, shape, used, skipped)

    def _features(
        self, root: Path, clips: Sequence[Clip], split: str, used: list[Clip], skipped: list[tuple[str, str]]
    ) -> Iterator[np.ndarray]:
        """Features ``(n, ...)`` of up to ``CHUNK`` clips at a time; fills ``used`` and ``skipped``."""
        waveforms: list[torch.Tensor] = []
        for number, clip in enumerate(
            tqdm(clips, desc=f"features of {root.name}/{split}", unit="clip", leave=False), start=1
        ):
            try:
                waveforms.append(self.reader.read(root, clip.path))
                used.append(clip)
            except InputError as error:
                if self.bad_files == "raise":
                    raise InputError(f"{error}{_SKIP}") from error
                skipped.append((error.reason if isinstance(error, BadRecordingError) else "unusable", str(error)))
            if waveforms and (len(waveforms) == CHUNK or number == len(clips)):
                with torch.no_grad():
                    yield np.ascontiguousarray(self.front_end(torch.stack(waveforms)).numpy(), dtype="<f4")
                waveforms.clear()

    def _write_manifest(
        self, manifest: Path, shape: tuple[int, ...], used: list[Clip], skipped: list[tuple[str, str]]
    ) -> None:
        paths = {clip.path for clip in used}
        stored: dict[str, Any] = {
            "front_end": type(self.front_end).__qualname__,
            "settings": self.front_end.settings,
            "dither": self.reader.dither,
            "seed": self.reader.seed,
            "shape": shape,
            "skipped": skipped,
            "changed": [change for change in self.reader.changes if change[0] in paths],
            "paths": [clip.path for clip in used],
            "labels": [clip.label for clip in used],
        }
        with new_file(manifest) as temporary:
            temporary.write_text(json.dumps(stored, indent=1), encoding="utf-8")


def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Header of an ``.npy`` file, version 1.0, of float32 values in row-major order."""
    text = repr({"descr": "<f4", "fortran_order": False, "shape": tuple(shape)})
    start = b"\x93NUMPY\x01\x00" + (HEADER_BYTES - 10).to_bytes(2, "little")
    return start + text.ljust(HEADER_BYTES - 11).encode("ascii") + b"\n"
