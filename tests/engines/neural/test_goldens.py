"""The networks against the reference outputs, by the steps that users run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from openportrait.motion import rotation_from_degrees
from tests.reference import REFERENCE, recipe

torch = pytest.importorskip("torch")

from benchmarks import plain_networks as plain  # noqa: E402

from openportrait.engines.neural.appearance import AppearanceExtractor  # noqa: E402
from openportrait.engines.neural.checkpoint import read  # noqa: E402
from openportrait.engines.neural.decoder import Decoder  # noqa: E402
from openportrait.engines.neural.extractor import MotionExtractor, degrees  # noqa: E402
from openportrait.engines.neural.layers import place  # noqa: E402
from openportrait.engines.neural.retargeting import perceptron  # noqa: E402
from openportrait.engines.neural.warping import Warping  # noqa: E402


class Goldens:
    """Stand-in weights, inputs and stored outputs."""

    def __init__(self, outputs: Any) -> None:
        self.outputs = outputs
        self.inputs = {name: torch.from_numpy(value) for name, value in recipe.inputs().items()}
        self.left = {name.removesuffix("/shape") for name in outputs.files if name.endswith("/shape")}

    def weights(self, network: str) -> dict[str, Any]:
        return {key: torch.from_numpy(value) for key, value in recipe.weights(network).items()}

    def build(self, network: str, builder: Any) -> Any:
        module = read(network, self.weights(network), builder)
        place(module, torch.device("cpu"), torch.float32)
        return module

    def distance(self, name: str, found: Any) -> float:
        """The largest error of an output at its probes, over the spread of that output."""
        found = np.asarray(found)
        assert found.shape == tuple(self.outputs[f"{name}/shape"])
        values = recipe.probe(found, name)[1]
        spread = self.outputs[f"{name}/stats"][1] or np.abs(self.outputs[f"{name}/values"]).max()
        return float(np.abs(values - self.outputs[f"{name}/values"]).max() / spread)

    def check(self, name: str, found: Any, tolerance: float = 1e-4, plain: Callable[[], Any] | None = None) -> None:
        """`plain` gives the same output by the plain networks: some processors round so coarsely that these miss
        the tolerance themselves, at single pixels; there ours must come closer than they do."""
        worst = self.distance(name, found)
        if plain is not None and worst >= tolerance:
            tolerance = max(tolerance, self.distance(name, plain()))
        assert worst < tolerance, f"{name} is off by {worst:.1e} of its spread"
        self.left.discard(name)

    def plain_chain(self) -> Any:
        """The picture by the plain networks, from the same inputs."""
        volume = plain.appearance(self.weights("appearance_feature_extractor"), self.inputs["image"])
        points = self.inputs["kp_driving"], self.inputs["kp_source"]
        return plain.decode(
            self.weights("spade_generator"), plain.warp(self.weights("warping_module"), volume, *points)
        )


@pytest.fixture(scope="module")
def goldens() -> Iterator[Goldens]:
    with np.load(REFERENCE / "networks.npz") as outputs, torch.inference_mode():
        yield Goldens(outputs)


def test_every_reference_output_is_met(goldens: Goldens) -> None:
    inputs = goldens.inputs
    x_d, x_s = inputs["kp_driving"], inputs["kp_source"]

    appearance = goldens.build("appearance_feature_extractor", AppearanceExtractor)
    volume = appearance(inputs["image"])
    goldens.check("appearance_feature_extractor/out", volume)

    heads = goldens.build("motion_extractor", MotionExtractor)(inputs["image"])
    for head, value in heads.items():
        goldens.check(f"motion_extractor/{head}", value)
    angles = {axis: degrees(heads[axis]) for axis in ("pitch", "yaw", "roll")}
    for axis, value in angles.items():
        goldens.check(f"motion_extractor/{axis}_degrees", value)
    rotation = rotation_from_degrees(*(float(angles[axis]) for axis in ("pitch", "yaw", "roll")))
    goldens.check("motion_extractor/rotation", rotation[None])

    warping = goldens.build("warping_module", Warping)
    source = warping.source(inputs["feature_3d"])
    fields = warping.fields(source, x_d, x_s)
    goldens.check("warping_module/hourglass_in", fields)
    features = warping.hourglass(fields)
    goldens.check("warping_module/hourglass_out", features)
    mask, occlusion = warping.heads(features)
    goldens.check("warping_module/occlusion_map", occlusion)
    goldens.check("warping_module/deformation", plain.grid(x_d.device) + warping.displacement(mask, x_d, x_s))
    goldens.check("warping_module/out", warping(source, x_d, x_s))

    decoder = goldens.build("spade_generator", Decoder)
    goldens.check("spade_generator/out", decoder(inputs["decoder_in"]))
    warped = warping(warping.source(volume), x_d, x_s)
    goldens.check("chain/warped", warped, 1e-3)
    goldens.check("chain/image", decoder(warped), 1e-3, plain=goldens.plain_chain)

    for network, given in (
        ("retarget_shoulder", "stitching_in"),
        ("retarget_eye", "eye_in"),
        ("retarget_mouth", "lip_in"),
    ):
        goldens.check(f"{network}/out", perceptron(network, goldens.weights(network))(inputs[given]))
    assert not goldens.left
