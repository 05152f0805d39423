"""The released project's command line, through its process and its table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openportrait.cli import released
from openportrait.options import Options
from tests.conftest import ROOT

# The released project's flags and defaults, as its users have them in their scripts.
DEFAULTS = {
    "flag_use_half_precision": True,
    "flag_crop_driving_video": False,
    "device_id": 0,
    "flag_force_cpu": False,
    "flag_normalize_lip": False,
    "flag_source_video_eye_retargeting": False,
    "flag_eye_retargeting": False,
    "flag_lip_retargeting": False,
    "flag_stitching": True,
    "flag_relative_motion": True,
    "flag_pasteback": True,
    "flag_do_crop": True,
    "driving_option": "expression-friendly",
    "driving_multiplier": 1.0,
    "driving_smooth_observation_variance": 3e-7,
    "audio_priority": "driving",
    "animation_region": "all",
    "det_thresh": 0.15,
    "scale": 2.3,
    "vx_ratio": 0.0,
    "vy_ratio": -0.125,
    "flag_do_rot": True,
    "source_max_dim": 1280,
    "source_division": 2,
    "scale_crop_driving_video": 2.2,
    "vx_ratio_crop_driving_video": 0.0,
    "vy_ratio_crop_driving_video": -0.1,
    "server_port": 8890,
    "share": False,
    "server_name": "127.0.0.1",
    "flag_do_torch_compile": False,
    "gradio_temp_dir": None,
}


def run(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "inference.py"), *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def parsed(monkeypatch: pytest.MonkeyPatch, *args: str) -> dict[str, object]:
    """The options with which a job would be run."""
    seen: list[dict[str, object]] = []

    def job(source: Path, driving: Path, output: Path, options: dict[str, object]) -> None:
        seen.append({"source": source, "driving": driving, "output": output, **options})
        raise KeyboardInterrupt

    monkeypatch.setattr(released, "run_job", job)
    assert released.main(args) == 130
    return seen[0]


def test_defaults_are_the_released_ones_and_valid_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name: flag.default for name, flag in released.FLAGS.items()} == DEFAULTS
    options = parsed(monkeypatch)
    assert options.pop("output") == Path("animations")
    assert isinstance(options.pop("source"), Path)
    assert isinstance(options.pop("driving"), Path)
    assert options.pop("side_by_side") is True
    assert options.pop("max_size") == 1280
    assert Options.of(**options) == Options(), "but for the size, the released defaults are ours"


@pytest.mark.parametrize(
    ("args", "option", "value"),
    [
        (["--animation_region", "lip"], "region", "lip"),
        (["--animation-region=eyes"], "region", "eyes"),
        (["--no_flag_stitching"], "stitching", False),
        (["--no-flag-stitching"], "stitching", False),
        (["--no-flag_relative_motion"], "relative", False),
        (["--flag_crop_driving_video"], "crop_driving", True),
        (["--flag-normalize-lip"], "normalize_lip", True),
        (["--driving_multiplier", "1.5"], "multiplier", 1.5),
        (["--vy-ratio", "-0.2"], "source_shift_y", -0.2),
        (["--audio_priority", "source"], "audio", "source"),
        (["--det_thresh", "0.3"], "detection_threshold", 0.3),
        (["--device_id", "1"], "device", "cuda:1"),
        (["--flag_force_cpu", "--device_id", "1"], "device", "cpu"),
        (["--no_flag_use_half_precision"], "precision", "fp32"),
        (["-s", "me.jpg"], "source", Path("me.jpg")),
        (["--driving", "you.pkl"], "driving", Path("you.pkl")),
        (["-o", "there"], "output", Path("there")),
    ],
)
def test_every_spelling_reaches_the_option(
    monkeypatch: pytest.MonkeyPatch, args: list[str], option: str, value: object
) -> None:
    assert parsed(monkeypatch, *args)[option] == value


def test_flags_without_effect_are_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parsed(monkeypatch, "--no-flag_do_rot", "-p", "9000", "--source-division=4", "--share", "--scale", "2.5")
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "openportrait: no effect here: --no-flag_do_rot, -p, --source-division, --share"


def test_an_unknown_flag_is_wrong_usage(tmp_path: Path) -> None:
    done = run("--flag_do_magic", cwd=tmp_path)
    assert done.returncode == 2
    assert "--flag_do_magic" in done.stderr


def test_a_clip_and_its_strip_have_the_released_names(files: Path, tmp_path: Path) -> None:
    done = run("-s", files / "portrait.png", "-d", files / "clip.mp4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["animations/portrait--clip.mp4", "animations/portrait--clip_concat.mp4"]
    assert sorted(path.name for path in (tmp_path / "animations").iterdir()) == [
        "portrait--clip.mp4",
        "portrait--clip_concat.mp4",
    ]


def test_a_picture_by_a_picture_is_a_jpg(files: Path, tmp_path: Path) -> None:
    done = run("-s", files / "portrait.png", "-d", files / "portrait.png", "-o", "out/", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["out/portrait--portrait.jpg", "out/portrait--portrait_concat.jpg"]


def test_a_missing_source_fails_in_one_line(files: Path, tmp_path: Path) -> None:
    done = run("-s", "nobody.jpg", "-d", files / "clip.mp4", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("openportrait: error: nobody.jpg")
    assert not list(tmp_path.iterdir())
