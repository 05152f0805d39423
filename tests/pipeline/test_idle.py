"""Where nothing of a driving shows is said, for every combination of options, and nowhere else."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import openportrait
from openportrait.drivings import Driving
from openportrait.engines import load
from openportrait.layouts import LIVEPORTRAIT_21
from openportrait.media import read_image
from openportrait.options import EngineOptions, MotionOptions
from openportrait.pipeline.driving import MeasuredDriving
from openportrait.pipeline.job import Follow
from openportrait.pipeline.playing import Played, Timing, why_idle
from openportrait.pipeline.source import SourceFace
from openportrait.records import Floats, Motion, Ratios
from tests.conftest import EXAMPLES

REGIONS: tuple[str, ...] = ("all", "exp", "pose", "lip", "eyes")
MESH = load(EngineOptions(engine="mesh"))
OTHER_LAYOUT = "another"


def motions(count: int, points: int, seed: int) -> list[Motion]:
    rng = np.random.default_rng(seed)

    def turn(angle: float) -> Floats:
        cos, sin = np.cos(angle), np.sin(angle)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])

    canonical = rng.normal(0, 0.3, (points, 3))
    return [
        Motion(turn(0.1 * (i + seed)), rng.normal(0, 0.05, (points, 3)), 1.0, rng.normal(0, 0.05, 3), canonical)
        for i in range(count)
    ]


def driving(frames: int, layout: str, opens: bool) -> MeasuredDriving:
    count = LIVEPORTRAIT_21.count if layout == LIVEPORTRAIT_21.name else MESH.layout.count
    openness = [Ratios(0.1 + 0.05 * i, 0.1 + 0.05 * i, 0.2 + 0.05 * i) for i in range(frames)] if opens else []
    return MeasuredDriving(
        path=Path("d"),
        kind="template",
        motions=motions(frames, count, 3),
        ratios=openness,
        present=[True] * frames,
        rate=Fraction(25) if frames > 1 else None,
        layout=layout,
        engine="mesh",
    )


def played(measured: MeasuredDriving, options: MotionOptions) -> Played:
    timing = Timing(len(measured.motions), Fraction(1), len(measured.motions))
    return Played(measured, timing, options.wanted, Driving(Path("d")))


@pytest.fixture(scope="module")
def portrait_motion() -> SourceFace:
    from openportrait.faces import FaceFinder, ratios
    from openportrait.records import FaceCrop

    image = read_image(EXAMPLES / "source" / "officer.jpg").image
    face = FaceFinder().find(image)[0]
    return SourceFace(MESH.motion([FaceCrop.whole(image, face)]), (ratios(face),))


@pytest.mark.parametrize("layout", [MESH.layout.name, LIVEPORTRAIT_21.name, OTHER_LAYOUT])
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("opens", [True, False])
def test_the_rule_is_that_of_the_formulas(layout: str, frames: int, opens: bool, portrait_motion: SourceFace) -> None:
    for region, relative, multiplier in product(REGIONS, (True, False), (0.0, 1.0)):
        options = MotionOptions(region=region, relative=relative, multiplier=multiplier, stitching=False)
        moved = played(driving(frames, layout, opens), options)
        follow = Follow(MESH, options, portrait_motion, [moved], frames)
        changes = [np.abs(pose.x_d - pose.x_s).max() for i in range(frames) if (pose := follow(i)) is not None]
        said = why_idle(moved, MESH.layout.name, options)
        assert (said is not None) == (max(changes) < 1e-9), (region, relative, multiplier, said)


def test_retargeting_moves_the_eyes_whatever_the_region() -> None:
    still = driving(1, MESH.layout.name, True)
    for options in (
        MotionOptions(region="pose", eye_retargeting=True),
        MotionOptions(region="pose", lip_retargeting=True),
    ):
        assert why_idle(played(still, options), MESH.layout.name, options) is None


def test_a_job_says_so_and_the_remedy_works(portrait: Path, tmp_path: Path) -> None:
    surprise = EXAMPLES / "driving" / "surprise.jpg"
    result = openportrait.animate(portrait, surprise, tmp_path / "a.png", engine="mesh", region="pose")
    (said,) = [line for line in result.warnings if "relative=False" in line]
    assert str(surprise) in said
    assert np.array_equal(read_image(tmp_path / "a.png").image, read_image(portrait).image)
    remedied = openportrait.animate(
        portrait, surprise, tmp_path / "b.png", engine="mesh", region="pose", relative=False
    )
    assert not any("relative=False" in line for line in remedied.warnings)
    assert not np.array_equal(read_image(tmp_path / "b.png").image, read_image(portrait).image)
