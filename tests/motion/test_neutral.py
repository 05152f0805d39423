"""The neutral frame is frontal, has its eyes open and its mouth shut."""

from __future__ import annotations

import pytest

from openportrait.motion import neutral_index, rotation_from_degrees
from openportrait.records import Ratios
from tests.motion.faces import motion


def test_frontal_wins_without_ratios() -> None:
    yaws = (25, -12, 3, 3, 20)
    assert neutral_index([motion(rotation=rotation_from_degrees(0, yaw, 0)) for yaw in yaws]) == 2


@pytest.mark.parametrize(
    ("faces", "best"),
    [
        # (yaw, eyes, lips)
        ([(0, 0.05, 0.0), (0, 0.35, 0.4), (4, 0.34, 0.02), (0, 0.35, 0.2)], 2),
        ([(0, 0.3, 0.0), (0, 0.3, 0.0)], 0),
        ([(0, 0.02, 0.0), (6, 0.33, 0.0), (0, 0.03, 0.0)], 1),
        # Lips that never meet, narrow eyes: the clip is its own measure.
        ([(0, 0.08, 0.30), (0, 0.16, 0.12), (0, 0.17, 0.30)], 1),
    ],
)
def test_eyes_open_and_mouth_shut(faces: list[tuple[float, float, float]], best: int) -> None:
    motions = [motion(rotation=rotation_from_degrees(0, yaw, 0)) for yaw, _, _ in faces]
    assert neutral_index(motions, [Ratios(eyes, eyes, lips) for _, eyes, lips in faces]) == best
