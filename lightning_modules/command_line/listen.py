"""`scoretap listen` draws digits with a shipped model, as WAVs, a picture and a page."""

import time
from pathlib import Path

from lightning_modules.locks import locked


def listen(
    model: str = "english-digits",
    output: str = "runs/listen",
    guidance_scale: float | None = None,
    num_steps: int | None = None,
    seed: int = 0,
    vocoder: str | None = None,
) -> None:
    """Draw every digit that a trained model knows, and make a picture and a page of them; nothing is trained.

    Args:
        model: a generator's name (see `scoretap models`), or its checkpoint.
        output: folder for WAVs, picture and page; earlier ones there are written over.
        guidance_scale: gamma, at least 0; 3 by default, and 0 of a student, which has learned it.
        num_steps: sampler steps; 25 by default, or as many as a student was made for.
        seed: of the noise, the same for all digits.
        vocoder: name or checkpoint of a vocoder; by default a shipped one that reads the model's log-Mels, else
            Griffin-Lim.

    Raises:
        InputError: the model or a setting cannot be used.
    """
    from lightning_modules.checkpoints.reading import find_checkpoint, read_checkpoint
    from lightning_modules.command_line.trainer import run_trainer
    from lightning_modules.evaluation.report.folder import check_folder
    from lightning_modules.evaluation.report.listening_page import make_report

    start, folder = time.perf_counter(), Path(output).expanduser()
    check_folder(folder / "page")
    speak = [] if vocoder is None else ["--vocoder=NeuralVocoder", f"--vocoder.init_args.checkpoint={vocoder}"]
    settings = [f"--data.init_args.seed={seed}", "--trainer.enable_progress_bar=false"]
    if "sampling" not in read_checkpoint(find_checkpoint(model))["scoretap"]:  # a student is drawn in its own way
        guidance_scale = 3.0 if guidance_scale is None else guidance_scale
        num_steps = 25 if num_steps is None else num_steps
        settings.append("--config=sampling/ancestral")
    given = {"guidance_scale": guidance_scale, "num_steps": num_steps}
    settings += [f"--sampling.{name}={value}" for name, value in given.items() if value is not None]
    writer = [f"--sample_writer.folder={folder / 'samples'}", "--sample_writer.overwrite=true"]
    title = model if guidance_scale is None else f"{model}, γ = {guidance_scale:g}"
    with locked(folder, otherwise="give another --output"):
        run_trainer("predict", [f"--ckpt_path={model}", *settings, *speak, *writer])
        _draw_picture(folder / "mels.png", folder / "samples", title)
        make_report([str(folder / "samples")], str(folder / "page"), per_digit=1)
    print(f"WAVs in {folder / 'samples'}, spectrograms in {folder / 'mels.png'}: {time.perf_counter() - start:.0f} s")


def _draw_picture(path: Path, samples: Path, title: str) -> None:
    import torch

    from lightning_modules.audio import LogMel
    from lightning_modules.evaluation.scoring import folder_batches
    from lightning_modules.tracking.pictures import save_mel_grid

    front_end = LogMel()
    waveforms, y = zip(*folder_batches(samples, front_end.sample_rate, front_end.num_samples), strict=True)
    columns = [str(digit) if digit >= 0 else "any" for digit in torch.cat(y).tolist()]
    save_mel_grid(path, [("generated", front_end(torch.cat(waveforms))[:, 0])], columns, title)
