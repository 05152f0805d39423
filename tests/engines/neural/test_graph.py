"""What is recorded, and when; recording itself, which needs a CUDA device, is played here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from openportrait.engines.neural import device  # noqa: E402

CARD = torch.device("cuda:1")


class Recorder:
    """Stands in for a recording: counts, and answers as the function does."""

    problem: Exception | None = None

    def __init__(self) -> None:
        self.recorded: list[Any] = []
        self.devices: list[Any] = []
        self.told: list[str] = []
        self.replayed = self.run = 0

    def function(self, x: Any) -> tuple[Any]:
        self.run += 1
        return (x + 1,)

    @contextmanager
    def on(self, device: Any) -> Iterator[None]:
        self.devices.append(device)
        yield
        self.devices.pop()

    def record(self, function: Any, inputs: Any, pool: object) -> Any:
        if self.problem is not None:
            raise self.problem
        assert self.devices == [CARD], "a stream of another device would record nothing"
        self.recorded.append(inputs[0].shape)

        def replay(inputs: Any) -> Any:
            assert self.devices == [CARD]
            self.replayed += 1
            return (inputs[0] + 1,)

        return replay


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(device, "_Graph", made.record)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: f"a stream of {device}")
    monkeypatch.setattr(torch.cuda, "device", made.on)
    return made


def test_shapes_that_come_again_are_recorded(recorder: Recorder) -> None:
    graphs = device.Graphs(recorder.function, CARD, recorder.told.append)
    for size in (4, 4, 4, 3, 4, 3, 1):
        (result,) = graphs([torch.zeros(size)])
        assert result.tolist() == [1.0] * size
    assert recorder.recorded == [(4,), (3,)]
    assert recorder.run == 3, "each shape's first"
    assert recorder.replayed == 4


def test_where_recording_fails_everything_just_runs(recorder: Recorder) -> None:
    recorder.problem = RuntimeError("operation not permitted when stream is capturing")
    graphs = device.Graphs(recorder.function, CARD, recorder.told.append)
    for _ in range(4):
        assert graphs([torch.zeros(2)])[0].tolist() == [1.0, 1.0]
    assert recorder.run == 4
    assert len(recorder.told) == 1
    assert "operation not permitted" in recorder.told[0]


def test_a_lack_of_memory_is_the_callers_to_deal_with(recorder: Recorder) -> None:
    recorder.problem = torch.OutOfMemoryError("CUDA out of memory")
    graphs = device.Graphs(recorder.function, CARD, recorder.told.append)
    graphs([torch.zeros(2)])
    with pytest.raises(torch.OutOfMemoryError):
        graphs([torch.zeros(2)])
