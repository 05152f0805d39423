"""Checks every number of a user's file: it must have the right type, and lie within bounds.

Each function returns the value or raises ValueError, whose text says what was found and what is due; the reader of the
file adds its name and the remedy. NumPy is not imported here: the options need only plain numbers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from fractions import Fraction
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_SHOWN = 40
"""Characters of a wrong value that are repeated to the user."""
_FRACTION = re.compile(r"\d{1,9}(\.\d{1,9}|/\d{1,9})?", re.ASCII)


def number(value: Any, low: float, high: float, what: str) -> float:
    """A finite number in the closed interval."""
    # Compared before it is converted: float() refuses an integer of a thousand digits.
    known: Any = value if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not low <= known <= high:
        raise ValueError(f"{what} is {shown(value)}; {low:g} to {high:g} is due")
    return float(known)


def whole(value: Any, low: int, high: int, what: str) -> int:
    """A whole number in the closed interval."""
    known: Any = value if isinstance(value, Integral) and not isinstance(value, bool) else math.nan
    if not low <= known <= high:
        raise ValueError(f"{what} is {shown(value)}; a whole number from {low:,} to {high:,} is due")
    return int(known)


def fraction(value: Any, low: Fraction | int, high: Fraction | int, what: str) -> Fraction:
    """An exact number in the closed interval, from a number or a text such as `25`, `12.5` or `30000/1001`.

    Fraction itself would also take '1e999999999', and compute it.
    """
    try:
        if isinstance(value, str):
            if not _FRACTION.fullmatch(value):
                raise ValueError
            exact = Fraction(value)
        elif isinstance(value, Fraction):
            exact = value
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
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{what} holds no numbers; {low:g} to {high:g} is due")
    # A comparison with NaN is false, so it is refused as well.
    inside = (values >= low) & (values <= high)
    if not inside.all():
        raise ValueError(f"{what} holds {shown(values[~inside].flat[0].item())}; {low:g} to {high:g} is due")
    return values


def json_value(content: bytes) -> Any:
    """What a JSON file holds: UTF-8, no name twice in one object, no NaN and no infinity."""
    try:
        return json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=_unique, parse_int=_integer, parse_constant=_no_number
        )
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"it is not JSON: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} is stated twice")
    return found


def _integer(digits: str) -> int:
    # Out of every bound; and Python itself refuses over 4300 digits in words that name no file.
    if len(digits) > _MOST_SHOWN:
        raise ValueError(f"it holds a number of {len(digits)} digits")
    return int(digits)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no finite number")


def shown(value: Any) -> str:
    """A wrong value as it is repeated to the user: short, in one line, whatever it is."""
    if isinstance(value, Integral) and not isinstance(value, bool) and abs(int(value)) >= 10**_MOST_SHOWN:
        # The digits of a very large integer are not worked out.
        return f"a number of about {int(int(value).bit_length() * math.log10(2)) + 1} digits"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else str(value)
    if isinstance(value, Real):
        return str(value)[:_MOST_SHOWN]
    if isinstance(value, str):
        return repr(value if len(value) <= _MOST_SHOWN else f"{value[:_MOST_SHOWN]}…")
    return "nothing" if value is None else f"a {type(value).__name__}"


def named(name: str) -> str:
    """A name that a user wrote, as it is repeated: a plain one as it stands, any other short and quoted."""
    return name if name.isidentifier() and name.isascii() and len(name) <= _MOST_SHOWN else shown(name)
