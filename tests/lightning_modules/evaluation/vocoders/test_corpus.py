"""Every column against what it must be: a vocoder that gives the recordings back, and one that hums."""

import pytest
import torch

from lightning_modules.audio import GriffinLim, LogMel, MelDistance, MultiResolutionSTFT, Vocoder, Waveform
from lightning_modules.errors import InputError
from lightning_modules.evaluation.scoring import Scorer, load_reference
from lightning_modules.evaluation.vocoders import perceptual
from lightning_modules.evaluation.vocoders.candidates import Candidate
from lightning_modules.evaluation.vocoders.corpus import CorpusComparison
from lightning_modules.evaluation.vocoders.speech import Speech, degrade
from lightning_modules.evaluation.vocoders.vocoder_rows import COST, DEGRADED, GENERATED, QUALITY, REAL, RECORDING
from lightning_modules.evaluator import EvaluatorModule
from lightning_modules.metrics import FrechetDistance

DIGITS = [3, 4]
SHARED = (
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "confidence",
    "fid_train",
    "stft_distance",
    "mel_error",
)


class Hum(Vocoder):
    def synthesize(self, log_mel):
        return (0.1 * torch.sin(torch.arange(16000) * 0.2)).expand(len(log_mel), -1)


@pytest.fixture(autouse=True)
def quick_metrics(monkeypatch):
    """Stand-ins for two packages: minus the largest difference, and one that skips every clip."""
    metrics = {"pesq": lambda a, b, rate: -float((a - b).abs().max()), "stoi": lambda a, b, rate: float("nan")}
    monkeypatch.setattr(perceptual, "METRICS", metrics)


@pytest.fixture
def compare(judge, digits_root, memory, tmp_path):
    def make(*more, **settings):
        candidates = [Candidate("Memory", memory), *more]
        scorer = Scorer(judge, digits_root, DIGITS, 0.0, tmp_path / "cache")
        return CorpusComparison(scorer, candidates, **settings)

    return make


def test_the_recordings_given_back(compare):
    corpus = compare()
    rows = list(corpus.rows({"Memory": dict.fromkeys(COST, 1.0)}))
    assert [(row.mels, row.vocoder) for row in rows] == [(REAL, RECORDING), (REAL, "Memory"), (DEGRADED, "Memory")]
    first = rows[0].figures
    for row in rows:
        assert row.clips == len(corpus.real.y)
        assert row.figures["stft_distance"] == row.figures["pesq"] == 0.0
        assert row.figures["mel_error"] == pytest.approx(0.0, abs=1e-5)
        assert row.figures["fid_same"] == pytest.approx(0.0, abs=1e-6)
        assert {name: row.figures[name] for name in SHARED} == pytest.approx({name: first[name] for name in SHARED})
        assert row.figures["stoi_skipped"] == row.clips and row.missing == {"stoi": "no clip"}
        found = {*row.figures, "stoi", "stoi_low", "stoi_high"}
        assert found == {*QUALITY, *(COST if row.vocoder == "Memory" else ())}


