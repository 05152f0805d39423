"""What a foreign template gives: head pose in sizes of the face, eyes and lips by openness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openportrait.layouts import KEYPOINT_SETS, estimated_ratios
from openportrait.motion import KeypointSet, PortableTransfer, keypoints, rotation_from_degrees
from openportrait.options import MotionOptions
from openportrait.records import Motion, Ratios
from openportrait.templates import load_template
from tests.conftest import shared
from tests.motion.faces import CAMERA, Recorder, motion

SOURCE_RATIOS = Ratios(0.3, 0.3, 0.05)


def foreign(yaw: float = 0.0, shift: float = 0.0, scale: float = 1.0) -> Motion:
    """A face of 100 points, 40 canonical units high."""
    canonical = np.tile(np.linspace(-20, 20, 100)[:, None], 3)
    rotation = rotation_from_degrees(0, yaw, 0)
    return Motion(rotation, np.ones((100, 3)), scale, np.array([shift, 0, 0]), canonical)


def driven(
    drivings: list[Motion], ratios: list[Ratios], points: KeypointSet | None = None, **options: Any
) -> tuple[PortableTransfer, Recorder]:
    engine = Recorder()
    values = MotionOptions(**options)
    return PortableTransfer(engine, [motion(0.2)], [SOURCE_RATIOS], drivings, ratios, values, points), engine


def test_pose_carries_over_and_expression_does_not() -> None:
    drivings = [foreign(yaw=5, shift=0.1, scale=0.02), foreign(yaw=15, shift=0.3, scale=0.03)]
    transfer, engine = driven(drivings, [])
    # The source's face is half a unit high, the driving's 40 · 0.02 = 0.8: the shift of 0.2 becomes 0.125.
    expected = motion(0.2, rotation=rotation_from_degrees(0, 10, 0), translation=np.array([0.125, 0, 0]), scale=1.5)
    np.testing.assert_allclose(transfer.x_driven(1), keypoints(expected, CAMERA), atol=1e-12)
    np.testing.assert_allclose(transfer.x_driven(0), transfer.x_source(0), atol=1e-12)
    assert len(transfer) == 2 and engine.calls == []


@pytest.mark.parametrize(
    ("openness", "eyes", "lips"),
    [
        (Ratios(0.4, 0.4, 0.1), 0.3, 0.05),
        (Ratios(0.05, 0.05, 0.0), 0.0, 0.0),
        (Ratios(0.24, 0.24, 0.05), 0.15, 0.025),
        (Ratios(0.9, 0.9, 0.4), 0.39, 0.35),
    ],
)
def test_closed_is_closed_and_rest_is_rest(openness: Ratios, eyes: float, lips: float) -> None:
    rest = Ratios(0.4, 0.4, 0.1)
    transfer, engine = driven([foreign(), foreign()], [rest, openness])
    x = transfer.x_driven(1)
    assert engine.calls == [("eyes", pytest.approx(eyes)), ("lips", 0.05, pytest.approx(lips))]
    np.testing.assert_allclose(x, transfer.x_source(1) + 1 + 2)


@pytest.mark.parametrize(
    ("region", "asked"), [("lip", ["lips"]), ("eyes", ["eyes"]), ("pose", []), ("exp", ["eyes", "lips"])]
)
def test_regions(region: str, asked: list[str]) -> None:
    transfer, engine = driven([foreign(), foreign(yaw=20)], [SOURCE_RATIOS] * 2, region=region)
    x = transfer.x_driven(1)
    assert [call[0] for call in engine.calls] == asked
    turned = motion(0.2, rotation=rotation_from_degrees(0, 20 if region == "pose" else 0, 0))
    np.testing.assert_allclose(x - sum({"eyes": 1, "lips": 2}[name] for name in asked), keypoints(turned, CAMERA))


def test_absolute_takes_rotation_and_openness_as_they_are() -> None:
    transfer, engine = driven([foreign(yaw=5), foreign(yaw=15)], [Ratios(0.4, 0.2, 0.1)] * 2, relative=False)
    turned = motion(0.2, rotation=rotation_from_degrees(0, 15, 0))
    np.testing.assert_allclose(transfer.x_driven(1) - 3, keypoints(turned, CAMERA), atol=1e-12)
    assert engine.calls == [("eyes", pytest.approx(0.3)), ("lips", 0.05, 0.1)]


def test_a_single_frame_is_measured_against_a_usual_face() -> None:
    transfer, engine = driven([foreign(yaw=30)], [Ratios(0.07, 0.07, 0.32)])
    transfer.x_driven(0)
    assert engine.calls == [("eyes", 0.0), ("lips", 0.05, pytest.approx(0.35))]


def test_openness_is_estimated_where_an_old_template_is_silent() -> None:
    template = load_template(shared("examples/templates/d5.pkl"))
    stated = np.array([[r.eye_left, r.eye_right, r.lip] for r in template.ratios])
    found = [estimated_ratios(m) for m in template.motions]
    estimated = np.array([[r.eye_left, r.eye_right, r.lip] for r in found])
    for column in range(3):
        assert np.corrcoef(stated[:, column], estimated[:, column])[0, 1] > 0.6
    transfer, engine = driven(list(template.motions), [], KEYPOINT_SETS[template.layout])
    transfer.x_driven(20)
    assert [call[0] for call in engine.calls] == ["eyes", "lips"]
