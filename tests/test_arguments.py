"""Errors name an option as who gave it does."""

from __future__ import annotations

import pytest

from openportrait import FaceEdit, NoFaceError, OptionError
from openportrait.arguments import flags_typed, named, named_in_errors
from openportrait.options import Options, RetargetOptions, specs

RECORDS = (*map(type, vars(Options()).values()), RetargetOptions, FaceEdit)


@pytest.mark.parametrize(
    ("flags", "arguments"),
    [
        (
            "--driving-face is 7, but there are 2 in a.mp4; give 0 or 1",
            "driving_face is 7, but there are 2 in a.mp4; give 0 or 1",
        ),
        (
            "no face in a.jpg; or lower --detection-threshold (now 0.5)",
            "no face in a.jpg; or lower detection_threshold (now 0.5)",
        ),
        ("give --no-relative to take the pose over", "give relative=False to take the pose over"),
        ("use what comes before with --keep-partial", "use what comes before with keep_partial=True"),
        (
            "give --lip, --eyes, --silent or --close-lips-at-rest",
            "give lip, eyes, silent=True or close_lips_at_rest=True",
        ),
        ("--multiplier 0 takes nothing of the driving", "multiplier=0 takes nothing of the driving"),
        ("if that one is meant give --face 0", 'if that one is meant give face="0"'),
        ("close what else uses it, or take --device cpu", 'close what else uses it, or take device="cpu"'),
        ("a larger --bridge-seconds bridges it", "a larger bridge_seconds bridges it"),
        ("a smaller one (--max-size 720) is enough", "a smaller one (max_size=720) is enough"),
        (
            "choose --engine mesh, or name a folder with --weights",
            'choose engine="mesh", or name a folder with weights',
        ),
        ("--relative is 5; give true or false", "relative is 5; give true or false"),
        ("there is no --regoin", "there is no --regoin"),
        (
            "a--region.mp4: is '--face 0'; see `openportrait --help`",
            "a--region.mp4: is '--face 0'; see `openportrait --help`",
        ),
    ],
)
def test_flags_become_arguments(flags: str, arguments: str) -> None:
    assert named(flags) == arguments
    assert named(arguments) == arguments
    with flags_typed():
        assert named(flags) == flags


@pytest.mark.parametrize(("record", "name"), [(record, spec.name) for record in RECORDS for spec in specs(record)])
def test_every_option_that_is_wrong_is_named_as_in_python(record: type, name: str) -> None:
    with pytest.raises(OptionError) as caught, named_in_errors():
        record(**{name: [["wrong"]]})
    assert str(caught.value).startswith((f"{name} is a list; ", f"{name}: a list "))
    assert "--" not in str(caught.value)


def test_a_call_within_a_program_says_what_its_user_types() -> None:
    @named_in_errors()
    def call() -> None:
        raise NoFaceError("no face in a.jpg; lower --detection-threshold")

    with pytest.raises(NoFaceError, match="lower detection_threshold"):
        call()
    with flags_typed(), pytest.raises(NoFaceError, match="lower --detection-threshold"):
        call()
    with pytest.raises(NoFaceError, match="lower detection_threshold"):
        call()
