"""Openness means the same on every engine, and a template of a sound may be kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openportrait.engines.mesh.shape.controls import edited
from openportrait.engines.mesh.shape.layout import mesh_layout
from openportrait.faces import ratios
from openportrait.layouts import LIVEPORTRAIT_21, edit_expression, estimated_ratios
from openportrait.motion import KeypointLayout, PackedMotions
from openportrait.motion.packed import check_motions
from openportrait.records import Face, FaceEdit


@pytest.mark.parametrize("wanted", [0.05, 0.15, 0.3])
def test_the_slider_opens_lips_to_the_ratio(wanted: float) -> None:
    mesh = mesh_layout()
    rest, edit = mesh.at_rest, FaceEdit(lip_open=wanted * mesh.lip_open_of_ratio)
    opened = rest.canonical + rest.expression + edited(edit, rest)
    assert ratios(Face(opened)).lip == pytest.approx(wanted, abs=0.01)
    rest, edit = LIVEPORTRAIT_21.at_rest, FaceEdit(lip_open=wanted * LIVEPORTRAIT_21.lip_open_of_ratio)
    moved = replace(rest, expression=rest.expression + edit_expression(edit))
    assert estimated_ratios(moved).lip - estimated_ratios(rest).lip == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("layout", [mesh_layout(), LIVEPORTRAIT_21], ids=["mesh", "21"])
def test_a_face_at_rest_is_one_that_a_template_may_hold(layout: KeypointLayout) -> None:
    check_motions(PackedMotions([layout.at_rest] * 2), layout.points)
