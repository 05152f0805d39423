"""The main job: a source that follows one driving, or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property

from openportrait.engines.base import Engine
from openportrait.layouts import KEYPOINT_SETS
from openportrait.media import Sound
from openportrait.motion import (
    ClipTransfer,
    Corrections,
    Drive,
    Driven,
    PortableTransfer,
    carried,
    combined,
    edited_motion,
    keypoints,
    neutral_index,
    neutralised,
)
from openportrait.options import FaceEdit, MotionOptions, Options
from openportrait.pipeline.cues import Driver, Reel
from openportrait.pipeline.flow import Watch
from openportrait.pipeline.playing import Cast, Played, Timing, why_idle
from openportrait.pipeline.render import Pose, Rendering
from openportrait.pipeline.source import Source, SourceFace
from openportrait.pipeline.tools import Tools
from openportrait.records import Motion, Ratios, Template
from openportrait.sequences import Computed


class Base:
    """The motion to which a driving's is added: the source's own, without its expression and with sliders as
    options ask.

    Absolute motion replaces the source's; there sliders are added to the result.
    """

    def __init__(self, engine: Engine, options: MotionOptions, face: SourceFace, *, speaks: bool = False) -> None:
        """`speaks`: the lips follow a sound, so the source's own lips are brought to rest first."""
        self._engine = engine
        self._face = face
        self._amounts = {"lip": 1.0, **options.neutralised} if speaks else options.neutralised
        self._edit = options.added
        self._is_edited = self._edit != FaceEdit()
        self.edits_last = self._is_edited and not options.relative
        """Whether sliders are added to the driven motion."""
        rest = neutral_index(face.motions, face.ratios) if self._amounts else 0
        self._rest = engine.layout.neutral(face.motions[rest]) if self._amounts else None
        self.is_changed = bool(self._amounts) or self._is_edited
        """Whether it is another motion than the source's own."""

    def start(self, frame: int) -> Motion:
        """The base in one of the source's frames."""
        return self._plain(frame) if self.edits_last or not self._is_edited else self.edited(frame, self._edit)

    def finished(self, frame: int, driven: Motion) -> Motion:
        """The driven motion with what is added last."""
        if not self.edits_last:
            return driven
        return carried(driven, self._plain(frame), self.edited(frame, self._edit))

    def edited(self, frame: int, edit: FaceEdit) -> Motion:
        """The source in one of its frames, with sliders."""
        plain = self._plain(frame)
        return edited_motion(self._engine, plain, self._face.ratios[frame], edit) if edit != FaceEdit() else plain

    @property
    def starts(self) -> Sequence[Motion]:
        """`start` of every frame of the source, computed when it is asked for; once for a picture."""
        count = len(self._face.motions)
        if not self.is_changed:
            return self._face.motions
        return (self.start(0),) if count == 1 else Computed(self.start, count)

    def _plain(self, frame: int) -> Motion:
        motion = self._face.motions[frame]
        if self._rest is None:
            return motion
        return neutralised(motion, self._rest, self._amounts, self._engine.layout)


class Follow:
    """One face that follows its drivings: transfer, then corrections (SPEC §4, §5)."""

    def __init__(
        self, engine: Engine, options: MotionOptions, face: SourceFace, played: Sequence[Played], frames: int
    ) -> None:
        """`frames`: pictures of the result. Raises OptionError for parts that the engine cannot tell apart."""
        self.played = played
        self._frames = frames
        self._layout = engine.layout
        self._face = face
        self._moves = len(face.motions) > 1
        speaks = any(one.driving.kind == "sound" and one.wanted["lip"] for one in played)
        self._base = Base(engine, options, face, speaks=speaks)
        self._sources = self._base.starts
        self._drives = [_drive(engine, options, self._sources, face.ratios, one) for one in played]
        self._correct = Corrections(engine, options, first_source=face.ratios[0], source_moves=self._moves)

    def __len__(self) -> int:
        return self._frames

    def __call__(self, i: int) -> Pose | None:
        """The pose of picture i. None where nothing moves the face: its drivings show no face, or it has no
        drivings."""
        acting = self._acting(i)
        if not acting and not self._base.is_changed:
            return None
        frame = self._frame(i)
        x_s = keypoints(self._face.motions[frame], self._layout)
        if len(acting) == 1 == len(self.played) and acting[0][1] == 1 and not self._base.edits_last:
            x_d = self._drives[0].x_driven(i)
        else:
            x_d = keypoints(self.motion(i), self._layout)
        base = keypoints(self._sources[frame], self._layout) if self._base.is_changed else None
        return Pose(x_s, self._correct(x_s, x_d, self._face.ratios[frame], self._openness(i), base))

    def motion(self, i: int) -> Motion:
        """The driven motion of picture i, before the corrections."""
        acting = [Driven(self._drives[place](i), self.played[place].wanted, share) for place, share in self._acting(i)]
        frame = self._frame(i)
        return self._base.finished(frame, combined(self._sources[frame], acting))

    def _frame(self, i: int) -> int:
        return i if self._moves else 0

    def _acting(self, i: int) -> list[tuple[int, float]]:
        """Which drivings move the face in picture i, by their places, and how far they are followed."""
        return [
            (place, share)
            for place, one in enumerate(self.played)
            if one.driving.present[one.timing.schedule[i]] and (share := one.timing.share(i))
        ]

    def _openness(self, i: int) -> Ratios | None:
        """How open eyes and lips are in the drivings that move them; None where one does not say."""
        lids, lip = (self._ratios_of(part, i) for part in ("lids", "lip"))
        return Ratios(lids.eye_left, lids.eye_right, lip.lip) if lids is not None and lip is not None else None

    def _ratios_of(self, part: str, i: int) -> Ratios | None:
        one = next((one for one in self.played if one.wanted[part]), self.played[0]) if self.played else None
        return one.driving.ratios[one.timing.schedule[i]] if one is not None and one.driving.ratios else None


