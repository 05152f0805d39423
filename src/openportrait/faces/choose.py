"""Which of several faces is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from openportrait.errors import NoFaceError, OptionError
from openportrait.records import Face, Image

Point = tuple[float, float]

_FIRST_BY: dict[str, Callable[[Face, Point], float]] = {
    "largest": lambda face, middle: -face.size,
    "smallest": lambda face, middle: face.size,
    "left": lambda face, middle: _centre(face)[0],
    "right": lambda face, middle: -_centre(face)[0],
    "top": lambda face, middle: _centre(face)[1],
    "bottom": lambda face, middle: -_centre(face)[1],
    "centre": lambda face, middle: (_centre(face)[0] - middle[0]) ** 2 + (_centre(face)[1] - middle[1]) ** 2,
}

CHOICES = (*_FIRST_BY, "all")
"""What may be asked for, besides a number."""


def check_choice(choice: str) -> None:
    """Raise OptionError unless `choice` is one of CHOICES or a number."""
    if _number(choice) is None and _key(choice) not in CHOICES:
        raise OptionError(f"face {choice!r} is not known; choose one of {', '.join(CHOICES)}, or a number from 0")


def pick(faces: Sequence[Face], choice: str, *, middle: Point | None = None) -> list[Face]:
    """The faces that `choice` means: one, every one for `all`, none for a number too high.

    A number counts `faces` as they come (`FaceFinder.find`: largest first) from 0. `centre` is nearest
    to `middle`, px, the middle of the picture; without it, to the middle of all faces.
    """
    number = _number(choice)
    if number is not None:
        return list(faces[number : number + 1])
    if _key(choice) == "all" or not faces:
        return list(faces)
    goal = middle or _middle_of(faces)
    return [min(faces, key=lambda face: _FIRST_BY[_key(choice)](face, goal))]


def choose(faces: Sequence[Face], choice: str, *, where: str, middle: Point | None = None) -> list[Face]:
    """The faces that `choice` means, at least one (see `pick`); `where` names file or frame in errors.

    Raises OptionError for an unknown choice or a number too high, NoFaceError when there is no face.
    """
    check_choice(choice)
    if not faces:
        raise NoFaceError(f"no face in {where}; use a picture that shows one, or lower detection_threshold")
    chosen = pick(faces, choice, middle=middle)
    if not chosen:
        count = "is 1" if len(faces) == 1 else f"are {len(faces)}"
        numbers = ("0", "0 or 1")[len(faces) - 1] if len(faces) <= 2 else f"0 to {len(faces) - 1}"
        raise OptionError(f"face {_key(choice)} asked for, but there {count} in {where}; give {numbers}")
    return chosen


def middle_of(image: Image) -> Point:
    """Middle of a picture (H, W, 3), px: where `centre` is measured from."""
    height, width = image.shape[:2]
    return width / 2, height / 2


def _key(choice: str) -> str:
    return choice.strip().lower()


def _number(choice: str) -> int | None:
    key = _key(choice)
    return int(key) if key.isascii() and key.isdigit() else None


def _centre(face: Face) -> Point:
    """Middle of the face's box, px."""
    left, top, right, bottom = face.box
    return (left + right) / 2, (top + bottom) / 2


def _middle_of(faces: Sequence[Face]) -> Point:
    lefts, tops, rights, bottoms = zip(*(face.box for face in faces), strict=True)
    return (min(lefts) + max(rights)) / 2, (min(tops) + max(bottoms)) / 2
