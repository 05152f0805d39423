"""A sound on the neural engine: the published sliders move the lips, from the published face at rest."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

import openportrait
from openportrait import Samples
from openportrait.layouts import LIVEPORTRAIT_21, edit_expression
from openportrait.media.listening import HEARD_RATE, listen
from openportrait.speech import Performance, hear
from tests.neural_job.conftest import Asked
from tests.neural_job.formulas import LIPS


def test_the_published_sliders_move_the_lips(officer: Path, speech: Path, weights: Path, asked: Asked) -> None:
    samples = np.concatenate(list(listen(speech)))[int(0.3 * HEARD_RATE) : int(0.7 * HEARD_RATE)]
    sound = Samples(samples, HEARD_RATE)
    plain = {"driving_option": "pose-friendly", "stitching": False, "liveliness": 0.0}
    with openportrait.stream(officer, sound, engine="neural", weights=weights, **plain) as job:  # type: ignore[arg-type]  # of several kinds
        assert len(list(job)) == job.frames == 10
    (source,) = asked.motions
    performance = Performance(hear(samples), Fraction(25), 0.0, 0)
    rest = source.scale * (LIVEPORTRAIT_21.at_rest.expression - source.expression)[LIPS]
    np.testing.assert_allclose((asked.shots[0].x_d - asked.shots[0].x_s)[LIPS], rest, atol=2e-5)
    opened = []
    for i, shot in enumerate(asked.shots):
        edit = performance.moment(i).edit(LIVEPORTRAIT_21.lip_open_of_ratio)
        moved = source.scale * edit_expression(edit)[LIPS]
        np.testing.assert_allclose((shot.x_d - asked.shots[0].x_d)[LIPS], moved, atol=2e-5)
        opened.append(edit.lip_open)
    assert max(opened) > 15
