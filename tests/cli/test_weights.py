from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def empty_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights anywhere, and no way to the hub."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.delenv("OPENPORTRAIT_WEIGHTS", raising=False)
    monkeypatch.setenv("OPENPORTRAIT_CACHE", str(folder))
    monkeypatch.setenv("HF_HOME", str(folder / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return folder


def test_info_names_engines_and_the_licence_of_every_model(run: Run) -> None:
    done = run("info", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["engines"][0] == {"name": "mesh", "ready": True, "problem": ""}
    assert not facts["engines"][1]["ready"]
    assert "cpu" in facts["devices"]
    licences = {model["name"]: (model["licence"], model["state"]) for model in facts["models"]}
    assert licences["face_landmarker.task"] == ("Apache-2.0", "present")
    assert licences["motion_extractor"] == ("MIT", "missing")
    assert "mesh     ready" in run("info").stdout


def test_list_and_path_tell_where_downloads_would_go(run: Run, empty_machine: Path) -> None:
    listed = json.loads(run("weights", "list", "--json").stdout)
    assert [file["state"] for file in listed] == ["missing"] * 6
    *lines, folder = run("weights", "list").stdout.splitlines()
    assert len(lines) == 6 and max(map(len, lines)) <= 80
    assert folder == f"folder: {empty_machine / 'weights'}"
    assert run("weights", "path").stdout == f"{empty_machine / 'weights'}\n"
    assert run("weights", "path", "--weights", "mine").stdout == "mine\n"


def test_verify_fails_where_a_file_is_not_the_published_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "landmark.onnx").write_bytes(b"another network")
    done = run("weights", "verify", "--weights", "mine")
    assert done.returncode == 1
    assert "landmark (changed)" in done.stderr
    assert "motion_extractor (missing)" in done.stderr
    assert "mine/landmark.onnx is not the published landmark" in done.stderr


def test_a_download_without_a_hub_fails_in_one_line(run: Run) -> None:
    done = run("weights", "download", "--to", "here")
    assert done.returncode == 1
    assert done.stderr.count("openportrait: error:") == 1
    assert "HF_HUB_OFFLINE" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_neural_engine_without_weights_says_how_to_get_them(run: Run, files: Path, tmp_path: Path) -> None:
    done = run("animate", "-s", files / "portrait.png", "-d", files / "clip.mp4", "--engine", "neural")
    assert done.returncode == 1
    assert "openportrait weights download" in done.stderr
    assert not list(tmp_path.iterdir())
