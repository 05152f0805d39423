"""The 203 points on which crops and openness ratios are measured for the published weights (SPEC §1, §2).

Counted on an upright face, left and right as in the picture:

======== ======================================================================================
0–23     left eye: outer corner 0, upper lid, inner corner 12, lower lid back
24–47    right eye: inner corner 24, upper lid, outer corner 36, lower lid back
48–83    outer lips: left corner 48, upper lip, right corner 66, lower lip back
84–107   inner lips, likewise from 84, right corner 96
108–144  outline: left temple at the height of the eyes, chin 126, right temple
145–164  left brow: outer end 145, upper edge, inner end 155, lower edge back
165–184  right brow: inner end 165, upper edge, outer end 175, lower edge back
185–196  nose: left side down to the nostril 190, right side up from the nostril 191
197–202  left and right iris; bridge, ridge, tip and base of the nose
======== ======================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from openportrait.errors import EngineError, WeightsError
from openportrait.extras import install
from openportrait.faces import crop_from_image, face_box
from openportrait.records import Face, Floats, Image
from openportrait.weights import manifest

if TYPE_CHECKING:
    import torch

COUNT = 203
"""Landmarks of the network."""
_SIZE = 224
"""Side of its input, px; this and the next two: SPEC §1."""
_SCALE = 1.5
"""Side of the input over that of the face."""
_SHIFT_Y = -0.1
"""How far the input is moved down, in sides of the face."""
_OUTPUT = 2
"""Of the network's outputs, the one with the 203 points."""

_LINES: tuple[tuple[tuple[int, ...], int], ...] = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), 12),
    ((133, 155, 154, 153, 145, 144, 163, 7, 33), 12),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), 12),
    ((263, 249, 390, 373, 374, 380, 381, 382, 362), 12),
    ((61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291), 18),
    ((291, 375, 321, 405, 314, 17, 84, 181, 91, 146, 61), 18),
    ((78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308), 12),
    ((308, 324, 318, 402, 317, 14, 87, 178, 88, 95, 78), 12),
    ((127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152), 18),
    ((152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356), 18),
    ((356,), 1),
    ((70, 63, 105, 66, 107, 55), 10),
    ((55, 65, 52, 53, 46, 70), 10),
    ((285, 336, 296, 334, 293, 300), 10),
    ((300, 276, 283, 282, 295, 285), 10),
    *(((number,), 1) for number in (193, 196, 198, 129, 98, 97, 326, 327, 358, 420, 419, 417)),
    *(((number,), 1) for number in (468, 473, 168, 5, 4, 2)),
)
"""Lines of mesh points, each with how many of the 203 points lie on it from its first point on, evenly by
number of mesh points; the next line begins where it ends."""


def _mixture() -> tuple[np.ndarray, np.ndarray, Floats]:
    """For each of the 203 points the two mesh points between which it lies, and the share of the second."""
    places = [(line, step * (len(line) - 1) / count) for line, count in _LINES for step in range(count)]
    first = np.array([line[int(at)] for line, at in places])
    second = np.array([line[min(int(at) + 1, len(line) - 1)] for line, at in places])
    return first, second, np.array([[at % 1] for _, at in places])


_FIRST, _SECOND, _SHARE = _mixture()


def points203(face: Face) -> Floats:
    """(203, 2) px: the same places of the face on the 478-point mesh, for where the network is absent.

    Corners and middles of eyes and lips, all that anchors and ratios are made of, are mesh points as
    they are; brows and outline, which span the box, lie on the mesh's own brow and outline.
    """
    points = face.landmarks[:, :2]
    between: Floats = points[_FIRST] * (1 - _SHARE) + points[_SECOND] * _SHARE
    return between


class LandmarkRefiner:
    """The landmark network of the published weights (`landmark.onnx`), by ONNX Runtime."""

    def __init__(self, model: Path, device: torch.device) -> None:
        """`device`: that of the other networks; where ONNX Runtime does not reach it, the network runs on the CPU.

        Raises WeightsError where the file is no such network, EngineError where ONNX Runtime is missing.
        """
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise EngineError(f"landmarks by network need onnxruntime; {install('neural')}") from error
        problem = manifest.damage(model)
        if problem:
            raise WeightsError(problem)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        providers = _providers(device, onnxruntime.get_available_providers())
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=providers)
        except Exception as error:  # ONNX Runtime's errors share no base but this one
            raise WeightsError(
                f"{model} is cut short or damaged; delete it and run `openportrait weights download`"
            ) from error
        self._input = self._session.get_inputs()[0]
        self._outputs = [output.name for output in self._session.get_outputs()]
        if len(self._outputs) <= _OUTPUT or list(self._input.shape[1:]) != [3, _SIZE, _SIZE]:
            raise WeightsError(f"{model} is not the 203-point landmark network; put the published file there")

    def refine(self, image: Image, face: Face, previous: Floats | None = None) -> Floats:
        """(203, 2) px of the picture.

        The network looks where `previous`, the points of the frame before, lie; without them, or where
        the face has left them, where the mesh lies. Where what it gives lies beside the face, the mesh's points stand.
        """
        mesh = points203(face)
        start = previous if previous is not None and _same_place(previous, mesh) else mesh
        found = self._look(image, start)
        return found if _same_place(found, mesh) else mesh

    def _look(self, image: Image, around: Floats) -> Floats:
        """The network's points from the crop around (N, 2) landmarks."""
        matrix = crop_from_image(face_box(around, scale=_SCALE, shift_x=0.0, shift_y=_SHIFT_Y), _SIZE, rotate=True)
        crop = cv2.warpAffine(image, matrix[:2], (_SIZE, _SIZE), flags=cv2.INTER_LINEAR)
        planes = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        (found,) = self._session.run([self._outputs[_OUTPUT]], {self._input.name: planes})
        points: Floats = np.asarray(found, np.float64).reshape(-1, 2) * _SIZE
        if len(points) != COUNT:
            raise WeightsError(f"the landmark network gives {len(points)} points where {COUNT} belong; replace it")
        back = np.linalg.inv(matrix)
        placed: Floats = points @ back[:2, :2].T + back[:2, 2]
        return placed


def _providers(device: torch.device, available: Sequence[str]) -> list[str | tuple[str, dict[str, Any]]]:
    """What ONNX Runtime may use, the best first.

    Apple's and Intel's graphics take builds of ONNX Runtime of their own, and the network is small: there the
    CPU runs it.
    """
    if device.type == "cuda" and "CUDAExecutionProvider" in available:
        return [("CUDAExecutionProvider", {"device_id": device.index or 0}), "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]


def _same_place(points: Floats, mesh: Floats) -> bool:
    """Whether two sets of 203 points can be of one face: half a face apart, or twice its size, is another."""
    if not np.isfinite(points).all():
        return False
    box, expected = (face_box(each, scale=1.0, shift_x=0.0, shift_y=0.0) for each in (points, mesh))
    apart = float(np.linalg.norm(box.centre - expected.centre))
    return apart < 0.5 * expected.side and 0.5 < box.side / max(expected.side, 1e-6) < 2.0
