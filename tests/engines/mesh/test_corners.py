"""Corners of a pursed mouth."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from openportrait.engines.base import Shot
from openportrait.engines.mesh.mouth.paint import narrowed
from openportrait.engines.mesh.render import build_appearance, render_shot
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.motion import keypoints
from tests.engines.faces import made_crop, made_motion
from tests.engines.gestures import Gesture

CORNERS = [61, 291]


def test_a_pursed_mouth_leaves_no_dark_ticks_beside_it() -> None:
    crop = made_crop(size=512)
    image, (left, right) = crop.image.copy(), crop.face.landmarks[CORNERS, :2]
    away = 0.1 * (right - left)
    for corner, outwards in ((left, -away), (right, away)):
        begin, end = np.round([corner, corner + outwards]).astype(int).tolist()
        cv2.line(image, begin, end, (60, 40, 35), 2, cv2.LINE_AA)
    x_s, x_d = (keypoints(made_motion(gesture), mesh_layout()) for gesture in (Gesture(), Gesture(pucker=1)))
    picture = render_shot(Shot(build_appearance(replace(crop, image=image)), x_s, x_d, None))
    moved = (x_d[CORNERS, :2] + 1) * 256 - 0.5
    for corner, outwards in zip(moved, (-away, away), strict=True):
        x, y = np.round(corner + 0.6 * outwards).astype(int)
        beside = picture[y - 4 : y + 5, x].astype(float).sum(1)
        assert beside.min() > 0.8 * np.median(beside)


def test_only_a_mouth_that_becomes_narrower_is_pursed() -> None:
    x_s = keypoints(made_motion(), mesh_layout())
    shares = {
        name: narrowed(x_s, keypoints(made_motion(gesture), mesh_layout()) - x_s)
        for name, gesture in {"rest": Gesture(), "smile": Gesture(smile=1), "pucker": Gesture(pucker=1)}.items()
    }
    assert shares["rest"] == shares["smile"] == 0
    assert shares["pucker"] > 0.8
