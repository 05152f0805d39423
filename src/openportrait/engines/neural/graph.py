"""Recorded CUDA graphs: hundreds of small launches as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

Step = Callable[..., Sequence[Tensor]]


class Graphs:
    """A function of tensors on a CUDA device, recorded for each set of shapes that comes again.

    The first call with some shapes just runs: a single picture, or the last few of a clip, would not pay
    for a recording. Results lie in the recordings' own memory, which all share: the next call overwrites
    them. Only for one thread at a time.
    """

    def __init__(self, function: Step, device: torch.device, notice: Callable[[str], None]) -> None:
        """`notice` is told where recording is not possible."""
        self._function = function
        self._device = device
        self._notice = notice
        self._graphs: dict[tuple[torch.Size, ...], _Graph | None] = {}
        # Memory is shared only between recordings of one stream.
        self._memory = _Memory(torch.cuda.graph_pool_handle(), torch.cuda.Stream(device))  # type: ignore[no-untyped-call]
        self._refused = False

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """What the function gives, valid until the next call."""
        # Streams belong to the current device, which need not be the one that was chosen.
        with torch.cuda.device(self._device):
            return self._run(inputs)

    def _run(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        shapes = tuple(value.shape for value in inputs)
        if self._refused or shapes not in self._graphs:
            self._graphs[shapes] = None
            return self._function(*inputs)
        graph = self._graphs[shapes]
        if graph is None:
            try:
                graph = self._graphs[shapes] = _Graph(self._function, inputs, self._memory)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._notice(f"CUDA graphs cannot be used here ({error}); frames take a little longer")
                self._refused = True
                return self._function(*inputs)
        return graph(inputs)


class _Memory(NamedTuple):
    """What recordings have in common."""

    pool: Any
    """As `torch.cuda.graph_pool_handle` gives it."""
    stream: torch.cuda.Stream


class _Graph:
    """One recording."""

    def __init__(self, function: Step, inputs: Sequence[Tensor], memory: _Memory) -> None:
        """Raises RuntimeError where recording is not possible."""
        self._inputs = [value.clone() for value in inputs]
        # Libraries set up their workspaces for a stream in its first run, which cannot be recorded.
        memory.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(memory.stream):
            function(*self._inputs)
        torch.cuda.current_stream().wait_stream(memory.stream)
        self._graph = torch.cuda.CUDAGraph()
        # By default whatever another thread of the program does with CUDA would break the recording off.
        with torch.cuda.graph(self._graph, memory.pool, memory.stream, capture_error_mode="thread_local"):
            self._results = function(*self._inputs)

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        for kept, value in zip(self._inputs, inputs, strict=True):
            kept.copy_(value, non_blocking=True)
        self._graph.replay()
        return self._results
