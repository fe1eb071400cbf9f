"""Damaged, foreign and odd checkpoints: one sentence, whatever is missing or of another kind."""

import copy
import hashlib
import json
import pickle
import zipfile

import pytest
import tiny
import torch
from safetensors.torch import save

from lightning_modules import InputError, load_evaluator
from lightning_modules.checkpoints import structure
from lightning_modules.checkpoints.reading import load_module, read_checkpoint
from lightning_modules.checkpoints.structure import check_structure
from lightning_modules.errors import NonFiniteError
from lightning_modules.evaluation.scoring.predictions import predict

MISSING = object()


def changed(content, place, value):
    """A copy of a checkpoint with another value, or none, at a place such as ``scoretap/labels``."""
    content = copy.deepcopy(content)
    *steps, last = (int(step) if step.isdigit() else step for step in place.split("/"))
    holder = content
    for step in steps:
        holder = holder[step]
    if value is MISSING:
        del holder[last]
    else:
        holder[last] = value
    return content


def deep(levels):
    value = {}
    for _ in range(levels):
        value = {"x": value}
    return value


def cyclic():
    value = {}
    value["x"] = [value]
    return value


DAMAGE = {
    "state_dict": [MISSING, None, {"a": 1}, {1: torch.zeros(1)}, torch.zeros(2).to_sparse()],
    "raw_parameters": [{"network.nothing": torch.zeros(1)}, [], {"network.logits.weight": 3}],
    "hyper_parameters": [MISSING, None, [], {}, {"_class_path": 3}, deep(60), cyclic(), {"_class_path": ""}],
    "hyper_parameters/_class_path": [MISSING, None, 7, "lightning_modules.NoSuchModule", "torch.nn.Linear", "a..b"],
    "hyper_parameters/network": [5, "lightning_modules.networks.Nothing", torch.zeros(1), {"class_path": "X"}, b"\0"],
    "hyper_parameters/network/init_args/base_channels": [-8, 0, "many", [1], None, 1.5],
    "hyper_parameters/network/init_args/multipliers": [[], [0], "x", [[]]],
    "hyper_parameters/no_setting": [1],
    "scoretap": [MISSING, None, 3, []],
    "scoretap/labels": [None, 3, "abc", [11], ["a"], [True], [[]]],
    "datamodule_hyper_parameters": [3, "x", {"_class_path": 4}, {"x": torch.zeros(1)}],
    "pytorch-lightning_version": [MISSING, None, 2, "", "x.y", "1.5.0"],
    "epoch": [MISSING, -1, "3", 1.5],
    "global_step": [MISSING, None, -1, "3", True],
    "run": [[], None, {"configs": 3}, {"configs": [1]}],
}
STATES = {
    "optimizer_states": [MISSING, None, [3], [{}], [{"state": {}}]],
    "lr_schedulers": [MISSING, 3, [3]],
    "loops": [MISSING, None, {}, {"fit_loop": 3}],
    "loops/fit_loop/epoch_progress": [None, {}, {"total": {}}, 3],
    "loops/fit_loop/epoch_loop.batch_progress/is_last_batch": [3],
    "loops/fit_loop/epoch_progress/current/completed": [-1, "1", None],
    "SpeechCommandsDataModule": [MISSING, {}, {"epoch": 1}, {"epoch": "1", "batches": 0}, 3],
}
LATER = {  # seen when the optimiser is there, before the first step
    "optimizer_states/0/param_groups/0/betas": [MISSING, ["x", 0.9]],
    "optimizer_states/0/param_groups/0/lr": [float("nan")],
    "optimizer_states/0/param_groups/0/params": [[]],
    "optimizer_states/0/state/0": [[]],
    "optimizer_states/0/state/0/exp_avg": [MISSING, torch.zeros(2, 2)],
    "loops/fit_loop/epoch_loop.batch_progress/is_last_batch": [MISSING],
    "lr_schedulers/0/last_epoch": [MISSING],
    "callbacks/NonFiniteGuard": [3],
}
CASES = [(place, i) for place, values in DAMAGE.items() for i in range(len(values))]


@pytest.mark.parametrize(("place", "which"), CASES)
def test_damage_is_refused(place, which, classifier, tmp_path):
    path, value = tmp_path / "x.ckpt", DAMAGE[place][which]
    content = changed(torch.load(classifier, weights_only=True), place, value)
    torch.save(content, path)
    with pytest.raises(InputError) as refused:
        load_module(path)
    sentence = str(refused.value)
    assert "\n" not in sentence and len(sentence) < 700 and ("x.ckpt" in sentence or "checkpoint" in sentence), sentence


@pytest.mark.parametrize("place", ["hyper_parameters/network/init_args/base_channels", "hyper_parameters/no_setting"])
def test_a_command_refuses_it_too(place, classifier, tmp_path, refused):
    for value in DAMAGE[place]:
        torch.save(changed(torch.load(classifier, weights_only=True), place, value), tmp_path / "x.ckpt")
        refused("validate", "--ckpt_path", tmp_path / "x.ckpt")


