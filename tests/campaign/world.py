"""Small corpora, trained models and commands that all cases share."""

import http.server
import os
import shutil
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tiny
import yaml
from bench.recordings import record_corpus

from campaign.commands import Outcome, run
from campaign.outcomes import check_done, snapshot
from datamodules.corpus_layout import DIGITS, LISTS

CLIPS, PER_SPLIT = 160, 20
STEPS = ["--trainer.max_epochs=-1", "--trainer.max_steps=14"]
DRAW = ["--sampling.num_steps=2", "--vocoder=GriffinLim"]
SILENT = ["--trainer.enable_progress_bar=false"]


class World:
    """Read-only files of all cases: a corpus of noise with lists, configs, models, samples.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.corpus, self.configs, self.samples = folder / "corpus", folder / "configs", folder / "samples" / "samples"

    def build(self) -> None:
        """Make everything anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        record_corpus(self.corpus, CLIPS)
        takes = CLIPS // len(DIGITS)
        for split, first in (("val", 0), ("test", PER_SPLIT // len(DIGITS))):
            numbers = range(first, first + PER_SPLIT // len(DIGITS))
            names = [f"{word}/{take:08x}_nohash_0.wav\n" for word in DIGITS for take in numbers if take < takes]
            (self.corpus / LISTS[split]).write_text("".join(names))
        self.configs.mkdir()
        data = {"class_path": "datamodules.SpeechCommandsDataModule", "init_args": {"root": str(self.corpus)}}
        data["init_args"]["batch_size"] = 32
        callbacks = yaml.safe_load((Path(__file__).parents[2] / "configs" / "base.yaml").read_text())["trainer"]
        callbacks["callbacks"][0]["init_args"] |= {"every_n_train_steps": 4, "save_on_train_epoch_end": False}
        within = {"trainer": {"callbacks": callbacks["callbacks"]}}
        for name, content in {**tiny.CONFIGS, "data": {"data": data}, "within": within}.items():
            (self.configs / f"{name}.yaml").write_text(yaml.safe_dump(content))
        self._archive()
        for name in ("classifier", "evaluator", "vocoder", "score_subnet"):
            more = [self.backbone] if name == "score_subnet" else []
            check_done(run(tiny.fit_arguments(self.configs, name, ".", *more), self.folder / name))
        check_done(run(self.predict(folder="samples"), self.folder / "samples"))
        check_done(run(self.test(), self.folder / "scored"))

    def _archive(self) -> None:
        with tarfile.open(self.folder / "archive.tar.gz", "w:gz") as tar:
            for path in sorted(self.corpus.rglob("*.*")):
                tar.add(path, str(path.relative_to(self.corpus)))

    def model(self, name: str) -> Path:
        """Last checkpoint of a model."""
        return self.folder / name / "run" / "checkpoints" / "last.ckpt"

    @property
    def backbone(self) -> str:
        """The flag that gives a Score Subnet its classifier."""
        return f"--model.init_args.classifier={self.model('classifier')}"

    def fit(self, name: str, *more: str) -> list[str]:
        """Train a tiny model into ``runs/run``; versions are Lightning's."""
        words = [word for word in tiny.fit_arguments(self.configs, name, "runs") if not word.endswith(".version=")]
        return [*words, *([self.backbone] if name == "score_subnet" else []), *more]

    def predict(self, folder: str = "samples", model: Path | str | None = None, *more: str) -> list[str]:
        """Draw six samples in three batches."""
        requests = ["--data=SampleRequests", "--data.init_args.labels=[0,1,2,3,4,5]", "--data.init_args.batch_size=2"]
        words = ["predict", "--ckpt_path", str(model or self.model("score_subnet")), *requests, *DRAW, *SILENT]
        return [*words, f"--sample_writer.folder={folder}", *more]

    def test(self, *more: str) -> list[str]:
        """Draw and score six samples."""
        scoring = ["--scoring.count=6", "--scoring.batch_size=2", "--scoring.minimum_accuracy=0"]
        scoring += [f"--scoring.evaluator={self.model('evaluator')}", "--scoring.folder=scored"]
        return ["test", "--ckpt_path", str(self.model("score_subnet")), *scoring, *DRAW, *SILENT, *more]


class Plan(NamedTuple):
    """A command that accidents befall.

    Attributes:
        args: the command line.
        before: puts what it needs into its working folder.
        enter: called in its process first.
    """

    args: list[str]
    before: Callable[[Path], None] = lambda folder: None
    enter: Callable[[], None] | None = None


def plans(world: World) -> dict[str, Plan]:
    """All commands that write, by name."""
    spoken = ["--data=SpokenDigitsDataModule", "--data.init_args.root=spoken", "--data.init_args.num_clips=100"]
    one = ["--trainer.max_epochs=-1", "--trainer.max_steps=1"]
    sc09 = ["--data=SC09DataModule", "--data.init_args.root=sc09", "--data.init_args.download=true"]
    classifier = str(world.model("classifier"))
    demo = ["demo", "--output=demo", f"--data={world.configs}/data.yaml", "--steps_share=0.001"]
    score = ["score", str(world.samples), f"--evaluator={world.model('evaluator')}"]
    page = ["report", "samples", "--output=page"]
    return {
        "fit by steps": Plan(world.fit("classifier", *STEPS)),
        "fit by epochs": Plan(world.fit("classifier", "--trainer.max_epochs=3")),
        "fit saving within epochs": Plan(world.fit("classifier", *STEPS, f"--config={world.configs}/within.yaml")),
        "fit on taps": Plan(world.fit("score_subnet", *STEPS)),
        "fit a vocoder": Plan(world.fit("vocoder", "--trainer.max_epochs=2")),
        "predict": Plan(world.predict()),
        "test": Plan(world.test()),
        "report": Plan(page, lambda folder: _copy_samples(world, folder)),
        "report again": Plan(page, lambda folder: _old_page(world, folder)),
        "demo": Plan([*demo, "--samples_per_digit=2"]),
        "corpus": Plan(world.fit("classifier", *one, *spoken)),
        "download": Plan(world.fit("classifier", *one, *sc09), enter=lambda: _serve(world)),
        "cache": Plan(["validate", "--ckpt_path", classifier, *SILENT]),
        "score": Plan([*score, f"--reference={world.corpus}", "--minimum_accuracy=0"]),
        "table": Plan(["table", ".", "--output=table"], lambda folder: _rows(world, folder)),
        "listen": Plan(["listen", "--num_steps=2", "--output=listen", "--vocoder=light-vocoder"]),
    }


def _copy_samples(world: World, folder: Path) -> None:
    shutil.copytree(world.samples, folder / "samples")


def _old_page(world: World, folder: Path) -> None:
    _copy_samples(world, folder)
    check_done(run(["report", "samples", "--output=page", "--per_digit=1"], folder))
    (folder / "page" / "votes.json").write_text("[1]")


def _rows(world: World, folder: Path) -> None:
    (folder / "run").mkdir()
    shutil.copy(world.folder / "scored" / "scored" / "scores.json", folder / "run" / "scores.json")


def _serve(world: World) -> None:
    """Let this process download the archive of the corpus from a server of its own."""
    from torchaudio.datasets import speechcommands

    from datamodules import sc09
    from datamodules.download import sha256_of

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=str(world.folder), **kwargs)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/archive.tar.gz"
    sc09.URL = url
    speechcommands._CHECKSUMS[url] = sha256_of(world.folder / "archive.tar.gz")


class Reference(NamedTuple):
    """An uninterrupted run of a plan: digests of the files that it left, and how it ended."""

    after: dict[str, str]
    outcome: Outcome


class References:
    """Uninterrupted runs of plans, each made once.

    Args:
        world: files of all cases.
        folder: where they run.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self.plans, self.folder = plans(world), folder
        self.known: dict[str, Reference] = {}

    def place(self, name: str) -> Path:
        """Working folder of the uninterrupted run; its own name, which pages quote, is that of all cases."""
        return self.folder / name.replace(" ", "_") / "work"

    def prepare(self, name: str, folder: Path) -> Plan:
        """Make the working folder of a plan."""
        folder.mkdir(parents=True)
        plan = self.plans[name]
        plan.before(folder)
        return plan

    def get(self, name: str) -> Reference:
        """The uninterrupted run of the plan ``name``."""
        if name not in self.known:
            folder = self.place(name)
            plan = self.prepare(name, folder)
            outcome = run(plan.args, folder, prepare=plan.enter)
            check_done(outcome)
            self.known[name] = Reference(snapshot(folder), outcome)
        return self.known[name]


def linked_corpus(world: World, folder: Path) -> Path:
    """A copy of the corpus by links to its files, of which any may be removed and written anew."""
    shutil.copytree(world.corpus, folder, copy_function=os.link)
    for name in LISTS.values():
        content = (folder / name).read_text()
        (folder / name).unlink()
        (folder / name).write_text(content)
    return folder


def use_corpus(world: World, *more: str) -> list[str]:
    """A command that trains a step on ``corpus`` in the working folder, and validates."""
    short = ["--trainer.max_epochs=-1", "--trainer.max_steps=1", "--trainer.limit_val_batches=1"]
    return world.fit("classifier", *short, "--data.init_args.root=corpus", *more)
