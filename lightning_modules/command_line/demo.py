"""`scoretap demo` runs the whole method on the embedded corpus, by the commands that a user would type."""

import shlex
import time
from pathlib import Path
from typing import Any

import torch

from lightning_modules.evaluation.scoring import (
    Row,
    folder_batches,
    format_scores,
    score_clips,
    split_batches,
    write_scores,
)
from lightning_modules.loading import load_evaluator
from lightning_modules.locks import locked
from lightning_modules.new_files import new_file
from lightning_modules.ranges import ABOVE_ZERO, check_ranges
from lightning_modules.tracking.pictures import save_mel_grid

GUIDANCE_SCALES = (0.0, 3.0)


class _Stages:
    """Runs commands, prints each, and measures its time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def run(self, name: str, command: str, arguments: list[str]) -> None:
        from lightning_modules.command_line.trainer import run_trainer

        print(f"\n== {name}\n$ scoretap {command} {shlex.join(arguments)}", flush=True)
        start = time.perf_counter()
        run_trainer(command, arguments)
        self.seconds[name] = time.perf_counter() - start


def demo(
    output: str = "runs/demo", data: str = "data/spoken_digits", steps_share: float = 1.0, samples_per_digit: int = 4
) -> None:
    """Train the method on a small corpus, draw guided and unguided digits, and score them by a separate evaluator.

    Args:
        output: folder for checkpoints, WAVs, the picture and the scores; written over.
        data: data config, by name or path.
        steps_share: share of the usual training steps, above 0, for a quick look at the mechanics; 1 or more runs all.
        samples_per_digit: samples of every digit at each guidance scale, at least 2, to see that samples differ.
    """
    check_ranges(steps_share=(steps_share, ABOVE_ZERO), samples_per_digit=(samples_per_digit, "[2, 10000]"))
    with locked(output, otherwise="give another --output"):
        _run_stages(Path(output), data, steps_share, samples_per_digit)


def _run_stages(folder: Path, data: str, steps_share: float, samples_per_digit: int) -> None:
    stages = _Stages()
    for name in ("classifier", "evaluator", "score_subnet"):
        stages.run(f"train {name}", "fit", _fit_arguments(name, folder, data, steps_share))
    for scale in GUIDANCE_SCALES:
        stages.run(f"draw at γ = {scale:g}", "predict", _predict_arguments(folder, scale, samples_per_digit))
    start = time.perf_counter()
    rows = _score(folder)
    stages.seconds["score"] = time.perf_counter() - start
    write_scores(folder / "scores.csv", rows)
    _print_summary(folder, rows, stages.seconds)


def _fit_arguments(name: str, folder: Path, data: str, steps_share: float) -> list[str]:
    configs = ["base", "logger/csv", data, f"small/{name}"]
    arguments = [word for config in configs for word in ("--config", config)]
    logger = "--trainer.logger.init_args"
    arguments += [f"{logger}.save_dir={folder}", f"{logger}.name={name}", f"{logger}.version="]
    if name == "score_subnet":
        arguments.append(f"--model.init_args.classifier={folder}/classifier/checkpoints/last.ckpt")
    if steps_share < 1.0:
        import yaml

        from lightning_modules.command_line.arguments import find_config

        steps = yaml.safe_load(find_config(f"small/{name}").read_text())["trainer"]["max_steps"]
        arguments.append(f"--trainer.max_steps={max(2, round(steps * steps_share))}")
    return arguments


def _predict_arguments(folder: Path, scale: float, count: int) -> list[str]:
    """Guided samples share a few seeds among all digits; unguided ones have a seed and a random digit each."""
    requests = [f"--data.init_args.count={count}"]
    if scale == 0:
        digits = torch.randint(10, (10 * count,), generator=torch.Generator().manual_seed(0)).tolist()
        table = folder / "unguided.csv"
        with new_file(table) as temporary:
            temporary.write_text("label,seed\n" + "".join(f"{digit},{seed}\n" for seed, digit in enumerate(digits)))
        requests = [f"--data.init_args.csv={table}"]
    return [
        "--config=sampling/ancestral",
        f"--ckpt_path={folder}/score_subnet",
        "--data=SampleRequests",
        *requests,
        f"--sampling.guidance_scale={scale:g}",
        f"--sample_writer.folder={folder}/samples/guidance={scale:g}",
        "--sample_writer.overwrite=true",
    ]


def _score(folder: Path) -> list[Row]:
    """Score real test clips, the same through the vocoder, and samples of each guidance scale; save the picture."""
    from lightning_modules.loading import load_generator

    evaluator = load_evaluator(folder / "evaluator" / "checkpoints" / "last.ckpt")
    generator = load_generator(folder / "score_subnet" / "checkpoints" / "last.ckpt")
    real = list(split_batches(_test_split(folder), limit=200))
    vocoded = [(generator.vocoder(generator.front_end(waveform)), y) for waveform, y in real]
    rows = [score_clips(evaluator, "real", real), score_clips(evaluator, "real through vocoder", vocoded)]
    fe, generated = generator.front_end, {}
    for scale in GUIDANCE_SCALES:
        samples = folder / "samples" / f"guidance={scale:g}"
        generated[scale] = list(folder_batches(samples, fe.sample_rate, fe.num_samples))
        rows.append(score_clips(evaluator, f"generated, γ = {scale:g}", generated[scale]))
    _save_picture(folder / "mels.png", generator.front_end, real, generated)
    return rows


def _test_split(folder: Path) -> Any:
    """Waveforms of the test clips of the corpus that the evaluator was trained on."""
    from jsonargparse import ArgumentParser
    from lightning.pytorch import LightningDataModule

    from lightning_modules.checkpoints.reading import data_config, read_checkpoint
    from lightning_modules.trust import check_trust

    parser = ArgumentParser()
    parser.add_subclass_arguments(LightningDataModule, "data")
    stored = data_config(read_checkpoint(folder / "evaluator" / "checkpoints" / "last.ckpt"))
    check_trust(stored)
    datamodule = parser.instantiate_classes(parser.parse_object({"data": stored})).data
    datamodule.prepare_data()
    datamodule.setup("test")
    return datamodule.split("test")


def _save_picture(path: Path, front_end: Any, real: Any, generated: dict[float, Any]) -> None:
    """Save spectrograms: two rows of guided samples, one of unguided, two of test clips, a column per digit."""

    def examples(batches: Any, take: int) -> torch.Tensor:
        waveforms, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
        chosen = [int((y == digit).nonzero().flatten()[take]) for digit in range(10)]
        return front_end(waveforms[chosen])[:, 0]

    def first_ten(batches: Any) -> torch.Tensor:
        return front_end(batches[0][0][:10])[:, 0]

    guided, unguided = generated[GUIDANCE_SCALES[1]], generated[GUIDANCE_SCALES[0]]
    rows = [(f"γ = 3, seed {take}", examples(guided, take)) for take in (0, 1)]
    rows += [("unguided", first_ten(unguided))]
    rows += [(f"real {take + 1}", examples(real, take)) for take in (0, 1)]
    save_mel_grid(path, rows, [str(digit) for digit in range(10)])


def _print_summary(folder: Path, rows: list[Row], seconds: dict[str, float]) -> None:
    print("\n== Scores by the separately trained evaluator (unguided samples have digits by lot: chance is 10 %)")
    print(format_scores(rows))
    print("\n== Time")
    for name, value in {**seconds, "together": sum(seconds.values())}.items():
        print(f"{name:<28}{value:>6.0f} s")
    print("\n== Files")
    for name, what in {
        "samples/": "WAVs and manifests",
        "mels.png": "generated over real",
        "scores.csv": "this table",
        "score_subnet/checkpoints/last.ckpt": "for scoretap predict and load_generator",
    }.items():
        print(f"{folder / name!s:<52}{what}")
