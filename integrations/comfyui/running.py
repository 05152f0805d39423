"""The engine that all nodes share, how a node tells of its progress, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from comfy.model_management import processing_interrupted, throw_exception_if_processing_interrupted
from comfy.utils import ProgressBar

from openportrait import Animator, Cancelled, Progress

Made = TypeVar("Made")


@cache
def animator(engine: str) -> Animator:
    """The animator of an engine, loaded once and kept between runs."""
    return Animator(engine=engine)  # type: ignore[arg-type]  # judged there


def run(work: Callable[..., Made], *given: Any, **options: Any) -> Made:
    """`work`, with its progress shown at the node; the program's own exception where its user stops it."""
    bar: Any = None

    def show(now: Progress) -> None:
        nonlocal bar
        if now.total:
            bar = bar or ProgressBar(now.total)
            bar.update_absolute(now.done, now.total)

    try:
        return work(*given, progress=show, cancel=processing_interrupted, **options)
    except Cancelled:
        throw_exception_if_processing_interrupted()
        raise
