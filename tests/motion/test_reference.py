"""All stored combinations of source, driving and options give the reference's keypoints."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from openportrait.faces import ratios_203
from openportrait.layouts import LIVEPORTRAIT_21
from openportrait.motion import ClipTransfer, Corrections, motion_multiplier, rotation_from_degrees, smooth
from openportrait.motion.edits import RetargetingEngine
from openportrait.options import MotionOptions
from openportrait.records import Floats, Motion, Ratios
from tests.motion.stand_ins import StandInRetargeter
from tests.reference import REFERENCE


def clip(arrays: dict[str, Floats], who: str) -> tuple[list[Motion], list[Ratios]]:
    motions = [
        Motion(rotation_from_degrees(*degrees), expression, float(scale[0]), translation, canonical)
        for degrees, expression, scale, translation, canonical in zip(
            *(arrays[f"{who}/{name}"] for name in ("pitch_yaw_roll", "exp", "scale", "t", "kp")), strict=True
        )
    ]
    return motions, [ratios_203(points) for points in arrays[f"{who}/landmarks"]]


def options_of(case: dict[str, Any]) -> MotionOptions:
    return MotionOptions(
        region=case["animation_region"],
        relative=case["flag_relative_motion"],
        stitching=case["flag_stitching"],
        driving_option=case["driving_option"],
        multiplier=case["driving_multiplier"],
        normalize_lip=case["flag_normalize_lip"],
        eye_retargeting=case["flag_eye_retargeting"],
        lip_retargeting=case["flag_lip_retargeting"],
        source_eye_retargeting=case["flag_source_video_eye_retargeting"],
        smoothing=case.get("driving_smooth_observation_variance", 3e-7),
    )


def check_every_stored_case(engine: RetargetingEngine) -> None:
    """With `engine`'s corrections by the recipe's small perceptrons, every case gives the stored keypoints."""
    cases = json.loads((REFERENCE / "motion_cases.json").read_text())
    assert len(cases) == 219
    with np.load(REFERENCE / "motion_cases.npz") as stored:
        arrays = {name: stored[name].astype(np.float64) for name in stored.files}
    wrong = []
    for case in cases:
        sources, source_ratios = clip(arrays, "source")
        drivings, driving_ratios = clip(arrays, "driving")
        if case["source"] == "image":
            sources, source_ratios = sources[:1], source_ratios[:1]
        if case["driving"] == "image":
            drivings, driving_ratios = drivings[3:4], driving_ratios[3:4]
        options = options_of(case)
        transfer = ClipTransfer(LIVEPORTRAIT_21, sources, drivings, options)
        correct = Corrections(engine, options, first_source=source_ratios[0], source_moves=len(sources) > 1)
        expected_x_s, expected_x_d = arrays[f"{case['id']}/x_s"], arrays[f"{case['id']}/x_d"]
        assert len(transfer) == len(expected_x_d)
        for i in range(len(transfer)):
            x_s = transfer.x_source(i)
            ratios = source_ratios[transfer.source_index(i)], driving_ratios[transfer.driving_index(i)]
            x_d = correct(x_s, transfer.x_driven(i), *ratios)
            error = max(np.abs(x_s - expected_x_s[i]).max(), np.abs(x_d - expected_x_d[i]).max())
            if error > 1e-5:
                wrong.append((case["id"], i, error))
    assert not wrong, sorted({x[0] for x in wrong})


def test_every_stored_case() -> None:
    check_every_stored_case(StandInRetargeter())


@pytest.mark.parametrize("variance", ["3e-07", "1e-05", "0.001"])
def test_smoothing_as_the_reference(variance: str) -> None:
    with np.load(REFERENCE / "crop_cases.npz") as stored:
        values, expected = stored["smooth/in"][:, 0], stored[f"smooth/out_{variance}"]
    np.testing.assert_allclose(np.stack(list(smooth(values, float(variance)))), expected, atol=1e-6)


def test_multiplier_and_ratios_as_the_reference() -> None:
    with np.load(REFERENCE / "crop_cases.npz") as stored:
        pairs = zip(stored["multiplier/source"][:, 0], stored["multiplier/driving"][:, 0], strict=True)
        np.testing.assert_allclose([motion_multiplier(s, d) for s, d in pairs], stored["multiplier/out"], rtol=1e-6)
        found = [ratios_203(points) for points in stored["ratio/landmarks"]]
        np.testing.assert_allclose([[r.eye_left, r.eye_right] for r in found], stored["ratio/eye"], atol=1e-6)
        np.testing.assert_allclose([[r.lip] for r in found], stored["ratio/lip"], atol=1e-6)
