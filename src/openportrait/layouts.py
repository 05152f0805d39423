"""The keypoints that a template may have, known without an engine: the mesh's 478, and the published model's 21.

Of the 21, what they mean is stated here too, for templates of the released project: which of them are lips and eyes
(SPEC §4), and what sliders move (SPEC §10). What the 478 mean is the mesh engine's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from openportrait import bounds
from openportrait.errors import OptionError
from openportrait.motion.edits import sides, winked_sides
from openportrait.motion.layout import KeypointLayout, KeypointSet
from openportrait.records import FaceEdit, Floats, Motion, Ratios

COUNT = 21
"""Keypoints of the published model (SPEC §3)."""
LIPS = (6, 12, 14, 17, 19, 20)
"""Keypoints of the region `lip` (SPEC §4); so the next two."""
EYES = (11, 13, 15, 16, 18)
"""Of the region `eyes`."""
BROWS = (1, 2)
"""The keypoints of the released slider for the brows."""
REST = (0, 3, 4, 5, 7, 8, 9, 10)
"""Those of no other region."""
X, Y, Z = 0, 1, 2
"""Axes of a keypoint."""
MASKED: dict[int, tuple[int, ...]] = {
    **dict.fromkeys((1, 2, 6, *range(11, 21)), (X, Y, Z)),
    3: (Y,),
    4: (Y,),
    5: (Z,),
    8: (Z,),
    9: (Y, Z),
}
"""The expression mask: the axes of each keypoint that carry expression and no head pose."""

NEUTRAL_EXPRESSION: Floats = np.array(
    [
        [-9.4524e-05, 0.00024222, -4.00974e-05],  # 0
        [0.000208596, 0.000468054, 1.27464e-05],  # 1
        [-0.000124602, 0.000324972, 4.425e-06],  # 2
        [0.000119652, -0.000456624, 5.40852e-05],  # 3
        [-0.000265254, -7.4598e-05, -1.5528e-05],  # 4
        [-3.34884e-05, -0.000183036, -3.49404e-06],  # 5
        [-4.75428e-07, -4.52466e-07, 1.59498e-06],  # 6
        [-0.000541296, 0.0026328, 7.2486e-06],  # 7
        [-1.1694e-05, 5.00502e-06, 9.9888e-06],  # 8
        [8.0286e-07, 5.19132e-06, -0.000409344],  # 9
        [0.000166878, -1.9815e-05, -8.8548e-05],  # 10
        [-1.51536e-05, 8.2506e-05, 5.94012e-06],  # 11
        [-2.61054e-07, 2.7591e-06, 2.21028e-06],  # 12
        [-6.6282e-05, -6.8286e-05, -3.45318e-06],  # 13
        [-0.00083262, -0.00179592, -2.59176e-06],  # 14
        [6.9714e-06, 3.65514e-05, -1.8978e-06],  # 15
        [-4.80876e-06, 7.1148e-06, -1.03236e-05],  # 16
        [-0.00063684, -0.0011661, 5.62314e-05],  # 17
        [0.00028329, -1.45656e-05, 1.09746e-05],  # 18
        [-4.16022e-06, -0.0150906, -0.0025494],  # 19
        [0.000222474, 0.00562788, 0.00272646],  # 20
    ]
)
"""(21, 3) N of SPEC §4: the expression of a face at rest, canonical units."""
NEUTRAL_EXPRESSION.setflags(write=False)


def _weights(entries: dict[int, tuple[int, ...]]) -> Floats:
    weights = np.zeros((COUNT, 3))
    for point, axes in entries.items():
        weights[point, list(axes)] = 1
    return weights


def _neutral(motion: Motion) -> Floats:
    return NEUTRAL_EXPRESSION


def estimated_ratios(motion: Motion) -> Ratios:
    """How open eyes and lips are, from the expression alone: for old templates, which do not say.

    Straight lines through templates that state both: shut lids have y near 0.011 at keypoints 11 and
    15 and wide ones −0.004; lips meet at −0.017 at keypoint 19. Good for more or less, not for measures.
    """
    eye_left, eye_right = (float(np.clip(0.27 - 22 * motion.expression[point, Y], 0, 0.5)) for point in (11, 15))
    return Ratios(eye_left, eye_right, float(np.clip(5 * (motion.expression[19, Y] + 0.017), 0, 0.8)))


LIVEPORTRAIT_POINTS = KeypointSet(
    name="liveportrait-21",
    count=COUNT,
    # The source crop is 2.3 faces wide, and s about 1.3.
    face_height=0.68,
    # About thirty face heights: the published model's keypoints lie within one.
    reach=20.0,
    # The model learnt their places: none is known to lie on the chin or the brow.
    spans_face=False,
    estimated_ratios=estimated_ratios,
)
"""The published model's, in its own canonical units."""
# Centimetres (`engines.mesh.shape.points`): no head reaches a metre.
MESH_POINTS = KeypointSet(name="mesh-478", count=478, face_height=18.0, reach=100.0)
"""The mesh engine's."""
KEYPOINT_SETS = {points.name: points for points in (LIVEPORTRAIT_POINTS, MESH_POINTS)}
"""The keypoints that a template may have, by name."""


