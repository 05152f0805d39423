from __future__ import annotations

from openportrait.errors import EngineError, MediaError, OptionError, known
from openportrait.limits import TooMuch
from openportrait.pipeline.crew import Lost


def test_what_another_process_is_told_is_of_a_class_that_it_knows() -> None:
    told = [known(error) for error in (TooMuch("a.mp4: too long"), Lost("gone"), OptionError("no"))]
    assert [(type(error), str(error)) for error in told] == [
        (MediaError, "a.mp4: too long"),
        (EngineError, "gone"),
        (OptionError, "no"),
    ]
