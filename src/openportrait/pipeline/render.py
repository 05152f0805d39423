"""The render loop of every job: it takes scenes and moved keypoints, and gives finished pictures."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import NamedTuple, Protocol

import numpy as np

from openportrait.engines.base import Canvas, Engine, Shot
from openportrait.motion import PackedMotions
from openportrait.options import Options
from openportrait.pipeline.background import Background
from openportrait.pipeline.cues import Cue, Reel
from openportrait.pipeline.driving import RATE_OF_STILLS
from openportrait.pipeline.flow import Watch, ahead, overlapped
from openportrait.pipeline.output import CloseUp, side_by_side
from openportrait.pipeline.source import Scene, Sitter, Source
from openportrait.records import FaceCrop, Floats, Frame, Image, Motion, Template
from openportrait.scaling import resized
from openportrait.sequences import groups


class Pose(NamedTuple):
    """The keypoints of a face before and after the move."""

    x_s: Floats
    """(K, 3) crop units."""
    x_d: Floats
    """(K, 3) crop units."""


class Move(Protocol):
    """How one face of the source moves."""

    def __len__(self) -> int:
        """Pictures of the result."""
        ...

    def __call__(self, i: int) -> Pose | None:
        """The keypoints of picture i; None passes the source through."""
        ...


class CloseUps(NamedTuple):
    """What a strip shows of each of its pictures; None for the whole."""

    driving: CloseUp | None
    source: CloseUp | None
    image: CloseUp | None


NO_CLOSE_UPS = CloseUps(None, None, None)


@dataclass(frozen=True, eq=False)
class Picture:
    """One finished picture."""

    index: int
    image: Image
    """(H, W, 3): the whole frame, or the face crop where nothing is pasted back."""
    alpha: Image | None
    """(H, W) of a source that has one, or where the options want it."""
    source: Image
    """(H, W, 3) the source's frame."""
    driving: Image | None
    """(H, W, 3) the driving's frame; None where no pixels drive."""
    close_ups: CloseUps = NO_CLOSE_UPS
    """What its strip shows of them."""

    @property
    def pixels(self) -> Image:
        """(H, W, 3), or (H, W, 4) with alpha."""
        return self.image if self.alpha is None else np.dstack([self.image, self.alpha])

    @property
    def strip(self) -> Image:
        """Driving, source and result in a row; of a small face what is around it."""
        pairs = zip((self.driving, self.source, self.image), self.close_ups, strict=True)
        panels = [near.of(panel) if near is not None else panel for panel, near in pairs if panel is not None]
        return side_by_side(panels, self.image.shape[0])

    def _repr_png_(self) -> bytes:
        """How a notebook shows it."""
        from openportrait.notebook import png

        return png(self.image, self.alpha)

    @classmethod
    def finished(
        cls,
        index: int,
        painted: Image,
        frame: Frame,
        background: Background,
        *,
        whole: bool,
        driving: Image | None,
        close_ups: CloseUps = NO_CLOSE_UPS,
    ) -> Picture:
        """What an engine painted, (H, W, 3) or (H, W, 4), before its background; `whole` frames keep their alpha."""
        image, alpha = painted[..., :3], painted[..., 3] if painted.shape[2] == 4 else None
        if alpha is None and whole and background.is_kept:
            alpha = frame.alpha
        shown = background.behind(image, alpha)
        return cls(index, *shown, source=frame.image, driving=driving, close_ups=close_ups)


@dataclass(frozen=True, eq=False)
class _Moment:
    """Everything that one picture is made from."""

    index: int
    scene: Scene
    driving: Image | None
    shots: Sequence[Shot | None]
    """One a face; None where it is passed through."""

    @property
    def canvas(self) -> Canvas:
        """The source's frame with its faces."""
        placed = [
            (shot, sitter.crop.image_from_crop)
            for shot, sitter in zip(self.shots, self.scene.sitters, strict=True)
            if shot is not None and sitter is not None
        ]
        frame = self.scene.frame
        return Canvas(frame.image, [shot for shot, _ in placed], [place for _, place in placed], frame.alpha)


def pastes_back(options: Options) -> bool:
    """Whether whole frames come out, or face crops (SPEC §6)."""
    return options.crop.paste_back and options.crop.crop_source and options.motion.stitching