def keypoint_set(name: str, count: int) -> KeypointSet:
    """The keypoints of that name. Raises ValueError: it is unknown, or has another number of them."""
    if name not in KEYPOINT_SETS:
        raise ValueError(f"the layout is {bounds.shown(name)}; {' or '.join(KEYPOINT_SETS)} is due")
    if count != KEYPOINT_SETS[name].count:
        raise ValueError(f"points is {bounds.shown(count)}; layout {name} has {KEYPOINT_SETS[name].count}")
    return KEYPOINT_SETS[name]


LIVEPORTRAIT_21 = KeypointLayout(
    points=LIVEPORTRAIT_POINTS,
    parts={
        name: _weights(dict.fromkeys(points, (X, Y, Z)))
        # Keypoints 11 and 15 carry the lids and the direction of the gaze.
        for name, points in {"brows": BROWS, "eyes": EYES, "lip": LIPS, "rest": REST}.items()
    },
    whole=np.ones((COUNT, 3)),
    mask=_weights(MASKED),
    neutral=_neutral,
    # By `estimated_ratios`: a ratio of 5 for each unit of y at keypoint 19, which the slider moves by 0.001.
    lip_open_of_ratio=200.0,
)
"""What the published model's keypoints mean."""


class Slider(NamedTuple):
    """What one slider adds to the expression: gain times its value, to each entry."""

    name: str
    """Field of `FaceEdit`."""
    values: Literal["any", "above 0", "below 0"]
    entries: tuple[tuple[int, int, float], ...]
    """(keypoint, axis, gain)."""


SLIDERS = (
    Slider(
        "smile",
        "any",
        (
            (20, Y, -0.01),
            (14, Y, -0.02),
            (17, Y, 0.0065),
            (17, Z, 0.003),
            (13, Y, -0.00275),
            (16, Y, -0.00275),
            (3, Y, -0.0035),
            (7, Y, -0.0035),
        ),
    ),
    Slider("wink", "any", ((11, Y, 0.001), (13, Y, -0.0003), (17, X, 0.0003), (17, Y, 0.0003), (3, Y, -0.0003))),
    # Not in SPEC §10: the same for the other eye, whose keypoints those of the vertical gaze name.
    Slider("wink_right", "any", ((15, Y, 0.001), (16, Y, -0.0003), (17, X, -0.0003), (17, Y, 0.0003), (7, Y, -0.0003))),
    Slider("eyebrow", "above 0", ((1, Y, 0.001), (2, Y, -0.001))),
    Slider("eyebrow", "below 0", ((1, X, -0.001), (2, X, 0.001), (1, Y, 0.0003), (2, Y, -0.0003))),
    Slider("gaze_x", "above 0", ((11, X, 0.0007), (15, X, 0.001))),
    Slider("gaze_x", "below 0", ((11, X, 0.001), (15, X, 0.0007))),
    Slider("gaze_y", "any", ((11, Y, -0.001), (15, Y, -0.001))),
    # The lids follow the gaze: the blink of SPEC §10, −1/2 of the gaze, is multiplied into the gains.
    Slider("gaze_y", "any", ((11, Y, 0.0005), (13, Y, -0.00015), (15, Y, 0.0005), (16, Y, -0.00015))),
    Slider("pouting", "any", ((19, X, 1.0),)),
    Slider("pursing", "any", ((14, Y, 0.001), (3, Y, -0.0005), (7, Y, -0.0005), (17, Z, -0.0005))),
    Slider("grin", "any", ((20, Z, -0.001), (20, Y, -0.001), (14, Y, -0.001))),
    Slider("lip_open", "any", ((19, Y, 0.001), (19, Z, 0.0001), (17, Y, -0.0001))),
    Slider("move_x", "any", ((5, X, -1.0),)),
    Slider("move_y", "any", ((5, Y, 1.0),)),
)
"""The gains of the released project (SPEC §10), canonical units for each unit of the slider."""


def edit_expression(edit: FaceEdit) -> Floats:
    """(21, 3) what the sliders add to the expression of the published model's keypoints.

    Raises OptionError for a side that these keypoints do not move alone.
    """
    for name in ("smile", "eyebrow"):
        if len(set(sides(edit, name))) > 1:
            raise OptionError(
                f"the keypoints of this engine do not move one side alone; give {name} for both, "
                "or take an engine that does (--engine mesh)"
            )
    left, right = winked_sides(edit)
    edit = replace(edit, smile=sides(edit, "smile")[0], eyebrow=sides(edit, "eyebrow")[0], wink=left, wink_right=right)
    change = np.zeros((COUNT, 3))
    for slider in SLIDERS:
        value: float = getattr(edit, slider.name)
        if slider.values == "any" or (value > 0) == (slider.values == "above 0"):
            for point, axis, gain in slider.entries:
                change[point, axis] += gain * value
    return change
