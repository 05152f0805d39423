"""Faces that carry the points of another landmark network: where those points go and what they decide."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from openportrait.faces import FaceFinder, clip_box, face_box, ratios, ratios_203, track
from openportrait.faces.crop import outline_points
from openportrait.records import Face, Floats, Frame, Image


def points_of(image: Image, face: Face, before: Floats | None) -> Floats:
    """A stand-in network: 203 points in a ring around the nose, and whether it was told of the frame before."""
    angle = np.linspace(0, 2 * np.pi, 203)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) * (50 if before is None else 60)
    return np.asarray(face.landmarks[1, :2] + ring)


def test_boxes_and_ratios_are_made_from_refined_points(officer: Image) -> None:
    plain = FaceFinder().find(officer)[0]
    refined = FaceFinder(refine=points_of).find(officer)[0]
    assert refined.refined is not None
    assert (refined.landmarks == plain.landmarks).all()
    shape = {"scale": 2.0, "shift_x": 0.0, "shift_y": 0.0}
    expected = face_box(points_of(officer, plain, None), **shape)
    assert clip_box([refined], **shape).side == pytest.approx(expected.side)
    assert clip_box([plain], **shape).side != pytest.approx(expected.side, rel=1e-2)
    assert ratios(refined) == ratios_203(refined.refined)
    assert outline_points(plain).shape == (478, 2)


def test_refined_points_move_with_the_face(officer: Image) -> None:
    face = FaceFinder(refine=points_of).find(officer)[0]
    matrix = np.array([[2.0, 0, 5], [0, 2, -3], [0, 0, 1]])
    moved = face.moved(matrix, 2.0)
    assert face.refined is not None
    assert moved.refined is not None
    assert np.allclose(moved.refined, face.refined * 2 + (5, -3))
    assert np.allclose(moved.landmarks[:, 2], face.landmarks[:, 2] * 2)


def test_a_track_keeps_them_and_tells_the_network_of_the_frame_before(officer: Image) -> None:
    def frames() -> Iterator[Frame]:
        for index in range(8):
            yield Frame(officer, index)

    found = track(
        frames(),
        FaceFinder(refine=points_of),
        "largest",
        rate=Fraction(25),
        bridge_seconds=1,
        where="clip",
        option="--face",
    )[0]
    radii = []
    for face in found.faces:
        assert face is not None
        assert face.refined is not None
        radii.append(float(np.linalg.norm(face.refined - face.landmarks[1, :2], axis=1).mean()))
    assert radii[-1] == pytest.approx(60, abs=1)
