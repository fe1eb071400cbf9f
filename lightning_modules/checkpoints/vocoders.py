"""Vocoders with trained weights: the published HiFi-GAN, and those that `scoretap fit` trained."""

from pathlib import Path

import torch
from torch import Tensor

from datamodules.download import fetch_cached, sha256_of
from datamodules.feature_cache import default_cache_dir
from lightning_modules.audio import GriffinLim, LogMel, Vocoder
from lightning_modules.checkpoints.catalogue import entries
from lightning_modules.checkpoints.reading import find_checkpoint, load_module
from lightning_modules.checkpoints.store import named_weights
from lightning_modules.errors import InputError
from lightning_modules.networks import HiFiGANGenerator, MelToWaveform
from lightning_modules.networks.vocoders.hifigan import from_published

PUBLISHED = "speechbrain/tts-hifigan-libritts-16kHz"
PUBLISHED_SHA256 = "2d92a97446467ae5b7ec561df1b1103793a92f0cab40db0aab5e8fdb9721646d"
HUB_FILE = "https://huggingface.co/{name}/resolve/main/generator.ckpt"
_FREE = ("num_samples", "num_frames", "log_max")  # clip length and scaling, which the weights do not depend on


class HiFiGAN(Vocoder):
    """HiFi-GAN with the published weights of ``speechbrain/tts-hifigan-libritts-16kHz`` (Apache-2.0, 56 MB).

    63 or 64 frames in, 16,000 samples out: the frames of the analysed second, 63, give 16,128 samples, and the first
    16,000 are kept. SpeechBrain's ``inference()`` repeats the outermost frames five times on either side, which shifts
    the waveform by 1,280 samples and costs 16 % more; here frames go in as they did in its training.

    The weights are fetched on first use to the user's cache folder, and checked against ``sha256`` before being read.

    Args:
        front_end: the analysis whose log-Mels come in; it must be the one that the weights were trained on.
        source: name on the Hugging Face hub, ``owner/model`` with a file ``generator.ckpt``, or path of such a file.
        sha256: checksum of that file; null takes a local file as it is.

    Raises:
        InputError: the front end is not the weights', or the source or checksum cannot be used.
    """

    def __init__(
        self, front_end: LogMel | None = None, source: str = PUBLISHED, sha256: str | None = PUBLISHED_SHA256
    ) -> None:
        super().__init__(front_end)
        differences = LogMel().differences(self.front_end)
        if different := [d for d in differences if d.partition(":")[0] not in _FREE]:
            raise InputError(
                f"HiFiGAN's weights and its log-Mels must share one front end, they differ in {'; '.join(different)}: "
                "use the default LogMel or another vocoder"
            )
        if not Path(source).is_file():
            if source.count("/") != 1 or Path(source).suffix:
                raise InputError(f"expected source a file, or owner/model on the hub, got {source!r}: correct source")
            if sha256 is None or (sha256 == PUBLISHED_SHA256 and source != PUBLISHED):
                raise InputError(
                    f"expected the SHA-256 of generator.ckpt of {source!r}, got {sha256 or 'none'}: give it as sha256"
                )
        self.source, self.sha256 = source, sha256
        self.network: HiFiGANGenerator | None = None

    def prepare(self) -> None:
        if self.network is None:
            path = self._weights_file()
            device = self.front_end.filter_bank.device
            network = HiFiGANGenerator(self.front_end)
            try:
                network.load_state_dict(from_published(network, _read_weights(path)))
            except ValueError as error:
                raise InputError(f"cannot use {str(path)!r} as HiFi-GAN: {error}: correct source") from error
            self.network = network.to(device).eval().requires_grad_(False)

    def _weights_file(self) -> Path:
        """The file of weights, whole and with the right checksum."""
        path = Path(self.source)
        if path.is_file():
            if self.sha256 is not None and (found := sha256_of(path)) != self.sha256:
                raise InputError(
                    f"expected {str(path)!r} with SHA-256 {self.sha256}, got {found}: use another copy, or set sha256 "
                    "to that of the file that is meant"
                )
            return path
        assert self.sha256 is not None
        path = default_cache_dir() / "weights" / f"{self.sha256[:16]}.ckpt"
        url = HUB_FILE.format(name=self.source)
        fetch_cached(url, path, self.sha256, "give the path of a copy as source")
        return path

    def synthesize(self, log_mel: Tensor) -> Tensor:
        self.prepare()
        assert self.network is not None
        return self.network(log_mel)


class NeuralVocoder(Vocoder):
    """A vocoder trained by ``scoretap fit``; its checkpoint holds network and front end, and needs no other file.

    Args:
        checkpoint: path of a ``VocoderModule``'s checkpoint, its run's folder, or a shipped model's name.
        front_end: the analysis whose log-Mels come in; the checkpoint's by default.

    Raises:
        InputError: the checkpoint is missing, damaged or of something else, or ``front_end`` is not its own.
    """

    def __init__(self, checkpoint: str, front_end: LogMel | None = None) -> None:
        module = load_module(find_checkpoint(checkpoint))
        network = getattr(module, "network", None)
        if not isinstance(network, MelToWaveform):
            raise InputError(
                f"expected a vocoder's checkpoint, {checkpoint!r} is one of {type(module).__name__}: give another"
            )
        if front_end is not None and (differences := network.front_end.differences(front_end)):
            raise InputError(
                f"the vocoder in {checkpoint!r} and its log-Mels must share one front end, they differ in "
                f"{'; '.join(differences)}: leave out front_end, or train a vocoder on it"
            )
        super().__init__(network.front_end)
        self.network = network.eval().requires_grad_(False)

    def synthesize(self, log_mel: Tensor) -> Tensor:
        return self.network(log_mel)


def default_vocoder(front_end: LogMel) -> Vocoder:
    """The shipped vocoder that was trained on ``front_end``, or Griffin-Lim where there is none."""
    analysis = {"class": type(front_end).__name__, **front_end.settings}
    for entry in entries():
        if entry.kind == "vocoder" and entry.front_end == analysis:
            return NeuralVocoder(str(named_weights(entry.name)))
    return GriffinLim(front_end)


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes of anything else make the unpickler raise anything
        raise ValueError(f"it holds no weights ({type(error).__name__})") from error
    if not isinstance(weights, dict) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise ValueError("expected tensors by name in it")
    return weights
