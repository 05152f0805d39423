"""The soft step of timelines, endings, speech and drawing."""

from __future__ import annotations

from typing import Any, TypeVar

Part = TypeVar("Part", bound=Any)


def ease(part: Part) -> Part:
    """3·part² − 2·part³ of a number or array 0..1: 0 at 0, 1 at 1, and level at both ends."""
    eased: Part = part * part * (3 - 2 * part)
    return eased