def _drive(
    engine: Engine, options: MotionOptions, sources: Sequence[Motion], source_ratios: Sequence[Ratios], one: Played
) -> Drive:
    driving, schedule = one.driving, one.timing.schedule
    options = replace(options, neutral_frame=one.given.neutral_frame or options.neutral_frame)
    if driving.kind == "sound":
        # Speech begins at rest, and smoothed lips would not close any more.
        options = replace(options, neutral_frame="first", smoothing=0.0)
    if driving.layout == engine.layout.name:
        return ClipTransfer(
            engine.layout,
            sources,
            driving.motions,
            options,
            driving_ratios=driving.ratios,
            schedule=schedule,
            wanted=one.wanted,
        )
    return PortableTransfer(
        engine,
        sources,
        source_ratios,
        driving.motions,
        driving.ratios,
        options,
        KEYPOINT_SETS.get(driving.layout),
        schedule=schedule,
        wanted=one.wanted,
    )


class Job(Rendering):
    """An animation whose faces are found and whose motion is measured. Iterate to render it."""

    def __init__(self, tools: Tools, source: Source, cast: Cast, options: Options, watch: Watch) -> None:
        """Raises OptionError where the drivings do not fit together, or want what the engine cannot tell apart."""
        self._cast = cast
        self._follows = [
            Follow(
                tools.engine,
                options.motion,
                face,
                cast.play(face, options.motion, options.faces.face),
                cast.frames,
            )
            for face in source.faces
        ]
        super().__init__(tools.engine, source, self._follows, options, watch)

    @property
    def rate(self) -> Fraction | None:
        """Frames a second of the result; None for a single picture."""
        return self._cast.rate

    def remarks(self) -> Iterator[str]:
        """The warnings, with those about the drivings."""
        layout, motion = self._engine.layout.name, self.options.motion
        drivings = [driving for _, driving in self._cast.drivings]
        yield from super().remarks()
        yield from (line for driving in drivings for line in driving.warnings)
        idle = (why_idle(one, layout, motion) for follow in self._follows for one in follow.played)
        yield from (line for line in idle if line)
        yield from (
            f"{driving.path} was made by the {driving.engine} engine; "
            "of its motion the head pose and the openness of eyes and lips are used"
            for driving in drivings
            if driving.layout != layout
        )

    @property
    def template(self) -> Template | None:
        """The driving's motion; of several that of the first face as they drive it."""
        if len(self._cast.drivings) == 1:
            return self._cast.drivings[0][1].template
        return self.as_template(self._follows[0].motion)

    @property
    def sound(self) -> tuple[Sound, ...]:
        """The drivings in the order in which their sound is wanted: first those that move lips."""
        played = [one for follow in self._follows for one in follow.played]
        speaking = [(one.given, one.driving) for one in played if one.wanted["lip"]]
        heard = [item for item in (*speaking, *self._cast.drivings) if item[1].kind != "template"]
        return tuple(dict.fromkeys(Sound(given.path, given.delay_seconds, driving.trim) for given, driving in heard))

    @cached_property
    def reel(self) -> Reel:
        """The picture of the first driving that has one, and for each face that of the driving that moves its lips."""
        speaking = [_speaking(follow.played) for follow in self._follows]
        drivings = self._cast.drivings
        given, driving = next((item for item in drivings if item[1].has_pixels), drivings[0])
        first = driving, self._cast.timing(given, driving)
        pairs = [(one.driving, one.timing) if one is not None else None for one in speaking]
        streams = list(dict.fromkeys([first, *(pair for pair in pairs if pair is not None)]))
        return Reel(
            self.frames,
            [Driver(streams.index(pair), _followed(pair[1])) if pair is not None else None for pair in pairs],
            [driving.footage(timing.schedule) for driving, timing in streams],
        )


def _followed(timing: Timing) -> Sequence[bool]:
    return Computed(lambda i: timing.share(i) > 0, timing.frames)


def _speaking(played: Sequence[Played]) -> Played | None:
    """The driving that moves the lips of a face, or its only one."""
    return played[0] if len(played) == 1 else next((one for one in played if one.wanted["lip"]), None)
