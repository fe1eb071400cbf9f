"""From a checkpoint to a named model and back: what is rounded, what stays, and which fingerprints hold."""

import json
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from lightning_modules import load_generator
from lightning_modules.bases.frozen_classifier import describe_classifier
from lightning_modules.checkpoints.catalogue import find_entry
from lightning_modules.checkpoints.export import export, round_to_half
from lightning_modules.checkpoints.reading import check_fits, find_checkpoint, fingerprint, load_module, read_checkpoint
from lightning_modules.checkpoints.vocoders import NeuralVocoder
from lightning_modules.errors import InputError

MODELS = ["classifier", "score_subnet", "unet", "evaluator", "vocoder"]


@pytest.mark.parametrize("model", MODELS)
def test_round_trip(model, ship, request):
    """Weights come back as float32 within fp16's rounding, counters as they were, all else unchanged."""
    path = ship(model)
    before, after = read_checkpoint(request.getfixturevalue(model)), read_checkpoint(path)
    kept = {k: v for k, v in before["state_dict"].items() if not k.startswith("discriminators.")}
    assert after["state_dict"].keys() == kept.keys()
    for name, tensor in kept.items():
        found = after["state_dict"][name]
        assert found.dtype == tensor.dtype, name
        assert_close(found, tensor, rtol=2**-10, atol=float(2**-10 * tensor.abs().max()), msg=name)
    changed = sum(not torch.equal(tensor, kept[name]) for name, tensor in after["state_dict"].items())
    assert changed > len(kept) / 3, "nothing was rounded"
    assert after["scoretap"]["labels"] == before["scoretap"]["labels"]
    assert after["global_step"] == before["global_step"] and "optimizer_states" not in after
    again = load_module(path)
    check_fits(after, again)
    assert fingerprint(again.state_dict()) == find_entry(path.stem).fingerprint == fingerprint(after["state_dict"])
    assert find_entry(path.stem).trained_fingerprint == fingerprint(kept)


def test_averaged_weights_are_those_exported(ship, score_subnet):
    source = read_checkpoint(score_subnet)
    name = max(source["raw_parameters"], key=lambda name: source["raw_parameters"][name].numel())
    average, raw = source["state_dict"][name], source["raw_parameters"][name]
    exported = read_checkpoint(ship("score_subnet"))["state_dict"][name]
    assert (exported - average).abs().max() < 0.1 * (exported - raw).abs().max()
    assert find_entry("tiny-score-subnet").averaged


def test_a_classifier_shipped_alone_is_the_one_inside(ship, score_subnet):
    """Rounding happens once, when exported: each fingerprint is that of the weights which come back."""
    ship("classifier")
    inside = read_checkpoint(ship("score_subnet"))
    description, weights = describe_classifier("tiny-classifier")
    stored = inside["hyper_parameters"]["classifier"]["fingerprint"]
    assert description["fingerprint"] == fingerprint(weights) == inside["scoretap"]["classifier"] == stored
    assert stored != read_checkpoint(score_subnet)["scoretap"]["classifier"]
    generator = load_generator("tiny-score-subnet")
    assert fingerprint(generator.classifier.network.state_dict()) == generator.classifier.fingerprint == stored


def test_same_draws_up_to_rounding(ship, score_subnet):
    ship("score_subnet")
    drawn = [load_generator(path).sample([3, 1], num_steps=8)[1] for path in (score_subnet, "tiny-score-subnet")]
    assert 0 < (drawn[0] - drawn[1]).abs().max() < 0.02


def test_vocoder_leaves_its_critics_behind(ship, vocoder):
    path = ship("vocoder")
    assert any(name.startswith("discriminators.") for name in read_checkpoint(vocoder)["state_dict"])
    assert find_entry("tiny-vocoder").front_end["class"] == "LogMel", "what it reads, not what its corpus stores"
    log_mel = torch.randn(1, 80, 64, generator=torch.Generator().manual_seed(0)) - 4.0
    waveforms = [NeuralVocoder(str(name)).synthesize(log_mel) for name in (vocoder, path, "tiny-vocoder")]
    assert torch.equal(waveforms[1], waveforms[2])
    assert 0 < (waveforms[0] - waveforms[1]).abs().max() < 0.01


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor([1.0, 7e4]),  # beyond fp16's range
        torch.tensor([3e-7, 1e-8]),  # below its normal numbers
        torch.tensor([0.0, float("-inf")]),  # a mask
        torch.tensor([100000]),
        torch.zeros(0),
    ],
)
def test_what_fp16_does_not_hold_stays(tensor):
    assert round_to_half("weight", tensor) is tensor


def test_nan_is_refused():
    with pytest.raises(InputError, match="cannot export weight: it holds NaN"):
        round_to_half("weight", torch.tensor([1.0, float("nan")]))


def test_places_of_the_training_machine_stay_there(ship, digits_root):
    path = ship("classifier")
    assert digits_root.is_absolute() and str(digits_root) not in path.with_suffix(".json").read_text()
    assert read_checkpoint(path)["datamodule_hyper_parameters"]["root"] == "data/tiny"


def test_exporting_again_from_earlier_facts(ship, classifier, folder):
    path = ship("classifier")
    before = {file: file.read_bytes() for file in folder.iterdir()}
    export(str(classifier), path.stem, str(path.with_suffix(".json")), str(folder))
    assert {file: file.read_bytes() for file in folder.iterdir()} == before and len(before) == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"licence": ""}, "expected licence to be a str that holds something, got ''"),
        ({"limits": []}, "expected limits to be a list that holds something"),
        ({"seeds": ["zero"]}, "expected seeds to hold int only, got 'zero'"),
        ({"limit": ["none"]}, "Facts has no 'limit'; did you mean 'limits'?"),
        ({"scores": [{"measure": "FID", "value": 1.0}]}, "Score lacks 'how'"),
        ({"scores": [{"measure": "FID", "value": "good", "how": "x"}]}, "expected 'FID' with figures"),
        ({"scores": [{"measure": "FID", "value": 1.0, "how": "x", "interval": [1.0]}]}, "two of them as interval"),
    ],
)
def test_incomplete_facts(change, sentence, ship, folder):
    with pytest.raises(InputError, match="facts.yaml: ") as refused:
        ship("classifier", **change)
    assert sentence in str(refused.value)
    assert not list(folder.iterdir())


def test_missing_facts(facts, folder, classifier, tmp_path):
    content = [line for line in Path(facts()).read_text().splitlines() if not line.startswith("attribution")]
    (tmp_path / "less.yaml").write_text("\n".join(content))
    with pytest.raises(InputError, match="Facts lacks 'attribution'"):
        export(str(classifier), "tiny", str(tmp_path / "less.yaml"), str(folder))
    with pytest.raises(InputError, match="cannot read facts from 'nowhere.yaml'"):
        export(str(classifier), "tiny", "nowhere.yaml", str(folder))


@pytest.mark.parametrize("name", ["Tiny", "tiny.v2", "tiny/v2", "", "-tiny"])
def test_names(name, facts, folder, classifier):
    with pytest.raises(InputError, match="small letters, digits and hyphens"):
        export(str(classifier), name, facts(), str(folder))


def test_description_is_plain_text(ship):
    content = json.loads(ship("evaluator").with_suffix(".json").read_text())
    assert content["checkpoint"]["hyper_parameters"]["_class_path"] == "lightning_modules.EvaluatorModule"
    assert find_checkpoint("tiny-evaluator").name == "tiny-evaluator.safetensors"
