"""Write the table of all options, made from the records that state them: `python scripts/options_table.py FILE`."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

from openportrait.options import ClusterOptions, FaceEdit, LiveOptions, Options, OptionSpec, RetargetOptions, specs

HEAD = """\
# Options

The options of `openportrait animate`, and by the same name (with `_` for `-`) of `openportrait.animate(...)`;
`edit` and `retarget` take those of them that concern a source, and their own at the end of this page. A switch
has a `--no-` form. Sliders are in the units of the released LivePortrait interface.

"""

OF_COMMANDS = {LiveOptions: "live", ClusterOptions: "batch", RetargetOptions: "retarget", FaceEdit: "edit"}
"""Options that one command alone has."""


def table() -> str:
    """The whole page in Markdown."""
    groups = [get_type_hints(Options)[group.name] for group in fields(Options)]
    return HEAD + "\n".join(_section(record) for record in (*groups, *OF_COMMANDS))


def _section(record: type) -> str:
    title = (record.__doc__ or "").split(".")[0]
    command = f" (`{OF_COMMANDS[record]}`)" if record in OF_COMMANDS else ""
    rows = "\n".join(_row(spec) for spec in specs(record))
    return f"## {title}{command}\n\n| option | value | default | meaning |\n|---|---|---|---|\n{rows}\n"


def _row(spec: OptionSpec) -> str:
    return f"| `--{spec.name.replace('_', '-')}` | {_values(spec)} | {_default(spec)} | {spec.help} |"


def _values(spec: OptionSpec) -> str:
    if spec.choices:
        return ", ".join(f"`{choice}`" for choice in spec.choices)
    if spec.range:
        return f"{spec.range.low:g} … {spec.range.high:g}"
    return {bool: "switch", str: "text", Path: "path"}[spec.kind]


def _default(spec: OptionSpec) -> str:
    if spec.default is None:
        return "–"
    if spec.kind is bool:
        return "on" if spec.default else "off"
    return f"`{spec.default}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(table(), encoding="utf-8")
