from __future__ import annotations

from pathlib import Path

import pytest

from openportrait.faces import FaceFinder
from openportrait.media import read_image
from openportrait.options import FaceEdit
from openportrait.pipeline import editing_options
from openportrait.pipeline.editor import Editor, Part, dragged, part_at


def test_parts_lie_where_the_face_has_them(portrait: Path) -> None:
    face = FaceFinder().find(read_image(portrait).image)[0]
    places: dict[int, Part] = {468: "eyes", 473: "eyes", 13: "mouth", 10: "head", 1: "head", 152: "head"}
    assert {index: part_at(face, *face.landmarks[index, :2]) for index in places} == places


@pytest.mark.parametrize(
    ("part", "right", "down", "landmark", "axis"),
    [("head", 0.1, 0, 1, 0), ("head", 0, 0.1, 1, 1), ("eyes", 0.08, 0, 468, 0), ("mouth", 0, 0.1, 14, 1)],
)
def test_the_face_goes_with_the_pointer(
    portrait: Path, part: Part, right: float, down: float, landmark: int, axis: int
) -> None:
    editor = Editor(portrait, editing_options(engine="mesh"))
    moved = editor(dragged(FaceEdit(), part, right, down)).image
    found = FaceFinder().find(moved)[0].landmarks
    assert found[landmark, axis] > editor.face.landmarks[landmark, axis] + 2


def test_sliders_stop_at_their_ends() -> None:
    assert dragged(FaceEdit(), "head", -5, -5) == FaceEdit(yaw_degrees=25, pitch_degrees=-15)
    assert dragged(FaceEdit(lip_open=100), "mouth", 0, 1).lip_open == 120
