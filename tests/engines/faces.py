"""Crops of a made-up face, so that no test of an engine needs a picture or a detector."""

from __future__ import annotations

import cv2
import numpy as np

from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.engines.mesh.shape.points import (
    EYES_LOWER,
    EYES_UPPER,
    FACE_OVAL,
    LIPS_LOWER,
    LIPS_UPPER,
    canonical,
    crop_pixels,
)
from openportrait.motion import keypoints, rotation_from_degrees
from openportrait.records import Face, FaceCrop, Floats, Image, Motion
from tests.engines.gestures import Gesture, authored


def made_motion(gesture: Gesture | None = None, *, yaw_degrees: float = 0.0, scale: float = 0.05) -> Motion:
    """The canonical face, turned and then moved by a gesture."""
    straight = Motion(
        rotation=rotation_from_degrees(4.0, yaw_degrees, -3.0),
        expression=np.zeros((478, 3)),
        scale=scale,
        translation=np.array([0.03, 0.05, 0.0]),
        canonical=canonical(),
    )
    return authored(straight, gesture or Gesture())


def made_crop(
    gesture: Gesture | None = None, *, size: int = 256, yaw_degrees: float = 0.0, scale: float = 0.05
) -> FaceCrop:
    """A drawn face with exactly the landmarks of `made_motion`."""
    motion = made_motion(gesture, yaw_degrees=yaw_degrees, scale=scale)
    landmarks = crop_pixels(keypoints(motion, mesh_layout()), size)
    return FaceCrop(_drawn(landmarks, size), Face(landmarks), np.eye(3))


def _drawn(landmarks: Floats, size: int) -> Image:
    """Skin, eyes and lips in flat colours over soft noise, so that every shift of a pixel shows."""
    picture = np.full((size, size, 3), (70, 90, 110), np.uint8)

    def fill(points: Floats, colour: tuple[int, int, int]) -> None:
        cv2.fillPoly(picture, [np.round(points[:, :2]).astype(np.int32)], colour)

    fill(landmarks[FACE_OVAL], (205, 165, 140))
    for upper, lower in zip(EYES_UPPER, EYES_LOWER, strict=True):
        fill(landmarks[np.concatenate([upper, lower[-2:0:-1]])], (235, 235, 230))
    for iris in (468, 473):
        x, y = landmarks[iris, :2]
        cv2.circle(picture, (round(x), round(y)), max(2, size // 50), (40, 60, 50), -1)
    fill(landmarks[np.concatenate([LIPS_UPPER[0], LIPS_LOWER[0, -2:0:-1]])], (170, 80, 80))
    fill(landmarks[np.concatenate([LIPS_UPPER[3], LIPS_LOWER[3, -2:0:-1]])], (60, 20, 20))
    noise = np.random.default_rng(7).normal(0, 30, (size, size, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return np.asarray(np.clip(picture + soft, 0, 255), np.uint8)
