"""Read pickled numbers, texts, lists, dicts and NumPy arrays without ever unpickling.

The pickle's instructions are split by the standard library's `pickletools`, which executes
nothing, and followed by a machine that knows how to build those values and nothing else.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openportrait.errors import TemplateError

MAX_BYTES = 64 * 2**20
MAX_INSTRUCTIONS = 4_000_000
"""Each may take 150 bytes of memory. A frame of an official template takes 150 to 200 instructions."""
MAX_DEPTH = 32
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
"""Everything a pickled array of numbers asks for. The names are looked up here and never imported."""

NUMBERS = {"INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"}
TEXTS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
BYTES = {"STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
PUSH_CONSTANT: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
TUPLE_LENGTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
IGNORED = frozenset(("PROTO", "FRAME"))


class _Mark:
    """Where a group of values on the stack begins."""


@dataclass(frozen=True)
class _Name:
    """One of `KNOWN`, as a value on the stack."""

    meaning: str


@dataclass(eq=False)
class _Type:
    """A number type under construction: its byte order comes later."""

    code: str
    order: str = "="

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(f"{self.order}{self.code}")


@dataclass(eq=False)
class _Array:
    """An array under construction: its content comes later."""

    value: NDArray[Any] | None = None


def read_pickle(data: bytes, where: str) -> Any:
    """The value in a pickle; arrays are numeric ndarrays. `where` names the file in errors.

    Raises TemplateError when the pickle is damaged, too large, or asks for anything else: the
    error says what it asked for.
    """
    if len(data) > MAX_BYTES:
        raise TemplateError(f"{where} is {len(data) / 2**20:.0f} MB; a template may have {MAX_BYTES // 2**20} MB")
    machine = _Machine(where)
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_INSTRUCTIONS:
                raise TemplateError(f"{where} holds too many values for a template (over {MAX_INSTRUCTIONS:,})")
            machine.follow(instruction.name, argument)
        return _Finish(where).value(machine.result(), 0)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise TemplateError(f"{where} is a damaged template ({error}); make or fetch it again") from error


class _Machine:
    """The stack and the memo of a pickle, and the instructions that build plain values."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def result(self) -> Any:
        """What is left when all instructions are followed."""
        (value,) = self.stack
        return value

    def follow(self, name: str, argument: Any) -> None:
        """One instruction."""
        if name in NUMBERS or name in TEXTS or name in BYTES:
            self.stack.append(argument)
        elif name in PUSH_CONSTANT:
            self.stack.append(PUSH_CONSTANT[name]())
        elif name in TUPLE_LENGTHS:
            self.stack.append(tuple(self._pop(TUPLE_LENGTHS[name])))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            module, _, attribute = argument.partition(" ") if name == "GLOBAL" else _dotted(*self._pop(2))
            self.stack.append(self._name(f"{module}.{attribute}"))
        elif name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "REDUCE":
            self.stack.append(self._made(*self._pop(2)))
        elif name == "BUILD":
            (state,) = self._pop(1)
            self._fill(self.stack[-1], state)
        elif name not in IGNORED and name != "STOP":
            self._gather(name, argument)

    def _gather(self, name: str, argument: Any) -> None:
        """Instructions that fill lists, tuples and dicts, or arrange the stack."""
        if name == "MARK":
            self.stack.append(_Mark)
        elif name in ("POP", "POP_MARK", "DUP"):
            value = self._since_mark() if name == "POP_MARK" else self._pop(1)
            self.stack += value * 2 if name == "DUP" else ()
        elif name in ("LIST", "TUPLE"):
            values = self._since_mark()
            self.stack.append(values if name == "LIST" else tuple(values))
        elif name in ("APPEND", "APPENDS"):
            values = self._pop(1) if name == "APPEND" else self._since_mark()
            self._top(list).extend(values)
        elif name in ("DICT", "SETITEM", "SETITEMS"):
            values = self._pop(2) if name == "SETITEM" else self._since_mark()
            if name == "DICT":
                self.stack.append({})
            if not all(isinstance(key, str) for key in values[::2]):
                raise ValueError("a dict has a key that is no text")
            self._top(dict).update(zip(values[::2], values[1::2], strict=True))
        else:
            # INST carries the class's name, PERSID and the extensions a number of their own.
            asked = str(argument).replace(" ", ".") if name == "INST" else f"the pickle instruction {name}"
            raise self._refusal(asked)

    def _name(self, name: str) -> _Name:
        if name not in KNOWN:
            raise self._refusal(name)
        return _Name(KNOWN[name])

    def _refusal(self, asked: str) -> TemplateError:
        return TemplateError(
            f"{self.where} asks for {asked[:100]!r}, which no motion template needs; "
            "it was not run, and the file should not be trusted"
        )

    def _pop(self, count: int) -> list[Any]:
        values = self.stack[-count:]
        if len(values) < count or _Mark in values:
            raise ValueError("a value is missing")
        del self.stack[-count:]
        return values

    def _since_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not _Mark:
            place -= 1
            if place < 0:
                raise ValueError("a group has no beginning")
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def _top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"a {kind.__name__} is missing")
        return self.stack[-1]

    def _made(self, name: Any, arguments: Any) -> Any:
        """What one of the known names gives for its arguments."""
        if not isinstance(name, _Name) or not isinstance(arguments, tuple):
            raise ValueError("a call of something that is no function")
        if name.meaning == DTYPE:
            code = arguments[0]
            if not isinstance(code, str) or not NUMBER_TYPE.fullmatch(code):
                raise self._refusal(f"an array of {code}")
            return _Type(code)
        if name.meaning == NEW_ARRAY:
            return _Array()
        if name.meaning == SCALAR:
            number_type, content = arguments
            return _array(content, number_type, (1,), "C")[0].item()
        if name.meaning == FROM_BUFFER:
            content, number_type, shape, order = arguments
            return _Array(_array(content, number_type, shape, order))
        if name.meaning == ENCODE and arguments[1:] == ("latin1",):
            return arguments[0].encode("latin1") if isinstance(arguments[0], str) else b""
        raise ValueError(f"a call of {name.meaning} that no array makes")

    def _fill(self, target: Any, state: Any) -> None:
        """Complete an array or a number type; nothing else has a state."""
        if isinstance(target, _Type):
            _, order, *structure = state
            if order not in ("<", ">", "=", "|") or any(part is not None for part in structure[:3]):
                raise self._refusal("an array of records")
            target.order = order
        elif isinstance(target, _Array):
            _, shape, number_type, fortran, content = state
            target.value = _array(content, number_type, shape, "F" if fortran is True else "C")
        else:
            raise self._refusal(f"the state of a {type(target).__name__}")


