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
PICTURE = (1000, 600)


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
    assert choose(FACES, choice, PICTURE, where="a.jpg", option="--face") == expected


def test_the_centre_is_that_of_the_picture() -> None:
    assert choose(FACES, "centre", (1800, 200), where="a.jpg", option="--face") == [HIGH]


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "--driving-face is 3, but there is 1 in a.jpg; give 0"),
        (2, "--driving-face is 3, but there are 2 in a.jpg; give 0 or 1"),
        (3, "--driving-face is 3, but there are 3 in a.jpg; give 0 to 2"),
    ],
)
def test_a_number_too_high_says_which_there_are(count: int, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        choose(FACES[:count], "3", PICTURE, where="a.jpg", option="--driving-face")
    assert str(caught.value) == said


@pytest.mark.parametrize("choice", ["nose", "", "-1", "1.5", "²", "9" * 5000])
def test_an_unknown_choice_lists_the_known_ones(choice: str) -> None:
    with pytest.raises(OptionError, match=r"--face is .{,45}; choose one of largest, smallest, left, right"):
        choose(FACES, choice, PICTURE, where="a.jpg", option="--face")


def test_no_face_names_the_file_and_the_remedy() -> None:
    with pytest.raises(NoFaceError, match=r"no face in a\.jpg; .*lower --detection-threshold"):
        choose([], "largest", PICTURE, where="a.jpg", option="--face")


@pytest.mark.parametrize(
    ("size", "picture", "taken"),
    [
        (31, (600, 800), False),
        (33, (600, 800), True),
        (60, (3840, 2160), False),
        (66, (3840, 2160), True),
        (24, (100, 100), True),
        (19, (100, 100), False),
    ],
)
def test_a_speck_is_only_taken_where_it_is_named(size: float, picture: tuple[int, int], taken: bool) -> None:
    """32 px and three hundredths of the shorter side; in a tiny picture a fifth of it."""
    speck = face(50, 50, size)
    for named in ("0", "left", "all"):
        assert choose([speck], named, picture, where="cat.jpg", option="--face") == [speck]
    if taken:
        assert choose([speck], "largest", picture, where="cat.jpg", option="--face") == [speck]
        return
    with pytest.raises(NoFaceError) as caught:
        choose([speck], "largest", picture, where="cat.jpg", option="--face")
    share = 100 * size / min(picture)
    assert str(caught.value) == (
        f"cat.jpg shows no face of sensible size: the largest is {size:.0f} px, {share:.1f} % of the picture's "
        "shorter side, score 1.00; if that one is meant give --face 0"
    )
