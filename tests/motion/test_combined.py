"""Regions as sets of parts, strengths, and several drivings, by hand and on both layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.layouts import LIVEPORTRAIT_21
from openportrait.motion import (
    ClipTransfer,
    Driven,
    KeypointLayout,
    carried,
    combined,
    neutralised,
    rotation_from_degrees,
)
from openportrait.motion.layout import turned_by
from openportrait.options import MotionOptions
from openportrait.records import Motion
from openportrait.regions import GROUPS, PARTS, Wanted
from tests.motion.faces import CAMERA, HEAD, motion

EXACT: dict[str, Any] = {"driving_option": "pose-friendly", "smoothing": 0.0}
LAYOUTS = (LIVEPORTRAIT_21, mesh_layout())


def random_motions(layout: KeypointLayout, seed: int, count: int) -> list[Motion]:
    """Faces with a little of everything, at rest first."""
    random = np.random.default_rng(seed)
    canonical = layout_canonical(layout)
    size = np.ptp(canonical[:, 1])
    return [
        Motion(
            rotation=rotation_from_degrees(*random.uniform(-15, 15, 3)),
            expression=random.normal(0, 0.02 * size, (layout.count, 3)),
            scale=1.4 / size * random.uniform(0.9, 1.1),
            translation=np.append(random.uniform(-0.1, 0.1, 2), 0.0),
            canonical=canonical,
        )
        for _ in range(count)
    ]


def layout_canonical(layout: KeypointLayout) -> np.ndarray:
    if layout is LIVEPORTRAIT_21:
        return np.random.default_rng(3).uniform(-0.3, 0.3, (21, 3))
    from openportrait.engines.mesh.shape.points import canonical

    return canonical()


def inseparable(layout: KeypointLayout) -> tuple[str, ...]:
    """The smallest regions that this layout knows."""
    return ("turn", "place", "size", *layout.parts)


def changes(
    layout: KeypointLayout, region: str, *, sources: int = 1, relative: bool = True, strength: str = ""
) -> tuple[Any, ...]:
    """What a region adds: (expression, turn as degrees about its axis, translation, logarithm of the size)."""
    source, drivings = random_motions(layout, 1, sources), random_motions(layout, 2, 3)
    options = MotionOptions(region=region, relative=relative, strength=strength, **EXACT)
    driven, own = ClipTransfer(layout, source, drivings, options)(2), source[-1]
    return (
        driven.expression - own.expression,
        driven.rotation @ own.rotation.T,
        driven.translation[:2] - own.translation[:2],
        np.log(driven.scale / own.scale),
    )


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("sources", [1, 3])
def test_disjoint_regions_add_up(layout: KeypointLayout, relative: bool, sources: int) -> None:
    single = {name: changes(layout, name, relative=relative, sources=sources) for name in inseparable(layout)}
    for first, second in combinations(single, 2):
        both = changes(layout, f"{first},{second}", relative=relative, sources=sources)
        np.testing.assert_allclose(both[0], single[first][0] + single[second][0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(both[1], single[first][1] @ single[second][1], rtol=0, atol=1e-12)
        np.testing.assert_allclose(both[2], single[first][2] + single[second][2], rtol=0, atol=1e-12)
        assert both[3] == pytest.approx(single[first][3] + single[second][3], abs=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_everything_is_the_union_of_its_parts(layout: KeypointLayout) -> None:
    for text in (",".join(inseparable(layout)), "exp,pose", "all-lip,lip"):
        for union, whole in zip(changes(layout, text), changes(layout, "all"), strict=True):
            np.testing.assert_allclose(union, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_taking_away_is_the_difference(layout: KeypointLayout) -> None:
    whole, lips = changes(layout, "all"), changes(layout, "lip")
    without = changes(layout, "all-lip")
    np.testing.assert_allclose(without[0], whole[0] - lips[0], rtol=0, atol=1e-12)
    for found, expected in zip(without[1:], whole[1:], strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("relative", [True, False])
def test_strength_0_is_absent_and_1_changes_nothing(layout: KeypointLayout, relative: bool) -> None:
    for name in inseparable(layout):
        absent = changes(layout, "all", strength=f"{name}=0", relative=relative)
        for found, expected in zip(absent, changes(layout, f"all-{name}", relative=relative), strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    for found, expected in zip(changes(layout, "all", strength="all=1"), changes(layout, "all"), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_strengths_by_hand() -> None:
    source = motion(0.1, rotation=rotation_from_degrees(0, 10, 0), scale=2.0, translation=np.array([0.1, 0.1, 0]))
    first = motion(0.2, scale=4.0)
    second = motion(0.6, rotation=rotation_from_degrees(0, 8, 0), scale=5.0, translation=np.array([0.2, 0, 0]))
    options = MotionOptions(strength="lip=1.5,turn=0.5,place=2,size=2", **EXACT)
    driven = ClipTransfer(CAMERA, [source], [first, second], options)(1)
    np.testing.assert_allclose(driven.expression[:, 0], [0.1 + 0.4, 0.1 + 0.4 * 0.5 * 1.5, 0.1 + 0.4 * 0.25])
    np.testing.assert_allclose(driven.rotation, rotation_from_degrees(0, 14, 0), atol=1e-12)
    np.testing.assert_allclose(driven.translation, [0.5, 0.1, 0])
    assert driven.scale == pytest.approx(2 * (5 / 4) ** 2)


@pytest.mark.parametrize(("amount", "degrees"), [(0, 0), (0.5, 10), (1, 20), (3, 60)])
def test_a_turn_is_multiplied_about_its_axis(amount: float, degrees: float) -> None:
    about = rotation_from_degrees(0, 20, 0)
    np.testing.assert_allclose(turned_by(about, amount), rotation_from_degrees(0, degrees, 0), atol=1e-12)
    tilted = rotation_from_degrees(12, -7, 5)
    np.testing.assert_allclose(turned_by(turned_by(tilted, 0.5), 2), tilted, atol=1e-12)
    np.testing.assert_array_equal(turned_by(np.eye(3), amount), np.eye(3))


def driven_by(drivings: Sequence[tuple[str, Motion]], source: Motion, rest: Motion) -> Motion:
    options = MotionOptions(**EXACT)
    return combined(
        source,
        [
            Driven(
                ClipTransfer(HEAD, [source], [rest, driving], options, wanted=Wanted.of_parts(GROUPS[region]))(1),
                Wanted.of_parts(GROUPS[region]),
            )
            for region, driving in drivings
        ],
    )


def test_each_driving_moves_its_own_parts() -> None:
    source, rest = motion(0.1), motion()
    talk = motion(0.5, rotation=rotation_from_degrees(0, 20, 0), scale=1.1)
    look = motion(0.3, rotation=rotation_from_degrees(9, 0, 0), translation=np.array([0.2, 0, 0]))
    made = driven_by([("lip", talk), ("eyes", look), ("pose", look)], source, rest)
    np.testing.assert_allclose(made.expression[:, 0], [0.1 + 0.3, 0.1 + 0.5 * 0.5, 0.1])
    np.testing.assert_allclose(made.rotation, look.rotation)
    np.testing.assert_allclose(made.translation, [0.2, 0, 0])
    assert made.scale == 1.0, "the size is that of the one whose pose it is"


def test_one_driving_for_two_regions_is_the_driving_for_their_union() -> None:
    source, rest, driving = motion(0.1), motion(), motion(0.5, rotation=rotation_from_degrees(3, 4, 5), scale=1.2)
    for first, second in combinations(PARTS, 2):
        apart = driven_by([(first, driving), (second, driving)], source, rest)
        wanted = Wanted.of_parts((first, second))
        union = ClipTransfer(HEAD, [source], [rest, driving], MotionOptions(**EXACT), wanted=wanted)(1)
        for name in ("expression", "rotation", "translation", "scale"):
            np.testing.assert_allclose(getattr(apart, name), getattr(union, name), rtol=0, atol=1e-12)


def test_a_driving_that_fades_is_followed_in_part() -> None:
    source = motion(0.1, scale=2.0)
    driving = motion(0.5, rotation=rotation_from_degrees(0, 20, 0), scale=8.0, translation=np.array([0.4, 0, 0]))
    half = combined(source, [Driven(driving, Wanted.of("all"), 0.5)])
    np.testing.assert_allclose(half.expression, 0.3)
    np.testing.assert_allclose(half.rotation, rotation_from_degrees(0, 10, 0), atol=1e-12)
    np.testing.assert_allclose(half.translation, [0.2, 0, 0])
    assert half.scale == pytest.approx(4.0)
    gone = combined(source, [Driven(driving, Wanted.of("all"), 0.0)])
    assert gone is source


def test_an_expression_is_taken_away_by_parts() -> None:
    smiling = motion(0.4, rotation=rotation_from_degrees(0, 20, 0))
    rest = HEAD.neutral(smiling)
    plain = neutralised(smiling, rest, {"lip": 1.0, "turn": 0.5}, HEAD)
    np.testing.assert_allclose(plain.expression[0], 0.4)
    np.testing.assert_allclose(plain.expression[1], rest[1], err_msg="wholly, however soft its weight")
    np.testing.assert_allclose(plain.rotation, rotation_from_degrees(0, 10, 0), atol=1e-12)
    assert (neutralised(smiling, rest, {}, HEAD).expression == smiling.expression).all()


def test_a_change_is_carried_over() -> None:
    before, after = motion(0.1), motion(0.3, rotation=rotation_from_degrees(0, 5, 0), scale=1.1)
    other = motion(0.7, rotation=rotation_from_degrees(0, 10, 0), scale=2.0, translation=np.array([0.2, 0.1, 0]))
    moved = carried(other, before, after)
    np.testing.assert_allclose(moved.expression, 0.9)
    np.testing.assert_allclose(moved.rotation, rotation_from_degrees(0, 15, 0), atol=1e-12)
    assert moved.scale == pytest.approx(2.2)
    np.testing.assert_array_equal(carried(other, replace(before), before).expression, other.expression)
