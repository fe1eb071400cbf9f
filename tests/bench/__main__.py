"""The command: `make bench`, or `PYTHONPATH=tests python -m bench` with the options below."""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from bench.backward import backward
from bench.data import data
from bench.levers import levers
from bench.networks import networks
from bench.peers import peers
from bench.report import Part, machine, save
from bench.sampling import sampling
from bench.scoring import scoring
from bench.settings import Settings, tiny_settings
from bench.vocoder import vocoder

PARTS: dict[str, Callable[[Settings], Part]] = {
    "networks": networks,
    "backward": backward,
    "sampling": sampling,
    "scoring": scoring,
    "data": data,
    "vocoder": vocoder,
    "levers": levers,
    "peers": peers,
}


def run(settings: Settings, output: Path, names: Sequence[str] = tuple(PARTS)) -> list[Part]:
    """Run the named parts, print their findings, and write them to ``output`` as JSON and Markdown."""
    facts, parts = machine(settings.device), []
    for name in names:
        start = time.perf_counter()
        parts.append(PARTS[name](settings))
        print(f"{parts[-1].markdown()}\n({name}: {time.perf_counter() - start:.0f} s)\n", flush=True)
        save(output, facts, parts)  # after each part: an interrupted run keeps what it has
    print(f"written to {output / 'bench.json'} and {output / 'bench.md'}")
    return parts


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse ``arguments`` and run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios of costs, measured side by side.")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--output", type=Path, default=Path("runs/bench"), help="folder of bench.json and bench.md")
    parser.add_argument("--tiny", action="store_true", help="the mechanics only, in seconds")
    parser.add_argument("--paper", action="store_true", help="models at paper size (the default on a GPU)")
    parser.add_argument("--clips", type=int, default=256, help="clips that are scored; the benchmark's number is 2048")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of every variant")
    parser.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        default=torch.cuda.is_available(),
        help="measure torch.compile too, which takes up to minutes per variant on a CPU (the default on a GPU)",
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.parts if name not in PARTS]:
        parser.error(f"expected parts among {', '.join(PARTS)}, got {unknown[0]!r}")
    if options.clips < 2 or options.rounds < 1:
        parser.error(f"expected --clips of 2 or more and --rounds of 1 or more, got {options.clips}, {options.rounds}")
    with tempfile.TemporaryDirectory() as scratch:
        settings = tiny_settings(Path(scratch)) if options.tiny else _settings(options, Path(scratch))
        run(settings, options.output, options.parts or tuple(PARTS))


def _settings(options: argparse.Namespace, scratch: Path) -> Settings:
    on_gpu = torch.cuda.is_available()
    settings = Settings(torch.device("cuda" if on_gpu else "cpu"), scratch, clips=options.clips, rounds=options.rounds)
    settings = replace(settings, compile=options.compile)
    if options.paper or on_gpu:
        full_batch, steps = (64, 25) if on_gpu else (4, 10)
        settings = replace(settings, size="experiments", full_batch=full_batch, steps=steps)
    return settings


if __name__ == "__main__":
    main()
