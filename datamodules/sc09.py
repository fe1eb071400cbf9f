"""SC09, the corpus of the digits in Speech Commands."""

from pathlib import Path
from typing import Literal

from torchaudio.datasets import speechcommands

from datamodules.audio_files import LongClips
from datamodules.corpus_layout import SPEAKER_PATTERN, holds_digits
from datamodules.download import fetch, sha256_of, unpack_digits
from datamodules.feature_cache import CHANGED_SHARE
from datamodules.speech_commands import SpeechCommandsDataModule
from lightning_modules.audio import FrontEnd
from lightning_modules.errors import InputError

URL = "http://download.tensorflow.org/data/speech_commands_{version}.tar.gz"


class SC09DataModule(SpeechCommandsDataModule):
    """The digits zero to nine of Speech Commands (P. Warden, CC BY 4.0): 16 kHz, one second, official split lists.

    Args:
        root: the corpus itself (a folder that holds the digit folders), or the folder to download it into; its
            subfolder ``speech_commands_<version>`` is found too, and so is a copy made by torchaudio.
        front_end: what networks see of a clip; a default ``LogMel`` if none is given.
        version: release of Speech Commands to look for or download.
        download: fetch the release (2.3 GB) where it is missing; checked against the checksum torchaudio records.
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
        root: str = "data/speech_commands",
        front_end: FrontEnd | None = None,
        version: Literal["v0.02", "v0.01"] = "v0.02",
        download: bool = False,
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
        super().__init__(
            root, front_end, labels, fraction, batch_size, num_workers, dither, seed, cache_dir, bad_files,
            speaker_pattern, long_clips, changed_share,
        )  # fmt: skip
        self.url = URL.format(version=version)
        if self.url not in speechcommands._CHECKSUMS:
            raise InputError(f"expected version v0.02 or v0.01, got {version}: correct version")
        self.version, self.download = version, download

    def prepare_corpus(self) -> Path:
        """Folder of the corpus, downloaded first where it is missing and ``download`` is set.

        Raises:
            InputError: the corpus is missing and not to be downloaded, or the download fails.
        """
        release = f"speech_commands_{self.version}"
        for folder in (self.root, self.root / release, self.root / "SpeechCommands" / release):
            if holds_digits(folder):
                return folder
        if not self.download:
            raise InputError(
                f"expected Speech Commands in {self.root}, found none: pass --data.init_args.download true to fetch it "
                "(2.3 GB), or give a folder that holds it as --data.init_args.root"
            )
        archive = self.root / self.url.rpartition("/")[2]
        checksum = speechcommands._CHECKSUMS[self.url]
        if not archive.exists() or sha256_of(archive) != checksum:
            fetch(self.url, archive, checksum)
        unpack_digits(archive, self.root / release)
        archive.unlink()
        return self.root / release
