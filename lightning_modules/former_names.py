"""Former names of modules that have moved: imports by those names still work."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

FORMER_NAMES = {
    "callbacks.manifest": "datamodules.manifest",
    "callbacks.media": "lightning_modules.tracking.media",
    "callbacks.pictures": "lightning_modules.tracking.pictures",
    "callbacks.wav_files": "datamodules.audio_files",
    "datamodules.batch": "datamodules.datasets",
    "datamodules.corpus_split": "datamodules.datasets",
    "datamodules.speech_commands_datamodule": "datamodules.speech_commands",
    "lightning_modules.allocator": "lightning_modules.command_line.allocator",
    "lightning_modules.arguments": "lightning_modules.command_line.arguments",
    "lightning_modules.base": "lightning_modules.bases.noisy",
    "lightning_modules.bases.dsm": "lightning_modules.bases.generator",
    "lightning_modules.batch_size": "lightning_modules.bases.batch_size",
    "lightning_modules.demo": "lightning_modules.command_line.demo",
    "lightning_modules.descriptions": "lightning_modules.evaluation.scoring.descriptions",
    "lightning_modules.diffusion.classifier_free_guidance": "lightning_modules.diffusion.guidance",
    "lightning_modules.diffusion.thresholding": "lightning_modules.diffusion.clamp",
    "lightning_modules.diffusion.times": "lightning_modules.diffusion.training_times",
    "lightning_modules.dsm": "lightning_modules.bases.generator",
    "lightning_modules.evaluation.report.collect": "lightning_modules.evaluation.report.sample_sets",
    "lightning_modules.evaluation.report.columns": "lightning_modules.evaluation.report.page_columns",
    "lightning_modules.evaluation.report.command": "lightning_modules.evaluation.report.listening_page",
    "lightning_modules.evaluation.report.media": "lightning_modules.evaluation.report.page_media",
    "lightning_modules.evaluation.scoring.command": "lightning_modules.evaluation.scoring.folder_scores",
    "lightning_modules.evaluation.scoring.external.judge": "lightning_modules.evaluation.scoring.external.metric",
    "lightning_modules.evaluation.scoring.facts": "lightning_modules.evaluation.scoring.row_facts",
    "lightning_modules.evaluation.scoring.guide": "lightning_modules.evaluation.scoring.generators",
    "lightning_modules.evaluation.scoring.judging": "lightning_modules.evaluation.scoring.predictions",
    "lightning_modules.evaluation.scoring.keeping": "lightning_modules.evaluation.scoring.reference_cache",
    "lightning_modules.evaluation.scoring.real_speech": "lightning_modules.evaluation.scoring.scorer",
    "lightning_modules.evaluation.scoring.zero_shot": "lightning_modules.evaluation.scoring.generators",
    "lightning_modules.evaluation.tables.collect": "lightning_modules.evaluation.tables.row_files",
    "lightning_modules.evaluation.tables.columns": "lightning_modules.evaluation.tables.cells",
    "lightning_modules.evaluation.tables.command": "lightning_modules.evaluation.tables.run_table",
    "lightning_modules.evaluation.tables.paper": "lightning_modules.evaluation.tables.markdown",
    "lightning_modules.evaluation.tables.training_data": "lightning_modules.evaluation.tables.axes",
    "lightning_modules.evaluation.vocoders.command": "lightning_modules.evaluation.vocoders.comparison",
    "lightning_modules.evaluation.vocoders.means": "lightning_modules.evaluation.vocoders.perceptual",
    "lightning_modules.evaluation.vocoders.rows": "lightning_modules.evaluation.vocoders.vocoder_rows",
    "lightning_modules.frozen_classifier": "lightning_modules.bases.frozen_classifier",
    "lightning_modules.generator": "lightning_modules.bases.generator",
    "lightning_modules.metrics.diversity_error": "lightning_modules.metrics.diversity",
    "lightning_modules.metrics.frechet_error": "lightning_modules.metrics.frechet",
    "lightning_modules.metrics.modified_inception": "lightning_modules.metrics.inception",
    "lightning_modules.metrics.wilson": "lightning_modules.metrics.resampling",
    "lightning_modules.networks.convnext_istft": "lightning_modules.networks.vocoders.convnext_istft",
    "lightning_modules.networks.discriminators": "lightning_modules.networks.vocoders.discriminators",
    "lightning_modules.networks.hifigan": "lightning_modules.networks.vocoders.hifigan",
    "lightning_modules.networks.mel_to_waveform": "lightning_modules.networks.vocoders.mel_to_waveform",
    "lightning_modules.neural_vocoders": "lightning_modules.checkpoints.vocoders",
    "lightning_modules.parser_errors": "lightning_modules.command_line.parser_errors",
    "lightning_modules.path_commands": "lightning_modules.command_line.functions",
    "lightning_modules.pretrained.cards": "lightning_modules.checkpoints.cards",
    "lightning_modules.pretrained.catalogue": "lightning_modules.checkpoints.catalogue",
    "lightning_modules.pretrained.checkpoint_io": "lightning_modules.checkpoints.store",
    "lightning_modules.pretrained.command": "lightning_modules.command_line.models",
    "lightning_modules.pretrained.export": "lightning_modules.checkpoints.export",
    "lightning_modules.pretrained.facts": "lightning_modules.checkpoints.card_facts",
    "lightning_modules.pretrained.listen": "lightning_modules.command_line.listen",
    "lightning_modules.pretrained.store": "lightning_modules.checkpoints.store",
    "lightning_modules.report": "lightning_modules.evaluation.report",
    "lightning_modules.scoring": "lightning_modules.evaluation.scoring",
    "lightning_modules.starting_weights": "lightning_modules.checkpoints.starting_weights",
    "lightning_modules.tables": "lightning_modules.evaluation.tables",
    "lightning_modules.tracking.connection": "lightning_modules.tracking.wandb_tracker",
    "lightning_modules.trainer_cli": "lightning_modules.command_line.trainer",
    "lightning_modules.vocoder_comparison": "lightning_modules.evaluation.vocoders",
}


class _FormerNamesFinder(MetaPathFinder, Loader):
    """Answers an import by a former name with the module of the present name, so that there is one module, not two."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if _present_name(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(_present_name(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state  # the import machinery has set that of the former name


def _present_name(name: str) -> str:
    """The present name of a module; an empty string where it never had another."""
    for former, present in FORMER_NAMES.items():
        if name == former or name.startswith(f"{former}."):
            return present + name[len(former) :]
    return ""


def install() -> None:
    """Make former names importable, once per process."""
    if not any(isinstance(finder, _FormerNamesFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _FormerNamesFinder())  # before the finder that would load a second copy
