"""The released project's motion templates: their keys (SPEC §9) to our record and back."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from openportrait.errors import TemplateError
from openportrait.motion import LIVEPORTRAIT_21, PackedMotions, keypoints
from openportrait.pickle_reader import read_pickle
from openportrait.records import Floats, Motion, Ratios, Template

COUNT = LIVEPORTRAIT_21.count
USUAL_RATE = 25
MAX_FRAMES = 250_000
"""Over two hours; a small file may repeat one motion without end."""
OLD_NAMES = {"R": "R_d", "c_eyes_lst": "c_d_eyes_lst", "c_lip_lst": "c_d_lip_lst"}
"""Today's key and the one of files from before mid-2024."""


def read_official(data: bytes, where: str) -> Template:
    """The template in a pickle, read without unpickling; `where` names the file in errors.

    Canonical keypoints are zeros where an old file has none. Raises TemplateError.
    """
    content = read_pickle(data, where)
    items = content.get("motion") if isinstance(content, dict) else None
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise TemplateError(f"{where} is a pickle, but no motion template: it has no list of motions")
    if len(items) > MAX_FRAMES:
        raise TemplateError(f"{where} holds {len(items):,} frames; a template may have {MAX_FRAMES:,}")
    announced = float(_checked(content.get("n_frames", len(items)), (), f"{where}, n_frames"))
    if announced != len(items):
        raise TemplateError(f"{where} announces {announced:g} frames and holds {len(items)}; make it again")
    return Template(
        motions=PackedMotions(_motion(item, f"{where}, frame {i}") for i, item in enumerate(items)),
        ratios=_ratios(content, len(items), where),
        rate=_rate(content.get("output_fps", USUAL_RATE), where),
        layout=LIVEPORTRAIT_21.name,
        engine="neural",
    )


def write_official(template: Template, where: str) -> bytes:
    """A pickle of plain dicts, lists and float32 arrays that the released project reads.

    Raises TemplateError, which says `where` it was to go, for a template of another layout.
    """
    if template.layout != LIVEPORTRAIT_21.name:
        raise TemplateError(
            f"{where} cannot be written from a template of layout {template.layout}; "
            f"make one with the neural engine ({LIVEPORTRAIT_21.name})"
        )
    rate = template.rate
    content: dict[str, Any] = {
        "n_frames": len(template.motions),
        "output_fps": rate.numerator if rate.denominator == 1 else float(rate),
        "motion": [_item(motion) for motion in template.motions],
    }
    if template.ratios:
        content["c_eyes_lst"] = [_row(ratios.eye_left, ratios.eye_right) for ratios in template.ratios]
        content["c_lip_lst"] = [_row(ratios.lip) for ratios in template.ratios]
    return pickle.dumps(content, protocol=4)


def _item(motion: Motion) -> dict[str, Any]:
    item = {
        "scale": _row(motion.scale),
        "R": motion.rotation.astype(np.float32)[None],
        "exp": motion.expression.astype(np.float32)[None],
        "t": _row(*motion.translation),
    }
    if motion.canonical.any():
        item["kp"] = motion.canonical.astype(np.float32)[None]
        item["x_s"] = keypoints(motion, LIVEPORTRAIT_21).astype(np.float32)[None]
    return item


def _row(*values: float) -> Any:
    return np.array([values], np.float32)


def _motion(item: dict[str, Any], where: str) -> Motion:
    return Motion(
        rotation=_numbers(item, "R", (3, 3), where),
        expression=_numbers(item, "exp", (COUNT, 3), where),
        scale=float(_numbers(item, "scale", (), where)),
        translation=_numbers(item, "t", (3,), where),
        canonical=_numbers(item, "kp", (COUNT, 3), where) if "kp" in item else np.zeros((COUNT, 3)),
    )


def _ratios(content: dict[str, Any], count: int, where: str) -> tuple[Ratios, ...]:
    eyes, lips = _find(content, "c_eyes_lst"), _find(content, "c_lip_lst")
    if eyes is None or lips is None:
        return ()
    if not all(isinstance(rows, (list, np.ndarray)) and len(rows) == count for rows in (eyes, lips)):
        raise TemplateError(f"{where} has another number of openness ratios than of motions; make it again")
    found = []
    for i, (eye, lip) in enumerate(zip(eyes, lips, strict=True)):
        left, right = _checked(eye, (2,), f"{where}, eye ratio {i}").tolist()
        found.append(Ratios(left, right, float(_checked(lip, (), f"{where}, lip ratio {i}"))))
    return tuple(found)


def _rate(value: Any, where: str) -> Fraction:
    rate = float(_checked(value, (), f"{where}, output_fps"))
    if not 0 < rate <= 1000:
        raise TemplateError(f"{where} has a rate of {rate:g} frames a second; make it again")
    return Fraction(rate).limit_denominator(1001)


def _find(content: dict[str, Any], key: str) -> Any:
    return content.get(key, content.get(OLD_NAMES.get(key, key)))


def _numbers(item: dict[str, Any], key: str, shape: Sequence[int], where: str) -> Floats:
    value = _find(item, key)
    if value is None:
        raise TemplateError(f"{where} lacks {key!r}; it is no motion template, or a damaged one")
    return _checked(value, shape, f"{where}, {key}")


def _checked(value: Any, shape: Sequence[int], where: str) -> Floats:
    """Finite numbers in the shape that is due, whatever the number of leading ones.

    Only arrays and numbers: a list may hold itself, or grow without end where it is converted.
    """
    is_number = isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64)
    if not (is_number or isinstance(value, np.ndarray)) or np.size(value) != math.prod(shape):
        raise TemplateError(f"{where}: not an array of {math.prod(shape)} number(s); make the template again")
    with np.errstate(invalid="ignore"):
        numbers = np.asarray(value, np.float64).reshape(shape)
    if not np.isfinite(numbers).all():
        raise TemplateError(f"{where}: a number is not finite; make the template again")
    return numbers
