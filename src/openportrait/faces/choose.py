"""Chooses which of several faces is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from openportrait.bounds import shown
from openportrait.errors import NoFaceError, OptionError
from openportrait.records import Face, Image

Size = tuple[int, int]
"""(width, height), px."""


def _centre(face: Face) -> tuple[float, float]:
    """Middle of the face's box, px."""
    left, top, right, bottom = face.box
    return (left + right) / 2, (top + bottom) / 2


def _off_middle(face: Face, picture: Size) -> float:
    """Squared distance of the face from the picture's middle, px²."""
    x, y = _centre(face)
    return (x - picture[0] / 2) ** 2 + (y - picture[1] / 2) ** 2


_FIRST_BY: dict[str, Callable[[Face, Size], float]] = {
    "largest": lambda face, picture: -face.size,
    "smallest": lambda face, picture: face.size,
    "left": lambda face, picture: _centre(face)[0],
    "right": lambda face, picture: -_centre(face)[0],
    "top": lambda face, picture: _centre(face)[1],
    "bottom": lambda face, picture: -_centre(face)[1],
    "centre": _off_middle,
}

CHOICES = (*_FIRST_BY, "all")
"""What may be asked for, besides a number."""
UNASKED = "largest"
"""The default: the caller has named no face."""
SMALLEST_PX = 32.0
"""Side of the smallest face that is looked for, px. A smaller one was found by chance, as a mirror image in an eye."""
SMALLEST_SHARE = 0.03
"""Of the picture's shorter side: a face in a group of a hundred is 0.04, of someone whose whole figure is seen 0.09."""
LARGEST_LIMIT = 0.2
"""No face of more than this share is small, however few its pixels."""


def is_choice(choice: str) -> bool:
    """Whether a text is one of CHOICES, a number, or several of them with commas between."""
    return all(_number(one) is not None or one in CHOICES for one in single_choices(choice))


def check_choice(choice: str, option: str) -> None:
    """Raise OptionError unless `choice` is one of CHOICES, a number, or several of them with commas between.

    `option` is the flag that gave it.
    """
    for one in single_choices(choice):
        if not is_choice(one):
            raise OptionError(f"{option} is {shown(one)}; choose one of {', '.join(CHOICES)}, or a number from 0")


def single_choices(choice: str) -> tuple[str, ...]:
    """The choices that are written with commas between, in lower case."""
    return tuple(_key(one) for one in choice.split(","))


def pick(faces: Sequence[Face], choice: str, picture: Size) -> list[Face]:
    """The faces that `choice` means, each once: none where one of its choices finds none.

    A number counts `faces` as they come (`FaceFinder.find`: largest first) from 0. A face of a few pixels is taken
    only when it is named (`is_speck`). `centre` is nearest to the middle of the picture.
    """
    found = [_picked(faces, one, picture) for one in single_choices(choice)]
    if not all(found):
        return []
    return list({id(face): face for chosen in found for face in chosen}.values())


def names_of(face: Face, faces: Sequence[Face], choice: str, picture: Size) -> frozenset[str]:
    """The choices that mean this one of `faces`: of those in `choice`, of CHOICES, and its number."""
    number = next(place for place, other in enumerate(faces) if face is other)
    names = (*single_choices(choice), *CHOICES, str(number))
    return frozenset(one for one in names if any(face is other for other in _picked(faces, one, picture)))


def _picked(faces: Sequence[Face], choice: str, picture: Size) -> list[Face]:
    """The faces that a single choice means: one, every one for `all`, none for a number too high."""
    number = _number(choice)
    if number is not None:
        return list(faces[number : number + 1])
    if choice == UNASKED:
        faces = [face for face in faces if not is_speck(face, picture)]
    if choice == "all" or not faces:
        return list(faces)
    return [min(faces, key=lambda face: _FIRST_BY[choice](face, picture))]


def choose(faces: Sequence[Face], choice: str, picture: Size, *, where: str, option: str) -> list[Face]:
    """The faces that `choice` means, at least one (see `pick`).

    `where` names file or frame in errors, `option` the flag of the choice. Raises OptionError for an unknown
    choice or a number too high, NoFaceError when there is no face, or none that is taken unasked.
    """
    check_choice(choice, option)
    if not faces:
        raise NoFaceError(f"no face in {where}; use a picture that shows one, or lower --detection-threshold")
    for one in single_choices(choice):
        number = _number(one)
        if _picked(faces, one, picture):
            continue
        if number is None:
            raise NoFaceError(
                f"{where} shows no face of sensible size: the largest is {described(faces[0], picture)}; "
                f"if that one is meant give {option} 0"
            )
        count = "is 1" if len(faces) == 1 else f"are {len(faces)}"
        numbers = ("0", "0 or 1")[len(faces) - 1] if len(faces) <= 2 else f"0 to {len(faces) - 1}"
        raise OptionError(f"{option} is {number}, but there {count} in {where}; give {numbers}")
    return pick(faces, choice, picture)


def is_speck(face: Face, picture: Size) -> bool:
    """Whether a face is too small to be meant by a user who names no face."""
    return face.size < _limit(picture)


def is_small(face: Face, picture: Size) -> bool:
    """Whether a face is so small that the user should be told, even if the user named it."""
    return face.size < 2 * _limit(picture)


def described(face: Face, picture: Size) -> str:
    """How large a face is and how sure: `19 px, 2.1 % of the picture's shorter side, score 0.83`."""
    share = 100 * face.size / min(picture)
    return f"{face.size:.0f} px, {share:.1f} % of the picture's shorter side, score {face.score:.2f}"


def size_of(image: Image) -> Size:
    """(width, height) of a picture (H, W, 3), px."""
    height, width = image.shape[:2]
    return width, height


def _limit(picture: Size) -> float:
    shorter = min(picture)
    return min(max(SMALLEST_PX, SMALLEST_SHARE * shorter), LARGEST_LIMIT * shorter)


def _key(choice: str) -> str:
    return choice.strip().lower()


def _number(choice: str) -> int | None:
    key = _key(choice)
    # No picture has faces for more digits, and int() refuses some thousands.
    return int(key) if key.isascii() and key.isdigit() and len(key) < 10 else None
