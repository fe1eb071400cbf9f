"""Real test clips through log-Mels and back are judged once for an evaluator, a corpus and a vocoder."""

import pytest
import torch

from lightning_modules.audio import GriffinLim, LogMel, Vocoder, Waveform
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring import load_reference, resynthesis
from lightning_modules.evaluation.scoring.anchors import resynthesised_rows
from lightning_modules.evaluation.scoring.folders import clip_batches
from lightning_modules.evaluation.scoring.references import list_splits
from lightning_modules.evaluation.scoring.resynthesis import (
    anchor_vocoders,
    anchor_waveforms,
    load_resynthesised,
    vocoder_identity,
)
from lightning_modules.evaluator import EvaluatorModule
from lightning_modules.loading import load_evaluator

DIGITS = [3, 4]


class Hum(Vocoder):
    """The same tone whatever the log-Mel; ``level`` is a setting, ``phase`` a tensor."""

    def __init__(self, level=0.1):
        super().__init__()
        self.level, self.phase = level, torch.nn.Parameter(torch.zeros(()))

    def synthesize(self, log_mel):
        wave = self.level * torch.sin(torch.arange(16000) * 0.2 + self.phase.detach())
        return wave.expand(len(log_mel), -1)


@pytest.fixture
def judge(evaluator):
    return load_evaluator(evaluator)


@pytest.fixture
def quick():
    return anchor_vocoders(EvaluatorModule(), GriffinLim(num_iterations=2))


def never(*args, **kwargs):
    raise AssertionError("the evaluator was asked again")


def test_griffin_lim_always_and_another_vocoder_beside_it(judge):
    assert list(anchor_vocoders(judge)) == ["Griffin-Lim"]
    mine = GriffinLim(num_iterations=2)
    assert anchor_vocoders(judge, mine) == {"Griffin-Lim": mine}
    hum = Hum()
    found = anchor_vocoders(judge, hum)
    assert list(found) == ["Griffin-Lim", "Hum"] and found["Hum"] is hum
    assert found["Griffin-Lim"].front_end is hum.front_end


def test_clips_of_another_rate_are_refused():
    slow = EvaluatorModule(front_end=Waveform(sample_rate=8000, num_samples=8000))
    with pytest.raises(InputError, match="16000 samples at 16000 Hz.*got 8000 at 8000 Hz"):
        anchor_vocoders(slow)
    with pytest.raises(InputError, match="got 16000 at 16000 Hz"):
        anchor_vocoders(EvaluatorModule(), GriffinLim(LogMel(num_samples=8000, num_frames=32)))


@torch.no_grad()
def test_what_the_evaluator_hears(judge, digits_root, quick, tmp_path):
    (waveform, y), *_ = clip_batches(digits_root, list_splits(digits_root, DIGITS)["test"], 16000, 16000)
    again = quick["Griffin-Lim"](LogMel()(waveform))
    log_probs, features = judge(again)
    seen = load_resynthesised(judge, digits_root, DIGITS, quick, tmp_path, batch_size=3)["Griffin-Lim"]
    assert torch.equal(seen.y, y)
    torch.testing.assert_close((seen.log_probs, seen.features), (log_probs, features), rtol=1e-4, atol=1e-4)
    held = anchor_waveforms(judge, digits_root, DIGITS, quick)
    torch.testing.assert_close(torch.cat(list(held["real test through Griffin-Lim"])), again)
    torch.testing.assert_close(torch.cat(list(held["real test"])), waveform)


def test_computed_once_for_a_vocoder(judge, digits_root, quick, tmp_path, monkeypatch):
    vocoders = {**quick, "Hum": Hum()}
    first = load_resynthesised(judge, digits_root, DIGITS, vocoders, tmp_path)
    assert list(first) == ["Griffin-Lim", "Hum"] and len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(resynthesis, "predict", never)
    again = load_resynthesised(judge, digits_root, DIGITS, vocoders, tmp_path)
    torch.testing.assert_close(again, first, rtol=0, atol=0)
    vocoders["Hum"].phase.data.add_(1e-3)
    with pytest.raises(AssertionError):
        load_resynthesised(judge, digits_root, DIGITS, vocoders, tmp_path)


def test_settings_and_tensors_tell_vocoders_apart():
    hums = [Hum(), Hum(level=0.2), Hum()]
    hums[2].phase.data.add_(1.0)
    kinds = [*hums, GriffinLim(), GriffinLim(num_iterations=2), GriffinLim(momentum=0.5), GriffinLim(LogMel(f_max=4e3))]
    found = [vocoder_identity(vocoder) for vocoder in kinds]
    assert all(found[i] != found[j] for i in range(len(found)) for j in range(i))
    assert vocoder_identity(Hum()) == found[0] and vocoder_identity(GriffinLim().eval()) == found[3]


def test_a_reference_keeps_its_own_file(judge, digits_root, quick, tmp_path):
    load_reference(judge, digits_root, DIGITS, 0.0, tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    load_resynthesised(judge, digits_root, DIGITS, quick, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2 and path.read_bytes() == content


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign"])
def test_a_damaged_file_is_computed_again(damage, judge, digits_root, quick, tmp_path):
    first = load_resynthesised(judge, digits_root, DIGITS, quick, tmp_path)["Griffin-Lim"]
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    middle = content.index(first.features.numpy().tobytes()[:64])
    content[middle] ^= 0x01
    if damage == "foreign":
        load_reference(judge, digits_root, DIGITS, 0.0, tmp_path / "other")
        content = next((tmp_path / "other").iterdir()).read_bytes()
    path.write_bytes(content[:middle] if damage == "cut" else content)
    with pytest.warns(UserWarning, match="is damaged"):
        again = load_resynthesised(judge, digits_root, DIGITS, quick, tmp_path)["Griffin-Lim"]
    assert torch.equal(again.features, first.features)


def test_rows(reference, seen):
    (row,) = resynthesised_rows(reference, "f" * 64, {"Griffin-Lim": seen(100, seed=2)})
    assert (row.name, row.count, row.facts["kind"]) == ("real test through Griffin-Lim", 100, "anchor")
    assert {"fid", "kid", "am", "nearest_ratio", "accuracy"} <= row.figures.keys()
