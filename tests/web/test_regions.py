"""Check boxes and strengths as the options of a job."""

from __future__ import annotations

import pytest

pytest.importorskip("gradio")

from openportrait.errors import OptionError
from openportrait.regions import EXPRESSION, EYES, PARTS, POSE, Wanted, parts_of
from openportrait.web.regions import NAMES, PRESETS, region_of


def test_every_part_has_a_name_and_every_preset_is_a_region() -> None:
    assert set(NAMES) == set(PARTS)
    for _, text in PRESETS:
        assert parts_of(text)


@pytest.mark.parametrize(
    ("ticked", "text"),
    [
        (PARTS, "all"),
        (EXPRESSION, "exp"),
        (EYES, "eyes"),
        (("lip",), "lip"),
        ([part for part in PARTS if part != "lip"], "all-lip"),
        (("turn", "place"), "turn,place"),
        (POSE, "turn,place,size"),
        (("size", "gaze", "lip"), "size,gaze,lip"),
    ],
)
def test_ticked_parts_move_alone_and_among_several_drivings(ticked: list[str], text: str) -> None:
    assert region_of(ticked) == text
    assert set(Wanted.of(text).strengths) == parts_of(text) == set(ticked)


def test_nothing_ticked_is_refused() -> None:
    with pytest.raises(OptionError, match="nothing is ticked under “What moves”"):
        region_of([])