def _dotted(module: Any, attribute: Any) -> tuple[str, str, str]:
    return str(module), ".", str(attribute)


def _array(content: Any, number_type: Any, shape: Any, order: str) -> NDArray[Any]:
    """A read-only view of bytes that are there: a shape they do not fill is an error, not an allocation."""
    if not isinstance(number_type, _Type) or order not in ("C", "F"):
        raise ValueError("an array has no number type")
    if isinstance(content, str):
        content = content.encode("latin1")
    if not isinstance(content, (bytes, bytearray)) or not isinstance(shape, tuple) or len(shape) > 8:
        raise ValueError("an array has no content")
    if not all(isinstance(length, int) and length >= 0 for length in shape):
        raise ValueError("an array has no shape")
    return np.frombuffer(content, number_type.dtype()).reshape(shape, order="F" if order == "F" else "C")


class _Finish:
    """Puts finished arrays in the place of those under construction."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.seen: dict[int, Any] = {}

    def value(self, value: Any, depth: int) -> Any:
        """The finished value; shared parts are finished once."""
        if depth > MAX_DEPTH:
            raise TemplateError(f"{self.where} is nested more than {MAX_DEPTH} deep; no motion template is")
        if isinstance(value, _Array):
            if value.value is None:
                raise ValueError("an array has no content")
            return value.value
        if isinstance(value, (_Name, _Type)) or value is _Mark:
            raise ValueError("a part of an array stands alone")
        if not isinstance(value, (list, dict, tuple)):
            return value
        if id(value) not in self.seen:
            self.seen[id(value)] = value
            self.seen[id(value)] = self._filled(value, depth + 1)
        return self.seen[id(value)]

    def _filled(self, value: list[Any] | dict[str, Any] | tuple[Any, ...], depth: int) -> Any:
        if isinstance(value, tuple):
            return tuple(self.value(item, depth) for item in value)
        if isinstance(value, list):
            value[:] = [self.value(item, depth) for item in value]
        else:
            for key, item in value.items():
                value[key] = self.value(item, depth)
        return value
