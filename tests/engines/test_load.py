"""Which engine is taken, and what is said where one cannot run."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from openportrait import engines
from openportrait.engines import EngineStatus, available, load
from openportrait.errors import WeightsError
from openportrait.options import EngineOptions


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without trained weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENPORTRAIT_WEIGHTS", raising=False)
    monkeypatch.setenv("OPENPORTRAIT_CACHE", str(tmp_path / "cache"))
    if importlib.util.find_spec("huggingface_hub"):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("no_weights")
def test_without_weights_auto_is_the_mesh_engine() -> None:
    assert load(EngineOptions()).name == "mesh"
    mesh, neural = available()
    assert mesh == EngineStatus("mesh")
    assert mesh.ready
    assert neural.name == "neural"
    assert not neural.ready
    assert "\n" not in neural.problem


def test_a_folder_that_is_named_and_has_no_weights_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=str(tmp_path)):
        load(EngineOptions(engine="auto", weights=tmp_path))


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None if name == "torch" else importlib.util.find_spec(name))
    assert load(EngineOptions()).name == "mesh"
    problem = available()[1].problem
    assert "torch" in problem
    assert "pip install" in problem


def test_the_mesh_engine_takes_its_crop_from_the_options() -> None:
    rule = load(EngineOptions(engine="mesh", max_crop=640)).crop_rule
    assert (rule.size, rule.native, rule.rotate) == (640, True, False)


def test_the_mesh_engine_loads_no_neural_package() -> None:
    code = (
        "import sys; from openportrait.engines import load; from openportrait.options import EngineOptions;"
        "load(EngineOptions(engine='mesh')); print('torch' in sys.modules, 'onnxruntime' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "False"]
