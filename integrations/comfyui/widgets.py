"""Options of OpenPortrait as inputs of a node: each is stated once, by the package, with its help and its range."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, inf, log10
from typing import Any

from comfy_api.latest import io

from openportrait.checked import OptionSpec, specs

AS_THE_SOURCE = -1.0
"""What stands for an option that is left out, where it is a number."""
_STEPS = 100
"""From one end of a slider to the other, at least."""


def widgets(record: type, *, without: tuple[str, ...] = ()) -> list[io.Input]:
    """An input for each field of an options record."""
    return [_widget(spec) for spec in specs(record) if spec.name not in without]


def values(record: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen, by fields of the record, without what is as it is by itself."""
    found = {}
    for spec in specs(record):
        value = given.get(spec.name, spec.default)
        left_out = spec.optional and value == AS_THE_SOURCE
        if not left_out and value != spec.default:
            found[spec.name] = value
    return found


def _widget(spec: OptionSpec) -> io.Input:
    if spec.choices:
        return io.Combo.Input(spec.name, options=list(spec.choices), default=spec.default, tooltip=spec.help)
    if spec.kind is bool:
        return io.Boolean.Input(spec.name, default=spec.default, tooltip=spec.help)
    if spec.kind is float:
        assert spec.range is not None, "every number has a range"
        low, high = float(spec.range.low), float(spec.range.high)
        step = _step(low, high, float(spec.default or 0))
        if spec.optional:
            return io.Float.Input(
                spec.name,
                default=AS_THE_SOURCE,
                min=AS_THE_SOURCE,
                max=high,
                step=step,
                tooltip=f"{spec.help} -1: none.",
            )
        return io.Float.Input(spec.name, default=spec.default, min=low, max=high, step=step, tooltip=spec.help)
    return io.String.Input(spec.name, default=spec.default, tooltip=spec.help)


def _step(low: float, high: float, default: float) -> float:
    """A power of ten: the program rounds values to it, and the default has to stay what it is."""
    return float(f"1e{floor(log10(min((high - low) / _STEPS, abs(default) or inf)))}")
