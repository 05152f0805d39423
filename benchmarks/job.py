"""Where the time of a whole job goes: each stage on one core by itself, then all together.

Run `python benchmarks/job.py [SOURCE DRIVING]`; the default is a bundled portrait and the bundled clip.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TypeVar

import cv2
from rich.console import Console
from rich.table import Table

import openportrait
from openportrait.drivings import Driving
from openportrait.engines.base import Shot
from openportrait.faces import FaceFinder, track
from openportrait.media import open_clip, open_writer
from openportrait.options import Options
from openportrait.paste import paste_back
from openportrait.pipeline.driving import open_driving
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.job import Follow
from openportrait.pipeline.playing import Cast
from openportrait.pipeline.source import open_source
from openportrait.pipeline.tools import Tools
from openportrait.records import Image

Value = TypeVar("Value")

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
FRAMES = 120
WHOLE_JOB_LIMIT = 25.0
"""Frames a second, two cores, a 512 × 512 clip."""


class Stages:
    """Milliseconds a frame of each stage, one after the other."""

    def __init__(self, source: Path, driving: Path, folder: Path) -> None:
        self.milliseconds: dict[str, float] = {}
        self._frames: list[Image] = []
        options, watch = Options.of(engine="mesh"), Watch()
        tools = Tools.load(options.engine)
        engine = tools.engine
        portrait = open_source(source, tools, options, watch)
        driven = open_driving(driving, tools, options, watch)
        cast = Cast.of([(Driving(driving), driven)], options.motion, None, 1)
        played = cast.play(portrait.faces[0], options.motion, options.faces.face)
        scene = next(portrait.scenes())
        follow = Follow(engine, options.motion, portrait.faces[0], played, cast.frames)
        sitter = scene.sitters[0]
        assert sitter is not None
        count = min(len(follow), FRAMES)

        def decode() -> None:
            with open_clip(driving) as clip:
                self._frames = [frame.image for frame in islice(clip, count)]

        def follow_face() -> None:
            with open_clip(driving) as clip:
                frames = list(islice(clip, count))
            start = time.perf_counter()
            track(frames, FaceFinder(), "largest", rate=Fraction(25), bridge_seconds=1, where="clip", option="--face")
            self.milliseconds["track"] = 1000 * (time.perf_counter() - start) / count

        self._time("decode", count, decode)
        follow_face()
        seen = list(islice(driven.footage(played[0].timing.schedule).frames(), count))
        poses = self._time("motion, transfer, correct", count, lambda: [follow(i) for i in range(count)])
        shots = [
            Shot(sitter.appearance, pose.x_s, pose.x_d, frame[1] if frame else None)
            for pose, frame in zip(poses, seen, strict=True)
            if pose is not None
        ]
        crops = self._time("render", count, lambda: [engine.render([shot])[0] for shot in shots])
        pictures = self._time(
            "paste", count, lambda: [paste_back(scene.frame.image, crop, sitter.crop.image_from_crop) for crop in crops]
        )

        def encode() -> None:
            with open_writer(folder / "stage.mp4", rate=Fraction(25)) as writer:
                for picture in pictures:
                    writer.write(picture)

        self._time("encode", count, encode)
        self.size = f"{scene.frame.image.shape[1]} × {scene.frame.image.shape[0]}, crop {sitter.crop.size}"

    def _time(self, name: str, count: int, work: Callable[[], Value]) -> Value:
        start = time.perf_counter()
        value = work()
        self.milliseconds[name] = 1000 * (time.perf_counter() - start) / count
        return value


def main() -> int:
    source, driving = (
        (Path(sys.argv[1]), Path(sys.argv[2]))
        if len(sys.argv) > 2
        else (EXAMPLES / "source" / "officer.jpg", EXAMPLES / "driving" / "talk.mp4")
    )
    with tempfile.TemporaryDirectory() as folder:
        cv2.setNumThreads(1)
        stages = Stages(source, driving, Path(folder))
        cv2.setNumThreads(-1)
        result = openportrait.animate(source, driving, Path(folder) / "whole.mp4", engine="mesh")
    table = Table("stage", "ms a frame", "share", title=f"{source.name} ({stages.size}) by {driving.name}")
    total = sum(stages.milliseconds.values()) + stages.milliseconds["decode"]
    for name, value in stages.milliseconds.items():
        twice = 2 if name == "decode" else 1
        label = "decode (read twice)" if twice == 2 else name
        table.add_row(label, f"{twice * value:.2f}", f"{twice * value / total:.0%}")
    rate = result.frames / result.seconds
    table.add_row("sum, one after the other", f"{total:.2f}", "100%", style="bold")
    table.add_row(
        f"whole job, {os.cpu_count()} cores", f"{1000 / rate:.2f}", f"{1000 / rate / total:.0%}", style="bold"
    )
    console = Console()
    console.print(table)
    slowest = max(stages.milliseconds, key=lambda name: stages.milliseconds[name])
    met = rate >= WHOLE_JOB_LIMIT
    console.print(
        f"whole job {rate:.1f} frames/s, limit {WHOLE_JOB_LIMIT:.0f}: {'met' if met else 'MISSED'}; bound by {slowest}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
