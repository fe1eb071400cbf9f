"""Lightning data modules: corpora of spoken digits, and lists of samples that a generator is to draw."""

from datamodules.datasets import Batch, RequestBatch
from datamodules.sample_requests import SampleRequests
from datamodules.sc09 import SC09DataModule
from datamodules.speech_commands import SpeechCommandsDataModule
from datamodules.spoken_digits import SpokenDigitsDataModule

__all__ = [
    "Batch", "RequestBatch", "SC09DataModule", "SampleRequests", "SpeechCommandsDataModule",
    "SpokenDigitsDataModule",
]  # fmt: skip
