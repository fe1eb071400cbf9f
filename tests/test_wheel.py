"""The wheel holds packages and configs, without the tests, and works outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--wheel-dir", str(folder), "--quiet"]
    done = subprocess.run(build, capture_output=True, text=True, timeout=240)
    if done.returncode and any(
        sign in done.stderr for sign in ("ConnectionError", "NewConnectionError", "No matching distribution")
    ):
        pytest.skip("building a wheel needs hatchling, which could not be fetched")
    assert done.returncode == 0, done.stderr[-3000:]
    return next(folder.glob("scoretap-*.whl"))


def test_contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    here = {
        str(path.relative_to(ROOT))
        for package in ("lightning_modules", "datamodules", "callbacks", "configs")
        for path in (ROOT / package).rglob("*")
        if path.suffix in (".py", ".yaml", ".html", ".css", ".js", ".safetensors", ".json", ".md")
    }
    assert here <= names
    others = {name.split("/")[0] for name in names} - {"lightning_modules", "datamodules", "callbacks", "configs"}
    assert all(name.startswith("scoretap-") and name.endswith(".dist-info") for name in others), others
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_works_outside_the_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "elsewhere").mkdir()
    configs = [word for name in ("base", "data/speech_commands", "small/classifier") for word in ("--config", name)]
    code = (
        "import sys, lightning_modules, configs\n"
        f"assert lightning_modules.__file__.startswith({str(tmp_path)!r}), lightning_modules.__file__\n"
        "from importlib import resources\n"
        "assert resources.files('lightning_modules.pretrained').joinpath('arabic-digits.safetensors').is_file()\n"
        "from lightning_modules.checkpoints.reading import find_checkpoint, load_module\n"
        "load_module(find_checkpoint('arabic-digits-evaluator'))\n"
        "from lightning_modules.cli import main\nsys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "fit", *configs, "--print_config"],
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "class_path: lightning_modules.ClassifierModule" in done.stdout
    assert "class_path: callbacks.EMA" in done.stdout
