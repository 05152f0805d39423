"""How regions and strengths are written, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openportrait.drivings import written
from openportrait.errors import OptionError
from openportrait.options import FaceEdit, MotionOptions
from openportrait.regions import EXPRESSION, EYES, GROUPS, PARTS, POSE, Wanted, parts_of, strengths_of


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("all", set(PARTS)),
        ("exp,pose", set(PARTS)),
        ("eyes,lip", {"lids", "gaze", "lip"}),
        ("Eyes, LIP", {"lids", "gaze", "lip"}),
        ("pose,lip", {*POSE, "lip"}),
        ("all-lip", set(PARTS) - {"lip"}),
        ("exp-gaze", set(EXPRESSION) - {"gaze"}),
        ("all-exp,lip", {*POSE, "lip"}),
        ("all+lip-eyes", set(PARTS) - set(EYES)),
    ],
)
def test_a_region_is_a_set_of_parts(text: str, parts: set[str]) -> None:
    assert parts_of(text) == parts


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("lipp", "there is no region lipp; perhaps lip is meant"),
        ("eyes,nothing", "there is no region nothing; known are all, exp, pose, eyes, turn"),
        ("", "'' is no region"),
        ("-lip", "'-lip' is no region"),
        ("lip,,eyes", "is no region; give names such as"),
        ("lip eyes", "is no region; give names such as"),
        ("lip-exp", "'lip-exp' leaves nothing; take less away"),
        ("lip," * 100 + "lip", "is no region"),
    ],
)
def test_what_is_no_region_is_one_line(text: str, line: str) -> None:
    with pytest.raises(OptionError, match=line) as caught:
        MotionOptions(region=text)
    assert str(caught.value).startswith("--region: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("given", "strengths"),
    [
        ("", {}),
        ("lip=1.3,pose=0.5", {"lip": 1.3, **dict.fromkeys(POSE, 0.5)}),
        ("exp=2, gaze=0", {**dict.fromkeys(EXPRESSION, 2.0), "gaze": 0.0}),
        ({"lip": 1.3, "eyes": 0}, {"lip": 1.3, "lids": 0.0, "gaze": 0.0}),
    ],
)
def test_strengths_are_a_text_or_a_mapping(given: Any, strengths: dict[str, float]) -> None:
    assert strengths_of(str(MotionOptions(strength=given).strength)) == strengths


@pytest.mark.parametrize(
    "wrong", ["lip=", "lip=x", "lip=3.1", "lip=-1", "lip=nan", "ears=1", {"lip": "much"}, {"lip": True}, 1.5, {1: 2}]
)
def test_wrong_strengths_are_refused(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r"^--strength: "):
        MotionOptions(strength=wrong)


def test_neutralising_goes_no_further_than_neutral() -> None:
    assert MotionOptions(neutralise="exp,lip=0.5").neutralised == {**dict.fromkeys(EXPRESSION, 1.0), "lip": 0.5}
    with pytest.raises(OptionError, match=r"^--neutralise: .* 0 to 1 is due"):
        MotionOptions(neutralise="exp=1.5")


@pytest.mark.parametrize("given", ["smile=0.5,wink=10", {"smile": 0.5, "wink": 10}, FaceEdit(smile=0.5, wink=10)])
def test_sliders_are_a_text_a_mapping_or_an_edit(given: Any) -> None:
    assert MotionOptions(edit=given).added == FaceEdit(smile=0.5, wink=10)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ("smiel=1", "there is no slider smiel; perhaps smile is meant"),
        ("smile", "smile is ''; give a number"),
        ("smile=9", "smile is 9; give a number from -0.3 to 1.3"),
        ("smile=1" + "," * 2000, "are no sliders"),
        (7, "are no sliders"),
    ],
)
def test_wrong_sliders_are_refused(wrong: Any, line: str) -> None:
    with pytest.raises(OptionError, match=line):
        MotionOptions(edit=wrong)


def test_what_follows_has_the_strength_of_its_part() -> None:
    assert Wanted.of("eyes,lip", "lip=1.5,gaze=0,turn=2").strengths == {"lids": 1.0, "lip": 1.5}
    assert Wanted.of("eyes").is_eyes and not Wanted.of("eyes,lip").is_eyes
    assert Wanted.of("pose").strengths == {"turn": 1.0, "place": 1.0}, "alone it is the released region"
    assert "size" in Wanted.of("pose,lip").strengths


@given(st.lists(st.tuples(st.sampled_from(",+-"), st.sampled_from(sorted(GROUPS))), min_size=1, max_size=8))
def test_names_are_added_and_taken_away_from_left_to_right(terms: list[tuple[str, str]]) -> None:
    parts: set[str] = set(GROUPS[terms[0][1]])
    text = terms[0][1]
    for sign, name in terms[1:]:
        text += sign + name
        parts = parts - set(GROUPS[name]) if sign == "-" else parts | set(GROUPS[name])
    if parts:
        assert parts_of(text) == parts
    else:
        with pytest.raises(ValueError, match="leaves nothing"):
            parts_of(text)


@given(st.text(max_size=300))
def test_any_text_is_a_region_or_one_line(text: str) -> None:
    try:
        MotionOptions(region=text)
    except OptionError as error:
        assert str(error).isprintable() and len(str(error)) < 300


@given(st.text(max_size=120))
def test_any_text_is_a_driving_or_one_line(text: str) -> None:
    try:
        written(text)
    except OptionError as error:
        assert str(error).isprintable() and len(str(error)) < 500


@given(st.text("abcdefghijklmnopqrstuvwxyz=,.-0123456789 ", max_size=60))
def test_any_text_is_sliders_or_one_line(text: str) -> None:
    try:
        MotionOptions(edit=text, strength=text, neutralise=text)
    except OptionError as error:
        assert str(error).isprintable() and len(str(error)) < 500
