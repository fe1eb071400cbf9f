"""The benchmarks run and report every ratio; no times are asserted here."""

import json
import math
import os
from types import SimpleNamespace

import pytest
import torch
from bench import scoring
from bench.__main__ import PARTS, run
from bench.backward import BATCHED, ONE, TWO, variants
from bench.models import FEATURES, SUBNET, UNET, UNET_GUIDED
from bench.peak import ceiling, measured_peak
from bench.report import Part, save
from bench.settings import tiny_settings
from bench.timing import Ratio, Timing, exactly, interleave, joined, ratio
from bench.vocoder import VOCODERS
from bench.workers import worker

EXECUTIONS = ("channels_last", "bf16", "channels_last + bf16")
STEPS = {
    "training step": (SUBNET, FEATURES, UNET),
    "sampling step": (SUBNET, FEATURES, UNET),
    "sampling step, γ = 3": (SUBNET, FEATURES, UNET_GUIDED),
}
EXPECTED = {
    "networks": {
        *(f"{s}, {m}: eager fp32 / {e}" for s, models in STEPS.items() for m in models for e in EXECUTIONS),
        *(f"{s}: {m} / {SUBNET}, {u}" for s, models in STEPS.items() for m in models[1:] for u in ("time", "GMACs")),
    },
    "backward": {"one batched product / two backward passes", "one backward pass / two backward passes"},
    "sampling": {
        "batch 1: one thread / all threads",
        "per clip: batch 1 / full batch",
        "growth with batch: full / half",
        "growth with steps: twice / once",
        "guidance: γ = 3 / γ = 0",
        "memory: full batch / batch 1",
        "growth with size: larger / smaller model, time",
        "growth with size: larger / smaller model, GMACs",
    },
    "scoring": {
        "tiny: share of front end and network",
        "tiny: share of front end and network at 2048 clips",
        "metric states: all, 4N / N",
        "metric states: all but KID's clips, 4N / N",
        "metric memory while updating and computing, 4N / N",
    },
    "data": {"clips per second: loader / training"},
    "vocoder": {f"{name} / one guided evaluation, {batch} at a time" for name in VOCODERS for batch in (1, 4)},
    "levers": {
        *(
            f"{w}: default / {m} malloc"
            for w in ("training step", "sampling step, γ = 3", "evaluator")
            for m in ("tuned", "scoretap's")
        ),
        *(f"{w}: share of linear layers" for w in ("training step", "sampling step, γ = 3", "evaluator")),
        "linear layer: fp32 / oneDNN",
        "linear layer: fp32 / bf16",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_every_part_reports_its_ratios(name, tmp_path):
    run(tiny_settings(tmp_path / "scratch"), tmp_path / "report", [name])
    kept = json.loads((tmp_path / "report" / "bench.json").read_text())["parts"][name]
    assert kept["rows"]
    if name in EXPECTED:
        assert set(kept["ratios"]) == EXPECTED[name]
    for key, found in kept["ratios"].items():
        if "oneDNN" in key and found["failure"]:
            continue  # PyTorch may be built without it
        assert not found["failure"] and 0 < found["low"] <= found["value"] <= found["high"] < math.inf, key
    if name == "networks":
        assert all(row["share of peak"] > 0 for row in kept["rows"])
    text = (tmp_path / "report" / "bench.md").read_text()
    assert all(f"| {key.replace('|', '/')} |" in text for key in kept["ratios"])


def test_every_part_is_checked():
    assert set(PARTS) == {*EXPECTED, "peers"}


def test_peers_are_in_units_of_the_papers_subnet(tmp_path):
    ratios = PARTS["peers"](tiny_settings(tmp_path)).ratios
    assert ratios[f"GMACs per second of speech: {SUBNET} (paper) / {SUBNET} (paper)"].value == 1
    diffwave = next(found.value for name, found in ratios.items() if "DiffWave, SC09" in name)
    assert diffwave == pytest.approx(303.05 * 200 / (12.07 * 100))


def test_variants_take_turns():
    calls = []
    interleave({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3)
    assert "".join(calls[-6:]) == "ababab"


def test_a_variant_that_fails_is_reported_by_its_first_line():
    def broken():
        raise NotImplementedError("no such kernel\nstack of frames")

    timings = interleave({"plain": lambda: None, "broken": broken}, rounds=2)
    assert timings["broken"] == Timing([], "NotImplementedError: no such kernel")
    assert len(timings["plain"].seconds) == 2
    found = ratio(timings["plain"], timings["broken"])
    assert found.value is None and str(found) == "- (NotImplementedError: no such kernel)"


def test_ratios_are_taken_round_by_round():
    """Rounds that are ten times slower, as beside another program, do not change the ratio."""
    found = ratio(Timing([2.0, 30.0, 4.0]), Timing([1.0, 10.0, 1.0]), scale=2.0)
    assert found == Ratio(6.0, 4.0, 8.0)
    assert str(found) == "6 (4 to 8)" and str(exactly(1.5)) == "1.5"


def test_peak_is_the_best_round_of_the_better_kernel():
    flops = {("fp32", "mm"): 2e9, ("fp32", "conv"): 1e9, ("bf16", "mm"): 1e9}
    rounds = joined(Timing([4.0, 0.5]), Timing([1.0]))
    timings = {("fp32", "mm"): rounds, ("fp32", "conv"): Timing([0.5]), ("bf16", "mm"): Timing([], "none here")}
    peak = measured_peak(timings, flops)
    assert peak == {("fp32", "mm"): 4.0, ("fp32", "conv"): 2.0, ("bf16", "mm"): None}
    assert ceiling(peak, "fp32") == 4.0 and math.isnan(ceiling(peak, "bf16"))


def test_report_keeps_what_it_was_given(tmp_path):
    part = Part("name", ["what", "ms"], [["a|b", 1.23456], ["c", None]], {"x": exactly(2.0)}, ["A note."])
    save(tmp_path, {"threads": 1}, [part])
    assert json.loads((tmp_path / "bench.json").read_text()) == {
        "machine": {"threads": 1},
        "parts": {
            "name": {
                "rows": [{"what": "a|b", "ms": 1.23456}, {"what": "c", "ms": None}],
                "ratios": {"x": {"value": 2.0, "low": 2.0, "high": 2.0, "failure": ""}},
                "notes": ["A note."],
            }
        },
    }
    text = (tmp_path / "bench.md").read_text()
    assert "| a/b | 1.235 |" in text and "| c | - |" in text and "A note." in text


def test_stopwatch_keeps_accounts(monkeypatch):
    """With a clock that goes on by one second each time it is read: one per item, the end, and one per call."""
    monkeypatch.setattr(scoring, "time", SimpleNamespace(perf_counter=map(float, range(100)).__next__))
    watch = scoring.Stopwatch()
    assert list(watch.each(scoring.READING, [1, 2, 3])) == [1, 2, 3]
    assert watch.call(scoring.NETWORK, pow, 2, 3) == 8
    with pytest.raises(ZeroDivisionError):
        watch.call(scoring.NETWORK, lambda: 1 / 0)
    assert watch.seconds == {scoring.READING: 4, scoring.NETWORK: 2, scoring.UPDATES: 0, scoring.COMPUTING: 0}


def test_share_of_networks_at_more_clips():
    """All but the metrics' computation grows with the clips: 80 / (80 + 10 + 10 + 10) of ten times as many."""
    seconds = {scoring.READING: 1.0, scoring.NETWORK: 8.0, scoring.UPDATES: 1.0, scoring.COMPUTING: 10.0}
    assert scoring.network_share([seconds], 1.0).value == 0.4
    assert scoring.network_share([seconds], 10.0).value == pytest.approx(80 / 110)


def test_a_worker_starts_with_its_environment(monkeypatch):
    monkeypatch.setenv("SCORETAP_BENCH_A", "parent")
    with worker({"SCORETAP_BENCH_A": None, "SCORETAP_BENCH_B": "child"}) as ask:
        assert ask(os.getenv, "SCORETAP_BENCH_A") is None
        assert ask(os.getenv, "SCORETAP_BENCH_B") == "child"
        assert ask(torch.get_num_threads) == torch.get_num_threads()
    assert os.environ["SCORETAP_BENCH_A"] == "parent" and "SCORETAP_BENCH_B" not in os.environ


def test_one_batched_product_gives_the_same_gradients(tmp_path):
    found = {name: function() for name, function in variants(tiny_settings(tmp_path)).items()}
    assert len({len(gradients) for gradients in found.values()}) == 1
    for ours, batched in zip(found[TWO], found[BATCHED], strict=True):
        torch.testing.assert_close(batched, ours, rtol=1e-4, atol=1e-6)
    assert any(not torch.allclose(a, b) for a, b in zip(found[TWO], found[ONE], strict=True))
