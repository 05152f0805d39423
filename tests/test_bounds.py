from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from openportrait import bounds


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e-9, 1.0000001, 10**500, True, "0.5", None, [0.5]])
def test_a_number_out_of_bounds_or_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"x is .{1,60}; 0 to 1 is due"):
        bounds.number(value, 0, 1, "x")


def test_numbers_of_any_kind_are_taken() -> None:
    assert bounds.number(np.float32(0.5), 0, 1, "x") == 0.5
    assert bounds.number(1, 0, 1, "x") == 1.0
    assert bounds.whole(np.int64(3), 0, 4, "n") == 3


@pytest.mark.parametrize("value", [2.0, True, -1, 5, 10**400, "3"])
def test_a_whole_number_is_whole(value: object) -> None:
    with pytest.raises(ValueError, match=r"n is .* is due"):
        bounds.whole(value, 0, 4, "n")


@pytest.mark.parametrize(
    ("value", "exact"),
    [("25", Fraction(25)), ("30000/1001", Fraction(30000, 1001)), ("12.5", Fraction(25, 2)), (12.5, Fraction(25, 2))],
)
def test_a_fraction_is_exact(value: object, exact: Fraction) -> None:
    assert bounds.fraction(value, 1, 240, "the rate") == exact


@pytest.mark.parametrize("value", ["1e999999999", "1/0", "", "-5", "nan", "1" * 500, "241", 0.5, None, 10**400])
def test_a_fraction_that_is_none_is_refused_at_once(value: object) -> None:
    with pytest.raises(ValueError, match=r"the rate is .*; 1 to 240 is due"):
        bounds.fraction(value, 1, 240, "the rate")


def test_an_array_has_its_shape_and_its_numbers_are_in_bounds() -> None:
    good = np.linspace(-1, 1, 6).reshape(2, 3)
    assert bounds.array(good, (2, 3), -1, 1, "t") is good
    with pytest.raises(ValueError, match="shape"):
        bounds.array(good, (3, 2), -1, 1, "t")
    for wrong in (np.nan, np.inf, 1.1):
        with pytest.raises(ValueError, match=f"t holds {wrong}"):
            bounds.array(np.where(good == 1, wrong, good), (2, 3), -1, 1, "t")
    with pytest.raises(ValueError, match="t holds"):
        bounds.array(np.array([True]), (1,), -1, 1, "t")
