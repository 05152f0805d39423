"""Which of several faces is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from openportrait.errors import NoFaceError, OptionError
from openportrait.records import Face

Point = tuple[float, float]

_FIRST_BY: dict[str, Callable[[Face, Point], float]] = {
    "largest": lambda face, middle: -face.size,
    "smallest": lambda face, middle: face.size,
    "left": lambda face, middle: centre(face)[0],
    "right": lambda face, middle: -centre(face)[0],
    "top": lambda face, middle: centre(face)[1],
    "bottom": lambda face, middle: -centre(face)[1],
    "centre": lambda face, middle: (centre(face)[0] - middle[0]) ** 2 + (centre(face)[1] - middle[1]) ** 2,
}

CHOICES = (*_FIRST_BY, "all")
"""What may be asked for, besides a number."""


def choose(faces: Sequence[Face], choice: str, *, where: str, middle: Point | None = None) -> list[Face]:
    """The faces that `choice` means: one, or every one for `all`.

    A number counts `faces` as they come (`FaceFinder.find`: largest first) from 0. `centre` is nearest
    to `middle`, px, the middle of the picture; without it, to the middle of all faces. `where` names
    the file or frame in errors. Raises OptionError for an unknown choice or a number too high,
    NoFaceError when there is no face at all.
    """
    key = choice.strip().lower()
    number = int(key) if key.isascii() and key.isdigit() else None
    if number is None and key not in CHOICES:
        raise OptionError(f"face {choice!r} is not known; choose one of {', '.join(CHOICES)}, or a number from 0")
    if not faces:
        raise NoFaceError(f"no face in {where}; use a picture that shows one, or lower detection_threshold")
    if key == "all":
        return list(faces)
    if number is None:
        goal = middle or _middle_of(faces)
        return [min(faces, key=lambda face: _FIRST_BY[key](face, goal))]
    if number >= len(faces):
        count = "is 1" if len(faces) == 1 else f"are {len(faces)}"
        remedy = " or ".join([", ".join(str(i) for i in range(len(faces) - 1)), str(len(faces) - 1)]).removeprefix(
            " or "
        )
        raise OptionError(f"face {number} asked for, but there {count} in {where}; give {remedy}")
    return [faces[number]]


def centre(face: Face) -> Point:
    """Middle of the face's box, px."""
    left, top, right, bottom = face.box
    return (left + right) / 2, (top + bottom) / 2


def _middle_of(faces: Sequence[Face]) -> Point:
    lefts, tops, rights, bottoms = zip(*(face.box for face in faces), strict=True)
    return (min(lefts) + max(rights)) / 2, (min(tops) + max(bottoms)) / 2
