"""A recorded CUDA graph: hundreds of small launches as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_WARM_UPS = 3
"""Runs before recording, in which libraries choose kernels and make their workspaces."""


class Graph:
    """A function of tensors whose shapes stay, recorded once and replayed.

    Results lie in the graph's own memory: the next call overwrites them.
    """

    def __init__(self, function: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor]) -> None:
        """Raises RuntimeError where recording is not possible."""
        self._inputs = [value.clone() for value in inputs]
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                function(*self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._results = function(*self._inputs)

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """Inputs of the recorded shapes → the function's results, valid until the next call."""
        for kept, value in zip(self._inputs, inputs, strict=True):
            kept.copy_(value, non_blocking=True)
        self._graph.replay()
        return self._results
