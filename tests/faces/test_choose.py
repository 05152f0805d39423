"""Which of several faces is meant, and what is said when it is not there."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.errors import NoFaceError, OptionError
from openportrait.faces import choose
from openportrait.records import Face


def face(x: float, y: float, size: float) -> Face:
    corners = np.array([[-1.0, -1, 0], [1, 1, 0]]) * size / 2 + [x, y, 0]
    return Face(np.resize(corners, (478, 3)))


BIG = face(500, 300, 200)
LOW = face(150, 520, 120)
HIGH = face(880, 90, 60)
FACES = [BIG, LOW, HIGH]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("largest", [BIG]),
        ("smallest", [HIGH]),
        ("left", [LOW]),
        ("right", [HIGH]),
        ("top", [HIGH]),
        ("bottom", [LOW]),
        ("centre", [BIG]),
        (" Left ", [LOW]),
        ("all", FACES),
        ("0", [BIG]),
        ("2", [HIGH]),
    ],
)
def test_each_choice(choice: str, expected: list[Face]) -> None:
    assert choose(FACES, choice, where="a.jpg") == expected


def test_the_centre_is_that_of_the_picture_where_it_is_known() -> None:
    assert choose(FACES, "centre", where="a.jpg", middle=(900, 100)) == [HIGH]


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "face 3 asked for, but there is 1 in a.jpg; give 0"),
        (2, "face 3 asked for, but there are 2 in a.jpg; give 0 or 1"),
        (3, "face 3 asked for, but there are 3 in a.jpg; give 0 to 2"),
    ],
)
def test_a_number_too_high_says_which_there_are(count: int, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        choose(FACES[:count], "3", where="a.jpg")
    assert str(caught.value) == said


@pytest.mark.parametrize("choice", ["nose", "", "-1", "1.5", "²"])
def test_an_unknown_choice_lists_the_known_ones(choice: str) -> None:
    with pytest.raises(OptionError, match="choose one of largest, smallest, left, right"):
        choose(FACES, choice, where="a.jpg")


def test_no_face_names_the_file_and_the_remedy() -> None:
    with pytest.raises(NoFaceError, match=r"no face in a\.jpg; .*lower detection_threshold"):
        choose([], "largest", where="a.jpg")
