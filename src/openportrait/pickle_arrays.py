"""Builds the NumPy arrays of a pickle: it knows the few names that such a pickle uses. Nothing is imported."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openportrait.bounds import shown

LONGEST_NAME = 100
"""Characters; those of `KNOWN` have up to 36."""
Charge = Callable[[int], None]
"""Counts bytes that are about to be made, and raises ValueError where they are too many."""
BYTE_ORDERS = ("<", ">", "=", "|")
NUMBER_TYPE = re.compile(r"b1|[iu][1248]|f[248]")

ARRAY, DTYPE, NEW_ARRAY, SCALAR, FROM_BUFFER, ENCODE = "array", "dtype", "new array", "scalar", "from buffer", "encode"
KNOWN = {
    "numpy.ndarray": ARRAY,
    "numpy.dtype": DTYPE,
    "_codecs.encode": ENCODE,
    **{f"numpy.{core}.multiarray._reconstruct": NEW_ARRAY for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": SCALAR for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": FROM_BUFFER for core in ("core", "_core")},
}
"""All names that a pickled array of numbers uses. The names are looked up here and never imported."""


class Refused(Exception):
    """A pickle asks for a name that no array of numbers needs; the text says which."""


@dataclass(frozen=True)
class Name:
    """One of `KNOWN`, as a value on the stack."""

    meaning: str


@dataclass(eq=False)
class Type:
    """A number type under construction: its byte order comes later."""

    code: str
    order: str = "="

    def dtype(self) -> np.dtype[Any]:
        """NumPy's."""
        return np.dtype(f"{self.order}{self.code}")


@dataclass(eq=False)
class Array:
    """An array under construction: its content comes later. The memo keeps it, and gives the array itself."""

    value: NDArray[Any] | None = None


def named(parts: list[Any]) -> Name:
    """One of `KNOWN`, from its module and its name in it. Raises Refused."""
    if not all(isinstance(part, str) and len(part) <= LONGEST_NAME for part in parts):
        raise Refused("an object without a name")
    name = ".".join(parts)
    if name not in KNOWN:
        raise Refused(name)
    return Name(KNOWN[name])


def made(name: Any, arguments: Any, charge: Charge) -> Any:
    """What one of the known names gives for its arguments."""
    if not isinstance(name, Name) or not isinstance(arguments, tuple):
        raise ValueError("a call of something that is no function")
    if name.meaning == DTYPE and arguments:
        code = arguments[0]
        if not isinstance(code, str) or not NUMBER_TYPE.fullmatch(code):
            raise Refused(f"an array of {code if isinstance(code, str) else shown(code)}")
        return Type(code)
    if name.meaning == NEW_ARRAY:
        return Array()
    if name.meaning == SCALAR and len(arguments) == 2:
        number_type, content = arguments
        return _array(content, number_type, (1,), "C", charge)[0].item()
    if name.meaning == FROM_BUFFER and len(arguments) == 4:
        return _array(*arguments, charge)
    if name.meaning == ENCODE and len(arguments) == 2 and isinstance(arguments[0], str):
        return _bytes(arguments[0], charge)
    raise ValueError(f"a call of {name.meaning} that no array makes")


def filled(target: Any, state: Any, charge: Charge) -> Any:
    """An array with its content, or a number type with its byte order; nothing else has a state."""
    if not isinstance(target, (Type, Array)):
        raise Refused(f"the state of a {type(target).__name__}")
    if not isinstance(state, tuple) or len(state) < 5:
        raise ValueError("the state of an array is missing")
    if isinstance(target, Type):
        order, structure = state[1], state[2:5]
        if not isinstance(order, str) or order not in BYTE_ORDERS or any(part is not None for part in structure):
            raise Refused("an array of records")
        target.order = order
        return target
    _, shape, number_type, fortran, content = state
    target.value = _array(content, number_type, shape, "F" if fortran is True else "C", charge)
    return target.value


def _array(content: Any, number_type: Any, shape: Any, order: Any, charge: Charge) -> NDArray[Any]:
    """A view of bytes that are there: a shape they do not fill is an error, not an allocation."""
    if not isinstance(number_type, Type) or not isinstance(order, str) or order not in ("C", "F"):
        raise ValueError("an array has no number type")
    if isinstance(content, str):
        content = _bytes(content, charge)
    if not isinstance(content, (bytes, bytearray)) or not isinstance(shape, tuple) or len(shape) > 8:
        raise ValueError("an array has no content")
    if not all(isinstance(length, int) and length >= 0 for length in shape):
        raise ValueError("an array has no shape")
    return np.frombuffer(content, number_type.dtype()).reshape(shape, order="F" if order == "F" else "C")


def _bytes(text: str, charge: Charge) -> bytes:
    """Python 2, and protocols below 3, keep bytes as a text of latin-1."""
    charge(len(text))
    return text.encode("latin1")
