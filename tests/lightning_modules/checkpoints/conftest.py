"""Tiny models with names, in a folder that replaces the one of shipped models."""

import pytest
import yaml

from lightning_modules.pretrained import catalogue, export

FACTS = {
    "description": "Speaks digits.",
    "corpus": "tiny",
    "language": "English",
    "data": "200 clips by eSpeak NG.",
    "data_licence": "CC BY 4.0",
    "attribution": "By nobody.",
    "licence": "CC BY 4.0",
    "training": ["scoretap fit --config small/score_subnet"],
    "seeds": [0],
    "scores": [
        {"measure": "accuracy", "value": 92.8, "unit": "%", "interval": [91.7, 93.9], "how": "of 10 samples"},
        {"measure": "FID", "value": 0.51, "standard_error": 0.01, "how": "of 10 samples"},
    ],
    "limits": ["Two epochs only."],
}


@pytest.fixture
def facts(tmp_path):
    """Writes a file of facts; ``more`` change them."""

    def write(**more):
        path = tmp_path / "facts.yaml"
        path.write_text(yaml.safe_dump({**FACTS, **more}))
        return str(path)

    return write


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of shipped models."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setattr(catalogue, "FOLDER", shelf)
    monkeypatch.setattr(catalogue.entries, "__defaults__", (shelf,))
    return shelf


@pytest.fixture
def ship(folder, facts, request):
    """Exports a tiny model under a name; returns the file of weights."""

    def run(model, name=None, **more):
        name = name or f"tiny-{model.replace('_', '-')}"
        export.export(str(request.getfixturevalue(model)), name, facts(**more), str(folder))
        return folder / f"{name}.safetensors"

    return run
