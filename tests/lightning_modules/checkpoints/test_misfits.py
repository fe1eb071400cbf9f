"""Models, classifiers, taps and data that do not fit each other are refused, with what differs."""

import pytest
import tiny
from tiny import check

FRONT_END = '--data.init_args.front_end={"class_path":"lightning_modules.audio.LogMel","init_args":{"f_max":7000}}'
SDE = '--model.init_args.sde={"class_path":"lightning_modules.diffusion.VPSDE","init_args":{"beta_max":10}}'
REQUESTS = "--data=SampleRequests"


@pytest.mark.parametrize("name", ["classifier", "evaluator"])
def test_predict_from_what_is_no_generator(name, refused, request):
    check(refused("predict", "--ckpt_path", request.getfixturevalue(name)), ["generator", "Module"])


@pytest.mark.parametrize("other", ["unet", "evaluator"])
def test_classifier_path_holds_something_else(other, refused, configs, request):
    path = request.getfixturevalue(other)
    arguments = tiny.fit_arguments(configs, "score_subnet", "out", f"--model.init_args.classifier={path}")
    check(refused(*arguments), ["expected a classifier checkpoint", str(path)])


def test_unknown_tap_lists_the_nearest(refused, configs, classifier):
    given = [f"--model.init_args.classifier={classifier}", "--model.init_args.taps=[stem,stages.9.0]"]
    check(
        refused(*tiny.fit_arguments(configs, "score_subnet", "out", *given)),
        ["'stages.9.0'", "stages.0.0", "stages.1.0"],
    )


def test_tap_that_gives_no_map(refused, configs, classifier):
    given = [f"--model.init_args.classifier={classifier}", "--model.init_args.taps=[logits]"]
    check(refused(*tiny.fit_arguments(configs, "score_subnet", "out", *given)), ["'logits'", "maps (B, C, F, L)"])


@pytest.mark.parametrize("name", ["score_subnet", "unet"])
def test_front_end_of_classifier_and_data_differ(name, refused, configs, classifier):
    arguments = tiny.fit_arguments(configs, name, "out", f"--model.init_args.classifier={classifier}", FRONT_END)
    check(refused(*arguments), ["f_max", "8000", "7000"])


def test_sde_of_classifier_and_unet_differ(refused, configs, classifier):
    arguments = tiny.fit_arguments(configs, "unet", "out", f"--model.init_args.classifier={classifier}", SDE)
    check(refused(*arguments), ["beta_max", "20", "10"])


def test_resuming_with_other_settings(refused, configs, classifier, score_subnet):
    wider = "--model.init_args.network.init_args.base_channels=16"
    arguments = tiny.fit_arguments(configs, "classifier", "out", "--ckpt_path", classifier, wider)
    check(refused(*arguments), ["base_channels", "8", "16", "--weights_from"])
    arguments = tiny.fit_arguments(configs, "classifier", "out", "--ckpt_path", score_subnet)
    check(refused(*arguments), ["ScoreSubnetModule", "ClassifierModule"])


def test_digit_that_the_classifier_never_saw(refused, configs, tmp_path):
    seen = "--data.init_args.labels=[3,7]"
    backbone = tiny.fit(configs, "classifier", tmp_path / "classifier", seen, "--trainer.max_steps=1")
    given = [f"--model.init_args.classifier={backbone}", seen, "--trainer.max_steps=1"]
    checkpoint = tiny.fit(configs, "score_subnet", tmp_path / "score_subnet", *given)
    check(refused("predict", "--ckpt_path", checkpoint, REQUESTS, "--data.init_args.labels=[4]"), ["digit 4", "[3, 7]"])
    callback = ["--trainer.callbacks+=callbacks.GuidedSampling", "--trainer.callbacks.labels=[4]"]
    check(refused(*tiny.fit_arguments(configs, "score_subnet", "out", *given, *callback)), ["digit 4", "[3, 7]"])
