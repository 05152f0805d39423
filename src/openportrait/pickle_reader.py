"""Read pickled numbers, texts, lists, dicts and NumPy arrays without ever unpickling.

The pickle's instructions are split by the standard library's `pickletools`, which executes
nothing, and followed by a machine that knows how to build those values and nothing else.
"""

from __future__ import annotations

import pickletools
import sys
from collections.abc import Callable
from typing import Any

from openportrait.errors import TemplateError
from openportrait.files import spell_bytes, told
from openportrait.pickle_arrays import LONGEST_NAME, Array, Name, Refused, Type, filled, made, named

MAX_BYTES = 64 * 2**20
"""Of a pickled template."""
MAX_INSTRUCTIONS = 4_000_000
"""A frame of an official template takes 150 to 200."""
MAX_MADE_BYTES = 512 * 2**20
"""All that the instructions make, whether it is kept or not: a frame of an official template takes 20 kB."""
MAX_DEPTH = 32
PLACE_BYTES, MEMO_BYTES, ENTRY_BYTES, CONTAINER_BYTES, OBJECT_BYTES = 8, 100, 100, 64, 400
"""Memory, rounded up: of a place on the stack or in a list, an entry of the memo, of a dict, an empty list or dict,
an array without its numbers."""
NUMBERS = {"INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"}
TEXTS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
BYTES = {"STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
VALUES = NUMBERS | TEXTS | BYTES
"""Instructions that carry a number, a text or bytes."""
PUSH_CONSTANT: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
"""Instructions and the lengths of what they make."""
IGNORED = frozenset(("PROTO", "FRAME"))


class _Mark:
    """Where a group of values on the stack begins."""


def read_pickle(data: bytes, where: str) -> Any:
    """The value in a pickle; arrays are numeric ndarrays. `where` names the file in errors.

    Raises TemplateError when the pickle is damaged, too large, or asks for anything else: the
    error says what it asked for.
    """
    if len(data) > MAX_BYTES:
        raise TemplateError(f"{where} is larger than {spell_bytes(MAX_BYTES)}; make a shorter template")
    machine = _Machine()
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_INSTRUCTIONS:
                raise ValueError(f"it takes over {MAX_INSTRUCTIONS:,} instructions")
            machine.follow(instruction.name, argument)
        return _plain(machine.result())
    except Refused as refused:
        raise TemplateError(
            f"{where} asks for {str(refused)[: 2 * LONGEST_NAME]!r}, which no motion template needs; "
            "it was not run; do not trust the file, choose another"
        ) from refused
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise TemplateError(f"{where} is a damaged template ({told(error)}); make or fetch it again") from error


class _Machine:
    """The stack and the memo of a pickle, and the instructions that build plain values. All memory is counted
    before or while it is used: a small file may ask for the same work without end.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.made_bytes = 0

    def charge(self, size: int) -> None:
        """Count memory. Raises ValueError where it is more than a template needs."""
        self.made_bytes += size
        if self.made_bytes > MAX_MADE_BYTES:
            raise ValueError(f"it unpacks to over {spell_bytes(MAX_MADE_BYTES)}")

    def result(self) -> Any:
        """The value after all instructions."""
        return _one(self.stack)

    def follow(self, name: str, argument: Any) -> None:
        """Execute one instruction."""
        self.charge(PLACE_BYTES)
        if name in VALUES:
            self.charge(sys.getsizeof(argument))
            self.stack.append(argument)
        elif name in PUSH_CONSTANT:
            self.charge(CONTAINER_BYTES)
            self.stack.append(PUSH_CONSTANT[name]())
        elif name in TUPLES:
            self._push_tuple(self._pop(TUPLES[name]))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            self.charge(OBJECT_BYTES)
            self.stack.append(named(argument.split(" ", 1) if name == "GLOBAL" else self._pop(2)))
        elif name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            self.charge(MEMO_BYTES)
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = _one(self.stack[-1:])
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            value = self.memo[argument]
            self.stack.append(value.value if isinstance(value, Array) and value.value is not None else value)
        elif name == "REDUCE":
            self.charge(OBJECT_BYTES)
            called, arguments = self._pop(2)
            self.stack.append(made(called, arguments, self.charge))
        elif name == "BUILD":
            target, state = self._pop(2)
            self.stack.append(filled(target, state, self.charge))
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
            if name == "TUPLE":
                self._push_tuple(values)
            else:
                self.charge(CONTAINER_BYTES + PLACE_BYTES * len(values))
                self.stack.append(values)
        elif name in ("APPEND", "APPENDS"):
            values = self._pop(1) if name == "APPEND" else self._since_mark()
            self.charge(PLACE_BYTES * len(values))
            self._top(list).extend(values)
        elif name in ("DICT", "SETITEM", "SETITEMS"):
            values = self._pop(2) if name == "SETITEM" else self._since_mark()
            self.charge(ENTRY_BYTES * len(values))
            if name == "DICT":
                self.stack.append({})
            if not all(isinstance(key, str) for key in values[::2]):
                raise ValueError("a dict has a key that is no text")
            self._top(dict).update(zip(values[::2], values[1::2], strict=True))
        else:
            # INST carries the class's name, PERSID and the extensions a number of their own.
            asked = str(argument).replace(" ", ".") if name == "INST" else f"the pickle instruction {name}"
            raise Refused(asked)

    def _push_tuple(self, values: list[Any]) -> None:
        self.charge(CONTAINER_BYTES + PLACE_BYTES * len(values))
        self.stack.append(tuple(values))

    def _pop(self, count: int) -> list[Any]:
        values = self.stack[-count:]
        if len(values) < count or any(value is _Mark for value in values):
            raise ValueError("a value is missing")
        del self.stack[-count:]
        return values

    def _since_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while place >= 0 and self.stack[place] is not _Mark:
            place -= 1
        if place < 0:
            raise ValueError("a group has no beginning")
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def _top(self, kind: type) -> Any:
        if not self.stack or type(self.stack[-1]) is not kind:
            raise ValueError(f"a {kind.__name__} is missing")
        return self.stack[-1]


def _one(values: list[Any]) -> Any:
    if len(values) != 1:
        raise ValueError("there is not one value where one is due")
    return values[0]


def _plain(value: Any) -> Any:
    """The value, in which every part is finished. Raises ValueError for one that is not, or is nested too deep.

    Level by level, each list, dict or tuple once: parts may be shared, or hold themselves.
    """
    seen: set[int] = set()
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for part in level:
            if isinstance(part, (Array, Name, Type)) or part is _Mark:
                raise ValueError("a part of an array stands alone")
            if isinstance(part, (list, tuple, dict)) and id(part) not in seen:
                seen.add(id(part))
                below += part.values() if isinstance(part, dict) else part
        if not below:
            return value
        level = below
    raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
