"""Part `data`: clips per second that the cached loader delivers, against those that training consumes."""

from pathlib import Path

import torch

from bench.execution import EAGER, TRAIN, make_step
from bench.models import SUBNET
from bench.recordings import record_corpus
from bench.report import Part
from bench.settings import Settings
from bench.timing import interleave, ratio
from datamodules import SpeechCommandsDataModule


def data(settings: Settings) -> Part:
    """Clips per second of a loader over cached features, whole epochs at a time, and of training steps."""
    batch = min(16, settings.full_batch)
    corpus = record_corpus(settings.scratch / "corpus", 40 if settings.tiny else 1000)
    module = _loaded(corpus, settings.scratch / "cache", batch)
    clips = len(module.split("train")) // batch * batch

    def epoch() -> None:
        for item in module.train_dataloader():
            item.x_0.to(settings.device, non_blocking=True)

    variants = {"loader": epoch, "training": make_step(TRAIN, SUBNET, EAGER, batch, settings)}
    timings = interleave(variants, settings.rounds, settings.least_seconds)
    part = Part("data", ["what", "clips per second"])
    for name, count in {"loader": clips, "training": batch}.items():
        part.rows.append([name, count / timings[name].best if timings[name].best else timings[name].failure])
    supply = ratio(timings["training"], timings["loader"], scale=clips / batch)
    part.ratios["clips per second: loader / training"] = supply
    part.notes.append(f"Score Subnet at {settings.label}, batches of {batch}, loaded in the training process.")
    return part


def _loaded(corpus: Path, cache: Path, batch: int) -> SpeechCommandsDataModule:
    torch.manual_seed(0)
    module = SpeechCommandsDataModule(root=str(corpus), batch_size=batch, cache_dir=str(cache))
    module.prepare_data()
    module.setup("fit")
    return module
