"""What a step costs, as the run says it."""

import pytest
import tiny

from callbacks.cost_report import cost_of
from lightning_modules.checkpoints.reading import load_module


@pytest.mark.parametrize("name", ["classifier", "score_subnet", "unet", "evaluator"])
def test_costs(name, request):
    module = load_module(request.getfixturevalue(name)).train()
    facts = cost_of(module)
    total = sum(p.numel() for p in module.parameters()) / 1e6
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad) / 1e6
    assert facts["cost/parameters_million"] == pytest.approx(total) and facts["cost/trained_million"] == pytest.approx(
        trained
    )
    assert facts["cost/gmacs_per_step"] > 0.001
    assert ("cost/gmacs_per_guided_step" in facts) == (name in ("score_subnet", "unet"))
    if name in ("score_subnet", "unet"):
        assert trained < total and facts["cost/gmacs_per_guided_step"] > facts["cost/gmacs_per_step"]
    assert module.training, "counting leaves the module as it was"


def test_report_is_printed(configs, classifier, tmp_path, capsys):
    tiny.fit(configs, "score_subnet", tmp_path, f"--model.init_args.classifier={classifier}", "--trainer.max_steps=1")
    printed = capsys.readouterr().out
    for fact in ("parameters_million", "trained_million", "gmacs_per_step", "gmacs_per_guided_step"):
        assert fact in printed
    assert "cost/gmacs_per_step" in (tmp_path / "run" / "hparams.yaml").read_text()
