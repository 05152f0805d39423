"""The one place through which every number of a user's file passes: it is of the kind that is due, and in bounds.

Each function gives the value or raises ValueError, whose text says what was there and what is due; who reads the
file adds the file's name and the remedy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_SHOWN = 40
"""Characters of a wrong value that are repeated to the user."""
_NUMBERS = (int, float, np.integer, np.floating)
_FRACTION = re.compile(r"\d{1,9}(\.\d{1,9}|/\d{1,9})?", re.ASCII)


def number(value: Any, low: float, high: float, what: str) -> float:
    """A finite number in the closed interval."""
    # Compared before it is converted: an integer of a thousand digits is none that float() takes.
    if isinstance(value, bool) or not isinstance(value, _NUMBERS) or not low <= value <= high:
        raise ValueError(f"{what} is {shown(value)}; {low:g} to {high:g} is due")
    return float(value)


def whole(value: Any, low: int, high: int, what: str) -> int:
    """A whole number in the closed interval."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise ValueError(f"{what} is {shown(value)}; a whole number from {low:,} to {high:,} is due")
    return int(value)


def fraction(value: Any, low: Fraction | int, high: Fraction | int, what: str) -> Fraction:
    """An exact number in the closed interval, from a number or a text such as `25`, `12.5` or `30000/1001`.

    Fraction itself would also take '1e999999999', and compute it.
    """
    try:
        if isinstance(value, str):
            if not _FRACTION.fullmatch(value):
                raise ValueError
            exact = Fraction(value)
        else:
            exact = Fraction(number(value, float(low), float(high), what)).limit_denominator(10**6)
        if not low <= exact <= high:
            raise ValueError
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{what} is {shown(value)}; {float(low):g} to {float(high):g} is due") from error
    return exact


def array(values: NDArray[Any], shape: Sequence[int], low: float, high: float, what: str) -> NDArray[Any]:
    """`values`, whose shape is `shape` and whose entries are finite numbers in the closed interval."""
    if values.shape != tuple(shape):
        raise ValueError(f"{what} has shape {values.shape}; {tuple(shape)} is due")
    # A comparison with NaN is false, so it is refused as well.
    inside = (values >= low) & (values <= high) if values.dtype.kind in "iuf" else np.zeros(values.shape, bool)
    if not inside.all():
        raise ValueError(f"{what} holds {shown(values[~inside].flat[0].item())}; {low:g} to {high:g} is due")
    return values


def shown(value: Any) -> str:
    """A wrong value as it is repeated to the user: short, whatever it is."""
    if isinstance(value, _NUMBERS):
        # The digits of a very large integer are not worked out.
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**_MOST_SHOWN:
            return f"a number of about {int(value.bit_length() * math.log10(2)) + 1} digits"
        return str(value)
    if isinstance(value, str):
        return repr(value if len(value) <= _MOST_SHOWN else f"{value[:_MOST_SHOWN]}…")
    return "nothing" if value is None else f"a {type(value).__name__}"