class Rendering:
    """A job that is ready to run: iterate to render it."""

    def __init__(self, engine: Engine, source: Source, moves: Sequence[Move], options: Options, watch: Watch) -> None:
        """`moves`: one for each portrait of the source."""
        self._engine = engine
        self.source = source
        self.moves = moves
        """How its faces move, one each."""
        self._watch = watch
        self._background = Background(options.output)
        self._running: list[Generator[Picture, None, None]] = []
        self.options = options
        self.said: Callable[[str], str] = str
        """Turns a warning into the caller's words."""

    @property
    def engine(self) -> str:
        """Name of the engine at work."""
        name: str = self._engine.name
        return name

    @property
    def renders_apart(self) -> bool:
        """Whether several processes with an engine each are faster than one."""
        return self._engine.renders_apart

    @property
    def faces(self) -> int:
        """How many faces are animated."""
        return len(self.moves)

    @property
    def rate(self) -> Fraction | None:
        """Frames a second of the result; None for a single picture."""
        return self.source.rate

    @property
    def frames(self) -> int:
        """How many pictures the result has."""
        return len(self.moves[0])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the engine and the inputs, each line once."""
        return tuple(dict.fromkeys(map(self.said, self.remarks())))

    def remarks(self) -> Iterator[str]:
        """The warnings as they are worded on a command line."""
        yield from (*self._engine.notices, *self.source.warnings)
        if self.options.crop.paste_back and not pastes_back(self.options):
            yield "the result is the face crop: paste-back needs the source crop and stitching"

    @property
    def template(self) -> Template | None:
        """The motion as a template; None for jobs that make none."""
        return None

    def as_template(self, motion: Callable[[int], Motion]) -> Template:
        """What one face does in every picture, to drive other portraits."""
        motions = PackedMotions(map(motion, range(self.frames)))
        return Template(motions, (), self.rate or RATE_OF_STILLS, self._engine.layout.name, self._engine.name)

    @property
    def reel(self) -> Reel:
        """What the drivings show."""
        return Reel(self.frames, (None,) * self.faces)

    @property
    def is_looked_at(self) -> bool:
        """Whether somebody is told about progress."""
        return self._watch.is_looked_at

    def tell(self, done: int, image: Image | None) -> None:
        """Report that so many pictures are rendered, the newest one if it is at hand. Raises Cancelled."""
        self._watch.tell("render", done, self.frames, image)

    def check(self) -> None:
        """Raise Cancelled when the caller wants to stop."""
        self._watch.check()

    def __iter__(self) -> Iterator[Picture]:
        """Render the pictures in order. Raises Cancelled when the caller wants to stop."""
        pictures = self._pictures()
        self._running.append(pictures)
        return pictures

    def picture(self, index: int) -> Picture:
        """One picture alone, as iteration gives it. Of a clip the source's frames before it are looked at, too."""
        with (
            closing(self.reel.part(index, index + 1).cues()) as cues,
            closing(ahead(self.source.scenes(), depth=1)) as scenes,
        ):
            return self._render([self._moment(index, next(islice(scenes, index, None)), next(cues))])[0]

    def close(self) -> None:
        """End what was iterated half way: its threads, and the files it reads."""
        for pictures in self._running:
            pictures.close()
        self._running.clear()

    def _pictures(self) -> Generator[Picture, None, None]:
        size = self._engine.batch_size
        # An engine that works in batches uses a device, which leaves time for a second thread. With other engines
        # a second thread would only delay the end when the caller wants to stop.
        threads = 2 if size > 1 else 1
        with (
            closing(ahead(self.source.scenes())) as scenes,
            closing(ahead(self.reel.cues())) as cues,
            closing(overlapped(self._render, groups(self._moments(scenes, cues), size), threads)) as rendered,
        ):
            for picture in chain.from_iterable(rendered):
                yield picture
                self.tell(picture.index + 1, picture.image)

    def _moments(self, scenes: Iterable[Scene], cues: Iterable[Cue]) -> Iterator[_Moment]:
        for index, scene, cue in zip(range(self.frames), scenes, cues, strict=False):
            yield self._moment(index, scene, cue)

    def _moment(self, index: int, scene: Scene, cue: Cue) -> _Moment:
        shots = [self._shot(place, index, scene, driver) for place, driver in enumerate(cue.drivers)]
        return _Moment(index, scene, cue.image, shots)

    def _shot(self, place: int, index: int, scene: Scene, driver: FaceCrop | None) -> Shot | None:
        sitter = scene.sitters[place]
        pose = self.moves[place](index) if sitter is not None else None
        return Shot(sitter.appearance, pose.x_s, pose.x_d, driver) if sitter is not None and pose is not None else None

    def _render(self, moments: Sequence[_Moment]) -> list[Picture]:
        whole, source = pastes_back(self.options), self.source.close_up
        close_ups = CloseUps(self.reel.close_up, source, source if whole else None)
        images = self._engine.paint([moment.canvas for moment in moments]) if whole else self._crops_alone(moments)
        return [
            Picture.finished(
                moment.index,
                image,
                moment.scene.frame,
                self._background,
                whole=whole,
                driving=moment.driving,
                close_ups=close_ups,
            )
            for moment, image in zip(moments, images, strict=True)
        ]

    def _crops_alone(self, moments: Sequence[_Moment]) -> list[Image]:
        """The crop of each moment's first face."""
        firsts = [moment.shots[0] for moment in moments]
        rendered = iter(self._engine.render([shot for shot in firsts if shot is not None]))
        return [
            self._crop_alone(moment.scene.sitters[0], next(rendered) if shot is not None else None)
            for moment, shot in zip(moments, firsts, strict=True)
        ]

    def _crop_alone(self, sitter: Sitter | None, crop: Image | None) -> Image:
        """The rendered crop; where there is none the source's own, or black, in the size of all others."""
        size = self._engine.crop_rule.size
        if crop is None:
            crop = sitter.crop.pixels if sitter is not None else np.zeros((size, size, 3), np.uint8)
        if self.source.rate is None or crop.shape[0] == size:
            return crop
        # Native crops of a clip differ in size from frame to frame; its pictures may not.
        return resized(crop, size, size)