@torch.no_grad()
def test_columns_of_another_vocoder(compare, judge, digits_root, real, tmp_path):
    corpus = compare(Candidate("Hum", Hum()))
    row = next(row for row in corpus.rows({"Memory": {}, "Hum": {}}) if row.vocoder == "Hum")
    hum = Hum()(LogMel()(real.clips))
    log_probs, features = judge(hum)
    reference = load_reference(judge, digits_root, DIGITS, 0.0, tmp_path / "cache")
    distances = {}
    for name, statistics in {"fid_train": reference.statistics, "fid_same": None}.items():
        distance = FrechetDistance(features.shape[1], statistics)
        distance.update(features)
        if statistics is None:
            distance.update(judge(real.clips)[1], real=True)
        distances[name] = float(distance.compute())
    expected = {
        "stft_distance": float(MultiResolutionSTFT()(hum, real.clips).mean()),
        "mel_error": float(MelDistance(LogMel())(hum, LogMel().to_log_mel(LogMel()(real.clips))).mean()),
        "pesq": -float((hum - real.clips).abs().amax(dim=1).mean()),
        "accuracy": float((log_probs.argmax(dim=1) == real.y).double().mean()),
        "confidence": float(log_probs.exp().amax(dim=1).double().mean()),
        **distances,
    }
    assert {name: row.figures[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-5)
    for name in ("accuracy", "mel_error", "stft_distance", "pesq"):
        assert row.figures[f"{name}_low"] <= row.figures[name] <= row.figures[f"{name}_high"], name


def test_generated_mels(compare, judge, real):
    """Digits are those asked for, and the error is that to the Mel which came in."""
    corpus = compare(Candidate("Hum", Hum()))
    speech = Speech(corpus.x_0[:4], (real.y[:4] + 1) % 10)
    rows = [row for row in corpus.rows({"Memory": {}, "Hum": {}}, speech) if row.mels == GENERATED]
    assert [(row.vocoder, row.clips) for row in rows] == [("Memory", 4), ("Hum", 4)]
    heard = judge(real.clips[:4])[0].argmax(dim=1)
    assert rows[0].figures["accuracy"] == pytest.approx(float((heard == speech.y).double().mean()))
    assert rows[0].figures["mel_error"] == pytest.approx(0.0, abs=1e-5) and rows[1].figures["mel_error"] > 0.5
    assert not {"stft_distance", "pesq", "stoi"} & rows[0].figures.keys()


def test_without_weights(compare):
    corpus = compare(Candidate("HiFi-GAN", Hum(), "no network here"))
    speech = Speech(corpus.x_0[:2], corpus.real.y[:2])
    rows = [r for r in corpus.rows({"Memory": {}, "HiFi-GAN": {"gmacs": 19.3}}, speech) if r.vocoder == "HiFi-GAN"]
    assert [row.mels for row in rows] == [REAL, DEGRADED, GENERATED]
    for row in rows:
        compared = [name for name in QUALITY if name.startswith(("stft_distance", "pesq", "stoi"))]
        assert row.figures == {"gmacs": 19.3} and set(row.missing.values()) == {"unavailable"}
        assert set(row.missing) == set(QUALITY) - set(compared if row.mels == GENERATED else [])
        assert "no network here" in row.notes[0]


def test_not_finite_waveforms_are_a_note(compare):
    class Broken(Hum):
        def synthesize(self, log_mel):
            return torch.full((len(log_mel), 16000), torch.nan)

    rows = compare(Candidate("Broken", Broken())).rows({"Memory": {}, "Broken": {}})
    row = next(row for row in rows if row.vocoder == "Broken")
    assert not {"stft_distance", "mel_error", "fid_same"} & row.figures.keys()
    assert any("Broken: stft_distance" in note for note in row.notes)


def test_costs(compare):
    corpus = compare(Candidate("Griffin-Lim 1", GriffinLim(num_iterations=1)))
    costs = corpus.costs(rounds=2)
    assert list(costs) == ["Memory", "Griffin-Lim 1"] and all(set(cost) == set(COST) for cost in costs.values())
    assert costs["Memory"]["time_ratio"] == costs["Memory"]["time_ratio_high"] == 1.0
    assert costs["Griffin-Lim 1"]["gmacs"] == pytest.approx(80 * 513 * 63 / 1e9)


def test_picture(compare, tmp_path):
    from lightning_modules.tracking.pictures import read_png

    corpus = compare(Candidate("HiFi-GAN", Hum(), "no weights"))
    sizes = []
    for speech in (None, Speech(corpus.x_0[:1], corpus.real.y[:1])):
        corpus.save_picture(tmp_path / "picture.png", speech)
        sizes.append(read_png(tmp_path / "picture.png").shape)
    assert sizes[0][1] == sizes[1][1] == round(110 * (0.8 + 3.0 * 2)), "the recording and one vocoder"
    assert sizes[1][0] > 1.5 * sizes[0][0], "a row for the generated clip"


def test_degraded_mels_depend_on_their_place_only():
    x_0 = LogMel()(0.1 * torch.randn(3, 16000, generator=torch.Generator().manual_seed(0)))
    changed, state = degrade(LogMel(), x_0), torch.get_rng_state()
    assert changed.shape == x_0.shape and (changed - x_0).abs().mean(dim=(1, 2, 3)).min() > 1e-4
    assert torch.equal(degrade(LogMel(), x_0[:2]), changed[:2])
    assert torch.equal(torch.get_rng_state(), state), "nobody else's random numbers are touched"


def test_an_evaluator_of_other_clips_is_refused(digits_root, memory):
    slow = EvaluatorModule(front_end=Waveform(sample_rate=8000, num_samples=8000))
    with pytest.raises(InputError, match="16000 samples at 16000 Hz.*got 8000 at 8000 Hz"):
        CorpusComparison(Scorer(slow, digits_root, DIGITS), [Candidate("Memory", memory)])
