"""What every event of the page and of the API passes on its way in and out."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from openportrait.errors import OpenPortraitError, OptionError
from openportrait.web.checks import in_one_line, plainly
from openportrait.web.context import SLOW
from openportrait.web.sessions import Sessions

OF_ONE, OF_ALL = 2, 8
"""Slow events that work at once: of one visitor, of all."""
MOST_WAITING = 16
"""Slow events of one visitor that wait or work; further ones are refused."""
EVENT_SECONDS = 120.0
"""A slow event is answered within so long."""
TITLE = "That did not work"

_log = logging.getLogger(__name__)


class Page(gr.Blocks):
    """Gradio's page with five changes.

    A file that an event names has to be its session's own: nothing else is looked at or fetched. Slow events take
    turns, so that one visitor never holds up the others. They are answered in time. Whatever goes wrong has its line.
    What browsers are told of the page is put together when it is about to be served, not before.
    """

    is_laid_out = False
    """Whether it is about to be served."""

    def __init__(self, sessions: Sessions, samples: Mapping[str, Path], **settings: Any) -> None:
        """`samples`: files of the app's own by the addresses that stand for them; nothing is fetched from there."""
        super().__init__(**settings)
        self._sessions, self._samples = sessions, samples
        self._turns = Turns()

    def get_config_file(self) -> Any:
        """What browsers are told; empty while the page is laid out, when Gradio asks for it thrice and uses none."""
        return super().get_config_file() if self.is_laid_out else {}

    async def process_api(self, block_fn: Any, inputs: list[Any], *args: Any, **call: Any) -> dict[str, Any]:
        """One event, or one step of an event that goes on. Raises gradio.Error alone, with its line."""
        name = str(call.get("session_hash") or "")
        try:
            if call.get("iterator") is None:
                inputs = await asyncio.to_thread(self._checked, inputs, name)
            work = super().process_api(block_fn, inputs, *args, **call)
            if block_fn.concurrency_id == SLOW:
                return await self._turns.answer(name, work)
            return await work
        except Exception as error:
            raise self._worded(error) from error

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **call: Any) -> list[Any]:
        """The event's values as its function takes them. Raises OptionError where they do not fit.

        What a program leaves out at the end has its default, so that calls may grow.
        """
        left_out = [getattr(component, "value", None) for component in block_fn.inputs[len(inputs) :]]
        if None not in left_out:
            inputs = [*inputs, *left_out]
        try:
            processed: list[Any] = await super().preprocess_data(block_fn, inputs, *args, **call)
        except gr.Error:
            raise
        except Exception as error:
            said = " ".join(str(error).split())[:120]
            raise OptionError(
                f"the values do not fit the call ({said}); /gradio_api/info says what it takes"
            ) from error
        return processed

    def _checked(self, value: Any, name: str) -> Any:
        """The values with each file checked, and nothing of what else its sender said about it."""
        if isinstance(value, list):
            return [self._checked(one, name) for one in value]
        if not isinstance(value, dict):
            return value
        if not ("path" in value and "meta" in value):
            return {key: self._checked(one, name) for key, one in value.items()}
        text = str(value["path"])
        sample = self._samples.get(text)
        path = self._sessions.own_file(name, text) if sample is None else self._sessions.adopt(name, sample)
        return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}

    def _worded(self, error: Exception) -> gr.Error:
        if isinstance(error, OpenPortraitError):
            line = plainly(error, self._sessions.root)
        elif isinstance(error, gr.Error):
            line = str(error.message)
        elif isinstance(error, MemoryError):
            line = "not enough memory; lower “Max size” or “Max crop”"
        elif isinstance(error, RecursionError):
            line = "the values are nested too deeply; send plain ones"
        else:
            _log.error(
                "an event failed: %s: %s", type(error).__name__, error, exc_info=_log.isEnabledFor(logging.DEBUG)
            )
            line = f"something went wrong here ({type(error).__name__}); try it anew, or with another file"
        return gr.Error(in_one_line(line), print_exception=False, title=TITLE)


class Turns:
    """Lets few slow events work at once, of one visitor and of all. The event loop's own: it is used nowhere else."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(OF_ALL)
        self._own: dict[str, asyncio.Semaphore] = {}
        self._here: Counter[str] = Counter()

    async def answer(self, visitor: str, work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
        """What the work gives. Raises OptionError where the visitor asks for too much, or where it takes too long.

        Work that takes too long goes on for as long as it must, and keeps its turn: a thread cannot be stopped.
        """
        if self._here[visitor] >= MOST_WAITING:
            work.close()
            raise OptionError("too much was asked for at once; wait until some of it is answered")
        self._here[visitor] += 1
        task = asyncio.create_task(self._in_turn(visitor, work))
        task.add_done_callback(lambda done: self._over(visitor, done))
        done, _ = await asyncio.wait([task], timeout=EVENT_SECONDS)
        if not done:
            raise OptionError(f"no answer within {EVENT_SECONDS:.0f} s; try a smaller file, or try again later")
        return task.result()

    async def _in_turn(self, visitor: str, work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
        async with self._own.setdefault(visitor, asyncio.Semaphore(OF_ONE)), self._all:
            return await work

    def _over(self, visitor: str, done: asyncio.Task[Any]) -> None:
        if not done.cancelled():
            done.exception()
        self._here[visitor] -= 1
        if not self._here[visitor]:
            del self._here[visitor], self._own[visitor]


def handed_in(component: Any) -> Any:
    """A component for a file, which gives the file's place alone. Gradio's own leaves an empty file each time."""
    component.preprocess = _place
    return component


def _place(payload: Any) -> str | None:
    if payload is not None and not isinstance(getattr(payload, "path", None), str):
        raise OptionError("one file is taken here; send one")
    return payload.path if payload is not None else None
