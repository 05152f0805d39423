"""Scores of expressions, from landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from openportrait.faces import canonical_face
from openportrait.records import Face
from tests.faces.blendshapes import BLENDSHAPES, blendshapes


def test_there_are_52_names() -> None:
    assert len(set(BLENDSHAPES)) == 52
    assert (BLENDSHAPES[0], BLENDSHAPES[9], BLENDSHAPES[25], BLENDSHAPES[51]) == (
        "_neutral",
        "eyeBlinkLeft",
        "jawOpen",
        "noseSneerRight",
    )


def test_a_lowered_jaw_is_open(officer_face: Face) -> None:
    lowered = officer_face.landmarks.copy()
    below_lips = canonical_face().vertices[:, 1] < canonical_face().vertices[14, 1] + 0.05
    below_lips[[13, 78, 308, 61, 291]] = False
    lowered[:468][below_lips, 1] += 0.15 * officer_face.size
    assert blendshapes(officer_face)["jawOpen"] < 0.1
    assert blendshapes(Face(lowered))["jawOpen"] > 0.3


def test_the_astronaut_smiles(astronaut_face: Face) -> None:
    scores = blendshapes(astronaut_face)
    assert min(scores["mouthSmileLeft"], scores["mouthSmileRight"]) > 0.5


def test_left_is_the_subjects_own(officer_face: Face) -> None:
    closed = officer_face.landmarks.copy()
    closed[[386, 385, 387, 384, 388, 398, 466]] = closed[[374, 380, 373, 381, 390, 382, 249]]
    scores = blendshapes(Face(closed))
    assert scores["eyeBlinkLeft"] > scores["eyeBlinkRight"] + 0.2


def test_place_and_size_do_not_matter(officer_face: Face) -> None:
    there = blendshapes(Face(officer_face.landmarks * 3 + 100))
    assert list(there.values()) == pytest.approx(list(blendshapes(officer_face).values()), abs=1e-4)
    assert np.all((np.array(list(there.values())) >= 0) & (np.array(list(there.values())) <= 1))