@pytest.mark.parametrize(("place", "which"), [(place, i) for place in STATES for i in range(len(STATES[place]))])
def test_training_does_not_go_on_without_its_states(place, which, classifier, tmp_path, refused, configs):
    content = torch.load(classifier, weights_only=True)
    torch.save(changed(content, place, STATES[place][which]), tmp_path / "x.ckpt")
    sentence = refused(*tiny.fit_arguments(configs, "classifier", "out", "--ckpt_path", tmp_path / "x.ckpt"))
    assert place.partition("/")[0] in sentence or "weights only" in sentence


@pytest.mark.parametrize(("place", "which"), [(place, i) for place in LATER for i in range(len(LATER[place]))])
def test_training_does_not_go_on_with_damaged_states(place, which, classifier, tmp_path, scoretap, configs):
    content = torch.load(classifier, weights_only=True)
    torch.save(changed(content, place, LATER[place][which]), tmp_path / "x.ckpt")
    arguments = tiny.fit_arguments(configs, "classifier", "out", "--trainer.max_epochs=3", "--ckpt_path", "../x.ckpt")
    status, err = scoretap(*arguments)
    assert status == 2 and err.count("scoretap: ") == 1 and err.endswith(": use another copy\n"), err
    assert "damaged" in err


def test_drawing_needs_whole_loops(score_subnet, tmp_path, scoretap):
    content = torch.load(score_subnet, weights_only=True)
    torch.save(changed(content, "loops/predict_loop", MISSING), tmp_path / "x.ckpt")
    status, err = scoretap("predict", "--ckpt_path", "../x.ckpt", "--data.init_args.labels=[1]")
    assert status == 2 and err.startswith("scoretap: ") and err.count("\n") == 1, err


@pytest.mark.parametrize("missing", ["labels", "class_path", "init_args", "fingerprint"])
def test_a_classifier_inside_a_generator(missing, score_subnet, tmp_path, refused):
    content = torch.load(score_subnet, weights_only=True)
    torch.save(changed(content, f"hyper_parameters/classifier/{missing}", MISSING), tmp_path / "x.ckpt")
    assert f"classifier/{missing} is missing" in refused("predict", "--ckpt_path", tmp_path / "x.ckpt")


def test_foreign_files(tmp_path, refused):
    files = {"a list": [1, 2], "weights": {"fc.weight": torch.zeros(2)}, "lightning": {"state_dict": {}, "epoch": 1}}
    for content in files.values():
        torch.save(content, tmp_path / "x.ckpt")
        assert "not a scoretap checkpoint" in refused("predict", "--ckpt_path", tmp_path / "x.ckpt")
    with zipfile.ZipFile(tmp_path / "zip.ckpt", "w") as archive:
        archive.writestr("readme", "a zip of something else")
    (tmp_path / "pickle.ckpt").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "text.ckpt").write_text("version https://git-lfs.github.com/spec/v1\n")
    (tmp_path / "empty.ckpt").touch()
    for name in ("zip", "pickle", "text", "empty"):
        assert "damaged or no checkpoint" in refused("predict", "--ckpt_path", tmp_path / f"{name}.ckpt")


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b'\x08\0\0\0\0\0\0\0{"a":1}}', save({})[:4]])
def test_weights_that_are_none_though_their_checksum_is_right(content, ship):
    path = ship("evaluator")
    path.write_bytes(content)
    facts = json.loads(path.with_suffix(".json").read_text())
    facts |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    path.with_suffix(".json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="damaged or no weights"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "change",
    [
        {"checkpoint": None}, {"checkpoint": {}}, {"front_end": 3}, {"sha256": None}, {"bytes": "x"},
        {"fingerprint": []}, {"more": 1},
    ],
)  # fmt: skip
def test_descriptions_of_another_kind(change, ship):
    path = ship("evaluator")
    facts = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(facts | change))
    with pytest.raises(InputError, match="tiny-evaluator.json"):
        read_checkpoint(path)
    path.with_suffix(".json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="tiny-evaluator.json"):
        read_checkpoint(path)


def test_a_whole_checkpoint_passes(classifier, score_subnet, evaluator):
    for path in (classifier, score_subnet, evaluator):
        content = torch.load(path, weights_only=True)
        check_structure(content, "it")
        structure.check_resumable(content, "it")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(value, evaluator, classifier, tmp_path, refused):
    for source in (evaluator, classifier):
        content = torch.load(source, weights_only=True)
        name = next(name for name, tensor in content["state_dict"].items() if tensor.is_floating_point())
        content["state_dict"][name].view(-1)[0] = value
        torch.save(content, tmp_path / "x.ckpt")
        with pytest.raises(InputError, match="not finite"):
            load_module(tmp_path / "x.ckpt")
        assert "are not finite" in refused("validate", "--ckpt_path", tmp_path / "x.ckpt")


def test_an_evaluator_that_overflows(evaluator, tmp_path):
    """Each weight is finite, and no answer is."""
    content = torch.load(evaluator, weights_only=True)
    for name, tensor in content["state_dict"].items():
        if name.startswith("network.") and tensor.ndim > 1:
            tensor.fill_(1e38)
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(InputError, match="hears nothing: its outputs are not finite"):
        load_evaluator(tmp_path / "x.ckpt")
    module, batch = load_module(tmp_path / "x.ckpt"), (torch.randn(2, 16000), torch.tensor([1, 2]))
    with pytest.raises(NonFiniteError, match="clips 0 to 1"):
        list(predict(module, [batch]))
