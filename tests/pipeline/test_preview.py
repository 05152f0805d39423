"""What is shown of a file before a job runs is what the job will take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openportrait.media import read_image, write_image
from openportrait.options import Options
from openportrait.pipeline.preview import preview_driving, preview_source
from tests.conftest import EXAMPLES


@pytest.mark.parametrize("left", [True, False])
def test_centre_is_the_pictures_not_that_of_the_faces(left: bool, tmp_path: Path) -> None:
    faces = [read_image(EXAMPLES / "source" / name, max_size=300).image for name in ("officer.jpg", "astronaut.jpg")]
    height = min(len(face) for face in faces)
    empty = np.full((height, 400, 3), 90, np.uint8)
    couple = [face[:height] for face in faces]
    path = tmp_path / "couple.png"
    # The empty part beside them brings one of the two to the middle.
    write_image(path, np.hstack([empty, *couple] if left else [*couple, empty]))
    options = Options.of(face="centre", driving_face="centre")
    for preview in (preview_source(path, options), preview_driving(path, options)):
        assert len(preview.faces) == 2
        (chosen,) = preview.chosen
        places = sorted(face.landmarks[:, 0].mean() for face in preview.faces)
        assert chosen.landmarks[:, 0].mean() == places[0 if left else 1]
