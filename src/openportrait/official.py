"""Converts the released project's motion templates (SPEC §9) to our record and back."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from openportrait import bounds
from openportrait.errors import TemplateError
from openportrait.layouts import LIVEPORTRAIT_21
from openportrait.motion import PackedMotions, keypoints
from openportrait.motion.packed import MAX_FRAMES, POSE_NUMBERS, RATES, check_motions, check_ratios
from openportrait.pickle_reader import read_pickle
from openportrait.records import Floats, Motion, Ratios, Template

COUNT = LIVEPORTRAIT_21.count
"""Keypoints of the released project."""
USUAL_RATE = 25
"""Frames a second of a template that states none."""
FLOAT_MAX = float(np.finfo(np.float64).max)
"""The largest finite number."""
MOST_WRITTEN = 20_000
"""Frames: more would take more instructions than a pickle is read with."""
OLD_NAMES = {"R": "R_d", "c_eyes_lst": "c_d_eyes_lst", "c_lip_lst": "c_d_lip_lst"}
"""Today's key and the one of files from before mid-2024."""


def read_official(data: bytes, where: str) -> Template:
    """The template in a pickle, read without unpickling; `where` names the file in errors.

    Canonical keypoints are zeros where an old file has none. Raises TemplateError.
    """
    content = read_pickle(data, where)
    try:
        return _template(content)
    except ValueError as error:
        raise TemplateError(f"{where} is no motion template: {error}; make or fetch it again") from error


def _template(content: Any) -> Template:
    """Raises ValueError where the value in a pickle is no template."""
    items = content.get("motion") if isinstance(content, dict) else None
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise ValueError("it has no list of motions")
    count = len(items)
    if count > MAX_FRAMES:
        raise ValueError(f"it holds {count:,} frames, and a template may have {MAX_FRAMES:,}")
    announced = bounds.number(_single(content.get("n_frames", count)), 0, MAX_FRAMES, "n_frames")
    if announced != count:
        raise ValueError(f"it announces {announced:g} frames and holds {count}")
    motions = _motions(items)
    check_motions(motions, LIVEPORTRAIT_21.points)
    rate = bounds.fraction(_single(content.get("output_fps", USUAL_RATE)), *RATES, "output_fps")
    return Template(
        motions=motions,
        ratios=_ratios(content, count),
        rate=rate.limit_denominator(1001),
        layout=LIVEPORTRAIT_21.name,
        engine="neural",
    )


def write_official(template: Template, where: str) -> bytes:
    """A pickle of plain dicts, lists and float32 arrays that the released project reads; `template` is checked.

    Raises TemplateError, which says `where` it was to go, for a template of another layout or a long one.
    """
    if template.layout != LIVEPORTRAIT_21.name:
        raise TemplateError(
            f"{where} cannot be written from a template of layout {template.layout}; "
            f"make one with the neural engine ({LIVEPORTRAIT_21.name})"
        )
    if len(template.motions) > MOST_WRITTEN:
        raise TemplateError(
            f"{where} can hold {MOST_WRITTEN:,} frames, and the template has {len(template.motions):,}; "
            "cut the clip, or keep it in our own format"
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


def _motions(items: list[dict[str, Any]]) -> PackedMotions:
    """Raises ValueError where a motion lacks something."""
    poses = np.empty((len(items), POSE_NUMBERS), np.float32)
    canonicals = np.zeros((len(items), COUNT, 3), np.float32)
    expressions = np.empty((len(items), COUNT, 3), np.float32)
    # What float32 cannot hold becomes infinite here, and is refused with all that no head does.
    with np.errstate(over="ignore"):
        for i, item in enumerate(items):
            poses[i, :9] = _numbers(item, "R", (9,), i)
            poses[i, 9:10] = _numbers(item, "scale", (1,), i)
            poses[i, 10:] = _numbers(item, "t", (3,), i)
            expressions[i] = _numbers(item, "exp", (COUNT, 3), i)
            if "kp" in item:
                canonicals[i] = _numbers(item, "kp", (COUNT, 3), i)
    constant = bool((canonicals == canonicals[0]).all())
    return PackedMotions.from_arrays(poses, canonicals[:1] if constant else canonicals, expressions, None)


def _ratios(content: dict[str, Any], count: int) -> tuple[Ratios, ...]:
    eyes, lips = _find(content, "c_eyes_lst"), _find(content, "c_lip_lst")
    if eyes is None or lips is None:
        return ()
    if not all(isinstance(rows, (list, np.ndarray)) and np.shape(rows)[:1] == (count,) for rows in (eyes, lips)):
        raise ValueError("it has another number of openness ratios than of motions")
    rows = np.empty((count, 3), np.float32)
    with np.errstate(over="ignore"):
        for i, (eye, lip) in enumerate(zip(eyes, lips, strict=True)):
            rows[i, :2] = _array(eye, (2,), f"eye ratio {i}")
            rows[i, 2:] = _array(lip, (1,), f"lip ratio {i}")
    check_ratios(rows)
    return tuple(Ratios(*row) for row in rows.tolist())


def _find(content: dict[str, Any], key: str) -> Any:
    return content.get(key, content.get(OLD_NAMES.get(key, key)))


def _numbers(item: dict[str, Any], key: str, shape: Sequence[int], frame: int) -> Floats:
    value = _find(item, key)
    if value is None:
        raise ValueError(f"frame {frame} lacks {key!r}")
    return _array(value, shape, f"frame {frame}, {key}")


def _array(value: Any, shape: Sequence[int], what: str) -> Floats:
    """Numbers in the shape that is due, whatever the number of leading ones; whether they are in bounds is not
    looked at. Only arrays and numbers: a list may hold itself, or grow without end where it is converted."""
    count = int(np.prod(shape))
    if not isinstance(value, np.ndarray) and count == 1:
        return np.array([bounds.number(value, -FLOAT_MAX, FLOAT_MAX, what)])
    if not isinstance(value, np.ndarray) or value.size != count or value.dtype.kind not in "iuf":
        raise ValueError(f"{what}: not an array of {count} number(s)")
    return np.asarray(value.reshape(shape), np.float64)


def _single(value: Any) -> Any:
    """The number in an array of one number."""
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
