"""The innermost cause of a nested report, in one sentence."""

import pytest

from lightning_modules.command_line.parser_errors import first_sentence
from lightning_modules.errors import closest

NESTED = """Parser key "model":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'LightningModule'>, <class 'NoneType'>]
  Errors:
    - Problem with given class_path 'lightning_modules.ClassifierModule':
        Parser key "label_smoothing":
          Expected a <class 'float'>. Got value: high
    - Expected a <class 'NoneType'>
  Given value type: <class 'str'>
  Given value: high
"""


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (NESTED, "model.label_smoothing must be float, got high"),
        ("guidance_scale must be at least 0, got -1", "guidance_scale must be at least 0, got -1"),
        (
            "unrecognized arguments: --trainer.max_step=3",
            "unknown setting '--trainer.max_step=3'; did you mean '--trainer.max_steps'?",
        ),
        ("Subcommand 'fit' does not accept option 'zebra'", "fit has no setting 'zebra': see --help"),
        (
            "Parser key \"sampling.guidance_at\":\n  Expected a typing.Literal['noisy', 'denoised']. Got value: clean",
            "sampling.guidance_at must be one of 'noisy', 'denoised', got clean",
        ),
        ("the following arguments are required: fit.model", "fit.model must be given: see --help"),
        ("", "ValueError"),
    ],
)
def test_first_sentence(report, sentence):
    assert first_sentence(ValueError(report), ["--trainer.max_steps", "--trainer.devices"]) == sentence


def test_closest():
    assert closest("labls", ["labels", "seed"]) == "; did you mean 'labels'?"
    assert closest("zebra", ["labels", "seed"]) == ""


@pytest.mark.parametrize(
    ("owner", "wrong", "right"),
    [
        ("datamodules.SC09DataModule", "batchsize", "batch_size"),  # a setting of the class that it derives from
        ("datamodules.SC09DataModule", "downlod", "download"),
        ("lightning_modules.networks.UNet", "patchsize", "patch_size"),  # a setting of its encoder
        ("lightning_modules.networks.Classifier", "multiplier", "multipliers"),
    ],
)
def test_settings_that_a_class_hands_on_are_suggested_too(owner, wrong, right):
    report = f"Problem with given class_path '{owner}':\n  Option '{wrong}' is not accepted before"
    assert first_sentence(ValueError(report)) == f"{owner} has no setting {wrong!r}; did you mean {right!r}?"
