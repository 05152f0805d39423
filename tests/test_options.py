"""What holds for every value of an option: it is kept as a plain one, or refused in one line with a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from openportrait import FaceEdit, OptionError
from openportrait.checked import Checked
from openportrait.options import Options, RetargetOptions, specs
from tests.properties import JUNK, in_one_line

RECORDS = (*map(type, vars(Options()).values()), RetargetOptions, FaceEdit)
ALL_OPTIONS = [(record, spec) for record in RECORDS for spec in specs(record)]
STRANGE = JUNK | st.sampled_from(
    [
        10**500,
        -(10**500),
        float("nan"),
        "a\0",
        "x" * 10**4,
        np.float32(0.25),
        np.int64(1),
        np.bool_(True),
        np.array([1, 2]),
    ]
)


@settings(max_examples=400)
@given(option=st.sampled_from(ALL_OPTIONS), value=STRANGE)
def test_an_option_is_kept_plain_or_refused(option: tuple[type[Checked], Any], value: Any) -> None:
    record, spec = option
    try:
        options = record(**{spec.name: value})
    except OptionError as error:
        in_one_line(error, f"--{spec.name.replace('_', '-')}")
    else:
        found = getattr(options, spec.name)
        assert found is None or type(found) in (bool, int, float, str) or isinstance(found, Path)
        assert record(**{spec.name: found}) == options


@given(st.sampled_from([item for item in ALL_OPTIONS if item[1].range]), st.floats(0, 1), st.sampled_from("efd"))
def test_numbers_of_numpy_are_options(option: tuple[type[Checked], Any], part: float, kind: str) -> None:
    record, spec = option
    value = spec.range.low + part * (spec.range.high - spec.range.low)
    assume(spec.kind is int or value <= float(np.finfo(kind).max))
    wanted = np.int64(value) if spec.kind is int else np.dtype(kind).type(value)
    found = getattr(record(**{spec.name: wanted}), spec.name)
    assert type(found) is spec.kind and found == pytest.approx(float(wanted), abs=1e-3 * abs(value) + 1e-6)


@given(st.text(max_size=200).filter(lambda name: name not in {spec.name for _, spec in ALL_OPTIONS}))
@example("a\nb")
@example("x" * 10**5)
def test_an_unknown_option_is_named_in_one_line(name: str) -> None:
    with pytest.raises(OptionError, match="there is no option") as caught:
        Options.of(**{name: 1})
    in_one_line(caught.value)


def test_the_end_of_a_range_is_in_it_in_fewer_digits_too() -> None:
    # 0.8 as float32 is 0.800000012
    assert FaceEdit(lip_ratio=np.float32(0.8)).lip_ratio == 0.8  # type: ignore[arg-type]
    with pytest.raises(OptionError, match=r"--lip-ratio is 0\.81; give a number from 0 to 0\.8"):
        FaceEdit(lip_ratio=np.float64(0.81))
