"""The order of the corrections, told by an engine that records what it was asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openportrait.errors import TemplateError
from openportrait.motion import Corrections
from openportrait.options import MotionOptions
from openportrait.records import Ratios
from tests.motion.faces import Recorder

X_S, X_D = np.full((3, 3), 1.0), np.full((3, 3), 3.0)
OPEN = Ratios(eye_left=0.3, eye_right=0.2, lip=0.25)
SHUT = Ratios(eye_left=0.1, eye_right=0.1, lip=0.02)


def corrected(
    source: Ratios | None = OPEN, driving: Ratios | None = SHUT, *, source_moves: bool = False, **options: Any
) -> tuple[float, list[tuple[Any, ...]]]:
    engine = Recorder()
    correct = Corrections(engine, MotionOptions(**options), first_source=source, source_moves=source_moves)
    return float(correct(X_S, X_D, source, driving)[0, 0]), engine.calls


@pytest.mark.parametrize(
    ("options", "value", "calls"),
    [
        ({}, 30, [("stitch",)]),
        ({"stitching": False}, 3, []),
        ({"stitching": False, "multiplier": 1.5}, 1 + 2 * 1.5, []),
        ({"normalize_lip": True}, 30 + 2, [("stitch",), ("lips", 0.25, 0.0)]),
        ({"normalize_lip": True, "relative": False}, 30, [("stitch",)]),
        ({"normalize_lip": True, "source": SHUT}, 30, [("stitch",)]),
        ({"normalize_lip": True, "source": None}, 30, [("stitch",)]),
        ({"source_eye_retargeting": True}, 30, [("stitch",)]),
        ({"source_eye_retargeting": True, "source_moves": True}, 31, [("stitch",), ("eyes", 0.25)]),
        (
            {"source_eye_retargeting": True, "source_moves": True, "source": SHUT},
            31,
            [("stitch",), ("eyes", 0.39)],
        ),
        ({"eye_retargeting": True}, (1 + 1) * 10, [("eyes", 0.1), ("stitch",)]),
        ({"eye_retargeting": True, "relative": False}, (3 + 1) * 10, [("eyes", 0.1), ("stitch",)]),
        (
            {"eye_retargeting": True, "lip_retargeting": True, "normalize_lip": True, "stitching": False},
            1 + 1 + 2,
            [("eyes", 0.1), ("lips", 0.25, 0.02)],
        ),
    ],
)
def test_what_is_done_and_in_which_order(options: dict[str, Any], value: float, calls: list[tuple[Any, ...]]) -> None:
    found, asked = corrected(**options)
    assert found == pytest.approx(value)
    assert asked == calls


def test_retargeting_needs_the_drivings_openness() -> None:
    with pytest.raises(TemplateError, match="turn eye and lip retargeting off"):
        corrected(driving=None, eye_retargeting=True)
