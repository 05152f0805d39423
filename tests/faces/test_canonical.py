"""The canonical face, parsed from the shipped bundle."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.faces import canonical_face
from openportrait.records import Face
from tests.reference import REFERENCE


def test_counts_and_ranges() -> None:
    face = canonical_face()
    assert face.vertices.shape == (468, 3)
    assert face.uv.shape == (468, 2)
    assert face.triangles.shape == (898, 3)
    assert face.pose_indices.shape == face.pose_weights.shape == (33,)
    assert (face.uv.min(), face.uv.max()) >= (0, 0)
    assert face.uv.max() <= 1
    assert set(face.triangles.ravel().tolist()) == set(range(468))


def test_axes_are_those_the_docstring_states() -> None:
    vertices = canonical_face().vertices
    forehead, chin, nose, eye_left, eye_right = vertices[10], vertices[152], vertices[4], vertices[33], vertices[263]
    assert forehead[1] > chin[1]
    assert nose[2] == vertices[:, 2].max()
    assert eye_right[0] == pytest.approx(-eye_left[0], abs=1e-4)
    assert eye_right[0] > 0


def test_it_is_read_once_and_cannot_be_changed() -> None:
    face = canonical_face()
    assert canonical_face() is face
    with pytest.raises(ValueError, match="read-only"):
        face.vertices[0] = 0


def test_every_value_is_that_of_the_reference() -> None:
    expected = np.load(REFERENCE / "canonical_face.npz")
    face = canonical_face()
    assert set(expected) == set(vars(face))
    for name, values in vars(face).items():
        np.testing.assert_array_equal(values, expected[name], name)


def test_a_found_face_has_its_shape(officer_face: Face) -> None:
    face = canonical_face()
    flat = face.vertices[:, :2] * [1, -1]
    seen = officer_face.landmarks[:468, :2]
    correlation = np.corrcoef((flat - flat.mean(0)).ravel(), (seen - seen.mean(0)).ravel())[0, 1]
    assert correlation > 0.97
