"""Expressions and timelines: what lies between keys, and their files."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from openportrait import (
    FaceEdit,
    Key,
    OptionError,
    TemplateError,
    Timeline,
    load_expression,
    load_timeline,
    save_expression,
    save_timeline,
)


def test_easing_by_hand() -> None:
    timeline = Timeline(
        (
            Key(1.0, FaceEdit(smile=0.0), "linear"),
            Key(2.0, FaceEdit(smile=1.0), "smooth"),
            Key(4.0, FaceEdit(smile=0.0), "hold"),
            Key(5.0, FaceEdit(smile=0.8)),
        )
    )
    assert [timeline.at(t).smile for t in (0.0, 1.25, 2.0)] == [0.0, 0.25, 1.0]
    # smooth: 1 − (3·¼² − 2·¼³) a quarter of the way down
    assert timeline.at(2.5).smile == pytest.approx(1 - (3 / 16 - 2 / 64))
    assert [timeline.at(t).smile for t in (4.9, 5.0, 9.0)] == [0.0, 0.8, 0.8]
    assert timeline.frames == 126


def test_a_target_ratio_of_one_key_alone_comes_from_the_source_s_own() -> None:
    timeline = Timeline((Key(0.0, FaceEdit(lip_ratio=0.3)), Key(1.0, FaceEdit(), "linear"), Key(2.0, FaceEdit())))
    assert timeline.at(0.5).lip_ratio == 0.3
    own = FaceEdit(lip_ratio=0.1, eye_ratio=0.4)
    assert timeline.at(0.5, own).lip_ratio == pytest.approx(0.2)
    assert timeline.at(1.5, own) == FaceEdit()


def test_round_trips(tmp_path: Path) -> None:
    edit = FaceEdit(smile=0.5, lip_ratio=0.2, yaw_degrees=-10)
    save_expression(tmp_path / "e.json", edit)
    assert load_expression(tmp_path / "e.json") == edit
    assert json.loads((tmp_path / "e.json").read_text())["edit"] == {
        "smile": 0.5,
        "lip_ratio": 0.2,
        "yaw_degrees": -10,
    }
    timeline = Timeline((Key(0.0, edit, "hold"), Key(0.5, FaceEdit())), Fraction(30000, 1001))
    save_timeline(tmp_path / "t.json", timeline)
    assert load_timeline(tmp_path / "t.json") == timeline


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "not JSON"),
        ("[1]", "no expression file"),
        ('{"openportrait": "timeline", "version": 1}', "no expression file"),
        ('{"openportrait": "expression", "version": 9, "edit": {}}', "version 9"),
        ('{"openportrait": "expression", "version": 1, "edit": {"smirk": 1}}', "no slider smirk"),
        ('{"openportrait": "expression", "version": 1, "edit": {"smile": 99}}', "from -0.3 to 1.3"),
        ('{"openportrait": "expression", "version": 1, "edit": {"smile": NaN}}', "finite"),
        ('{"openportrait": "expression", "version": 1, "edit": 5}', "no sliders"),
    ],
)
def test_bad_expressions_are_refused_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(TemplateError, match=said) as caught:
        load_expression(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_timelines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="in order of time"):
        Timeline((Key(1.0, FaceEdit()), Key(0.5, FaceEdit())))
    with pytest.raises(OptionError, match="frames a second"):
        Timeline((Key(0.0, FaceEdit()),), rate=Fraction(0))
    path = tmp_path / "bad.json"
    for keys, rate in (("5", "25"), ('[{"edit": {}}]', "25"), ('[{"seconds": 0, "edit": {}}]', "1/0")):
        path.write_text(f'{{"openportrait": "timeline", "version": 1, "rate": "{rate}", "keys": {keys}}}')
        with pytest.raises(TemplateError):
            load_timeline(path)


def test_a_time_is_meant_as_it_is_written() -> None:
    # 1.16 · 25 is 28.999… in floats
    timeline = Timeline((Key(0, FaceEdit(), "hold"), Key(1.16, FaceEdit(smile=1.0))))
    assert timeline.frames == 30
    assert [timeline.edit(i).smile for i in (28, 29)] == [0.0, 1.0]
    ntsc = Timeline((Key(0, FaceEdit(), "hold"), Key(1.001, FaceEdit(smile=1.0))), Fraction(30000, 1001))
    assert ntsc.frames == 31
    assert [ntsc.edit(i).smile for i in (29, 30)] == [0.0, 1.0]
    assert Timeline((Key(1 / 30, FaceEdit()),), Fraction(30)).frames == 2


def test_a_timeline_of_too_many_frames_is_refused() -> None:
    with pytest.raises(OptionError, match=r"864,001 frames, the limit is 250,000; shorten it"):
        Timeline((Key(3600, FaceEdit()),), Fraction(240))


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1, 3601, 10**400, None, "1", True])
def test_a_key_at_no_time_is_refused(seconds: Any) -> None:
    with pytest.raises(OptionError, match=r"time in seconds is .*; 0 to 3600 is due"):
        Key(seconds, FaceEdit())
    with pytest.raises(OptionError, match="easing"):
        Key(0, FaceEdit(), seconds)
