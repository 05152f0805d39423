from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .make import PRINT_PEAK, Video

COPY = """
import sys
from pathlib import Path
from openportrait.media import open_clip, open_writer
source, target = map(Path, sys.argv[1:])
with open_clip(source) as clip, open_writer(target, rate=clip.info.rate) as writer:
    for frame in clip:
        writer.write(frame.image)
"""


@pytest.mark.parametrize("suffix", ["mp4", "webp"])
def test_peak_memory_does_not_grow_with_length(tmp_path: Path, suffix: str) -> None:
    """600 more frames are 88 MB of pixels; none of them may stay."""
    peaks = []
    for frames in (100, 700):
        clip = Video(frames=frames, size=(256, 192)).save(tmp_path / f"{frames}.mp4")
        command = [sys.executable, "-c", COPY + PRINT_PEAK, str(clip), str(tmp_path / f"out.{suffix}")]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
    assert peaks[1] - peaks[0] < 25, peaks
