"""SC09, the corpus of the digits in Speech Commands."""

from pathlib import Path
from typing import Any, Literal

from torchaudio.datasets import speechcommands

from datamodules.corpus_layout import holds_digits
from datamodules.download import fetch, sha256_of, unpack_digits
from datamodules.speech_commands import SpeechCommandsDataModule
from lightning_modules.audio import FrontEnd
from lightning_modules.errors import InputError
from lightning_modules.locks import locked

URL = "http://download.tensorflow.org/data/speech_commands_{version}.tar.gz"


class SC09DataModule(SpeechCommandsDataModule):
    """The digits zero to nine of Speech Commands (P. Warden, CC BY 4.0): 16 kHz, one second, official split lists.

    Args:
        root: the corpus itself (a folder that holds the digit folders), or the folder to download it into; its
            subfolder ``speech_commands_<version>`` is found too, and so is a copy made by torchaudio.
        front_end: what networks see of a clip; a default ``LogMel`` if none is given.
        version: release of Speech Commands to look for or download.
        download: fetch the release (2.3 GB) where it is missing; checked against the checksum torchaudio records.
        settings: the other settings of :class:`SpeechCommandsDataModule`.

    Raises:
        InputError: an argument is out of range.
    """

    def __init__(
        self,
        root: str = "data/speech_commands",
        front_end: FrontEnd | None = None,
        version: Literal["v0.02", "v0.01"] = "v0.02",
        download: bool = False,
        *settings: Any,
        **named_settings: Any,
    ) -> None:
        super().__init__(root, front_end, *settings, **named_settings)
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
        with locked(self.root / release, wait=True):
            if not holds_digits(self.root / release):  # another command may have made it meanwhile
                self._make_corpus(self.root / release)
        return self.root / release

    def _make_corpus(self, folder: Path) -> None:
        archive = self.root / self.url.rpartition("/")[2]
        checksum = speechcommands._CHECKSUMS[self.url]
        if not archive.exists() or sha256_of(archive) != checksum:
            fetch(self.url, archive, checksum)
        unpack_digits(archive, folder)
        archive.unlink()
