"""Pictures of faces that the tests here share."""

from __future__ import annotations

import os
from fractions import Fraction

import cv2
import numpy as np
import pytest

from openportrait.faces import FaceFinder
from openportrait.media import read_image
from openportrait.records import Face, Floats, Frame, Image
from tests.conftest import EXAMPLES


@pytest.fixture(scope="session", autouse=True)
def one_core() -> None:
    cv2.setNumThreads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@pytest.fixture(scope="session")
def officer() -> Image:
    """600 × 512, one face about 200 px high."""
    return read_image(EXAMPLES / "source" / "officer.jpg").image


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """512 × 512, one face about 110 px high."""
    return read_image(EXAMPLES / "source" / "astronaut.jpg").image


@pytest.fixture(scope="session")
def officer_face(finder: FaceFinder, officer: Image) -> Face:
    return finder.find(officer)[0]


@pytest.fixture(scope="session")
def astronaut_face(finder: FaceFinder, astronaut: Image) -> Face:
    return finder.find(astronaut)[0]


def backdrop(width: int, height: int, seed: int = 0) -> Image:
    """A busy background without a face: soft blotches of colour."""
    blotches = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def moved(image: Image, matrix: Floats, width: int, height: int) -> Image:
    """The picture mapped by a (3, 3) matrix onto a grey canvas, without aliasing."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if scale < 1:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.5 / scale), np.uint8)
    grey = (120, 120, 120)
    return np.asarray(cv2.warpAffine(image, matrix[:2], (width, height), borderValue=grey), np.uint8)


def shift(x: float, y: float, scale: float = 1.0) -> Floats:
    """(3, 3): scaled, then moved."""
    return np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]])


def turn(image: Image, degrees: float) -> tuple[Floats, int]:
    """(3, 3) turn of a picture about its middle onto a square canvas, and the canvas's side."""
    height, width = image.shape[:2]
    side = int(np.hypot(width, height))
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    matrix[:2, 2] += [(side - width) / 2, (side - height) / 2]
    return matrix, side


def apart(face: Face, expected: Face) -> float:
    """Mean distance of the landmarks in the picture's plane, in sizes of the expected face."""
    distances = np.linalg.norm(face.landmarks[:, :2] - expected.landmarks[:, :2], axis=1)
    return float(distances.mean() / expected.size)


def clip(images: list[Image]) -> list[Frame]:
    return [Frame(image, index, Fraction(index, 25)) for index, image in enumerate(images)]
