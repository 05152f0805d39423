"""Write the options as keywords of a call, made from the records: `python scripts/keywords.py FILE`."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from openportrait import options
from openportrait.files import AnyPath
from openportrait.options import OF_A_DRIVING, OF_AN_EDIT, EngineOptions, MotionOptions, Options, OptionSpec, specs

HEAD = '''\
"""The options of a job as keywords, so that editors complete them and type checkers know them.

Written by scripts/keywords.py from the records of `openportrait.options` (`make options`); changes belong there.
"""

from __future__ import annotations

{imports}

'''


def names_of(record: type) -> list[str]:
    """The options of a record."""
    return [spec.name for spec in specs(record)]


KINDS = {
    "AnimatorOptions(TypedDict)": ("Options of an `Animator`.", names_of(EngineOptions)),
    "DrivingOptions(TypedDict)": ("Options with which a driving is measured.", OF_A_DRIVING),
    "EditOptions(TypedDict)": ("Options of an edit of a portrait that is analysed already.", OF_AN_EDIT),
    "MoveOptions(EditOptions)": ("Options of a portrait, analysed already, that is driven.", names_of(MotionOptions)),
    "CallOptions(MoveOptions, DrivingOptions)": ("All options of a job but those of its `Animator`.", None),
    "JobOptions(AnimatorOptions, CallOptions)": ("All options of a job; those left out have their defaults.", None),
}
"""Each kind with what it is, and the options that count there; None: all that are left."""
WIDTH, INDENT = 120, "    "
NAMES = {**vars(options), "AnyPath": AnyPath}
TAKEN = {"Path": "AnyPath"}
"""Types of which a call takes more than a record keeps: a path may be text."""


def module() -> str:
    """The whole module."""
    records = [get_type_hints(Options)[group.name] for group in fields(Options)]
    types = {spec.name: _stated(record, spec.name) for record in records for spec in specs(record)}
    homes = {_home(node.id) for kind in types.values() for node in ast.walk(kind) if isinstance(node, ast.Name)}
    left = {spec.name: _keyword(spec, types[spec.name]) for record in records for spec in specs(record)}
    kinds = []
    for kind, (what, names) in KINDS.items():
        stated = [left.pop(name) for name in tuple(left) if names is None or name in names]
        head = f'class {kind[:-1]}, total=False):\n{INDENT}"""{what}"""\n'
        kinds.append("\n".join([head, *stated]) if stated else head.rstrip())
    return HEAD.format(imports=_imports(homes | {("typing", "TypedDict")})) + "\n\n\n".join(kinds) + "\n"


def _stated(record: type, name: str) -> ast.expr:
    """The type as options.py states it, without its help and range."""
    stated: ast.expr = ast.parse(inspect.get_annotations(record)[name], mode="eval").body
    if isinstance(stated, ast.Subscript) and getattr(stated.value, "id", "") == "Annotated":
        assert isinstance(stated.slice, ast.Tuple)
        stated = stated.slice.elts[0]
    for node in ast.walk(stated):
        if isinstance(node, ast.Name):
            node.id = TAKEN.get(node.id, node.id)
    return stated


def _home(name: str) -> tuple[str, str]:
    """The module that a name is imported from, and the name; of a built-in one, nothing."""
    if hasattr(builtins, name):
        return "", name
    found: Any = NAMES[name]
    homes = (getattr(found, "__module__", ""), "openportrait.files", options.__name__)
    return next((home, name) for home in homes if getattr(sys.modules.get(home), name, None) is found)


def _imports(homes: set[tuple[str, str]]) -> str:
    blocks: dict[bool, list[str]] = {False: [], True: []}
    for home in sorted({home for home, _ in homes if home}):
        names = ", ".join(sorted(name for where, name in homes if where == home))
        blocks[home.startswith("openportrait")].append(f"from {home} import {names}")
    return "\n\n".join("\n".join(lines) for lines in blocks.values() if lines) + "\n"


def _keyword(spec: OptionSpec, kind: ast.expr) -> str:
    said = textwrap.fill(f'"""{spec.help}"""', WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    stated = ast.unparse(kind).replace("'", '"')  # as the formatter has it
    return f"{INDENT}{spec.name}: {stated}\n{said}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(module(), encoding="utf-8")
