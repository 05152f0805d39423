"""A whole job against the published method computed by other code: SPEC §3, §4, §7 and plain PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import openportrait
from openportrait.layouts import LIVEPORTRAIT_21
from openportrait.records import Image, Motion
from tests.conftest import EXAMPLES
from tests.engines.neural import plain_networks as plain
from tests.neural_job.formulas import points, stitched

torch = pytest.importorskip("torch")


@pytest.fixture
def squares(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A source and a driving picture, both face crops of 512 × 512 already."""
    paths = tmp_path / "source.png", tmp_path / "driving.png"
    for path, picture, left, top in (
        (paths[0], EXAMPLES / "source" / "officer.jpg", 0, 0),
        (paths[1], EXAMPLES / "driving" / "surprise.jpg", 0, 0),
    ):
        image = cv2.imread(str(picture))
        assert image is not None
        side = min(image.shape[:2])
        square = image[top : top + side, left : left + side]
        cv2.imwrite(str(path), cv2.resize(square, (512, 512), interpolation=cv2.INTER_AREA))
    yield paths


def small(path: Path) -> Any:
    """[1, 3, 256, 256] in 0..1, reduced by area averaging."""
    image = cv2.imread(str(path))
    assert image is not None
    halved: Image = cv2.resize(image[..., ::-1], (256, 256), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return torch.from_numpy(halved.transpose(2, 0, 1)[None].astype(np.float32) / 255)


def measured(picture: Any) -> Motion:
    """M with its angles decoded by hand: 3·Σ softmax·bin − 97.5 degrees; R = (Rz Ry Rx)ᵀ."""
    from openportrait.engines.neural.checkpoint import read
    from openportrait.engines.neural.extractors import MotionExtractor
    from tests.engines.neural.standins import stand_in_weights

    network = read("motion_extractor", stand_in_weights("motion_extractor"), MotionExtractor)
    with torch.inference_mode():
        heads = {name: value.double().numpy()[0] for name, value in network(picture).items()}
    matrices = []
    for name, (a, b) in {"pitch": (1, 2), "yaw": (2, 0), "roll": (0, 1)}.items():
        share = np.exp(heads[name] - heads[name].max())
        degrees = 3 * (share / share.sum() @ np.arange(66)) - 97.5
        turn = np.eye(3)
        turn[[a, b], [a, b]] = np.cos(np.radians(degrees))
        turn[b, a] = np.sin(np.radians(degrees))
        turn[a, b] = -turn[b, a]
        matrices.append(turn)
    x, y, z = matrices
    canonical, expression = heads["kp"].reshape(21, 3), heads["exp"].reshape(21, 3)
    return Motion((z @ y @ x).T, expression, float(heads["scale"].item()), heads["t"], canonical)


@pytest.mark.slow
def test_a_still_by_a_still_is_the_published_method(squares: tuple[Path, Path], weights: Path) -> None:
    from tests.engines.neural.standins import stand_in_weights

    wanted: dict[str, Any] = {"engine": "neural", "weights": weights, "device": "cpu", "precision": "fp32"}
    with openportrait.stream(*squares, crop_source=False, **wanted) as job:
        assert (job.frames, job.rate) == (1, None)
        (picture,) = job
    source, driving = (measured(small(path)) for path in squares)
    neutral = LIVEPORTRAIT_21.neutral(source)
    moved = source.expression + driving.expression - neutral
    x_s = points(source)
    x_d = points(Motion(source.rotation, moved, source.scale, source.translation, source.canonical))
    x_d = stitched(x_s, x_d)
    states = {
        name: stand_in_weights(name) for name in ("appearance_feature_extractor", "warping_module", "spade_generator")
    }
    with torch.inference_mode():
        volume = plain.appearance(states["appearance_feature_extractor"], small(squares[0]))
        x_d, x_s = (torch.from_numpy(x[None].astype(np.float32)) for x in (x_d, x_s))
        warped = plain.warp(states["warping_module"], volume, x_d, x_s)
        expected = plain.decode(states["spade_generator"], warped)[0].permute(1, 2, 0).numpy() * 255
    difference = np.abs(picture.image - expected)
    assert picture.image.shape == (512, 512, 3)
    assert expected.std() > 20, "the picture shows something"
    assert difference.mean() < 0.3, "rounding to whole numbers alone makes 0.25"
    assert np.quantile(difference, 0.999) < 1.5
