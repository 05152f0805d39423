"""Write the table of all options, made from the records that state them: `python scripts/options_table.py FILE`."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

from openportrait.options import Options, OptionSpec, specs

HEAD = """\
# Options

Every option of `openportrait animate`, and by the same name (with `_` for `-`) of `openportrait.animate(...)`.
A switch has a `--no-` form.

"""


def table() -> str:
    """The whole page in Markdown."""
    sections = []
    for group in fields(Options):
        record = get_type_hints(Options)[group.name]
        rows = [_row(spec) for spec in specs(record)]
        sections.append(
            f"## {(record.__doc__ or '').rstrip('.')}\n\n"
            "| option | value | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
        )
    return HEAD + "\n".join(sections)


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
