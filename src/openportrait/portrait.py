"""A portrait that is analysed once, and then moved and edited as often as wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from types import TracebackType
from typing import Any, Self, Unpack, overload

from openportrait.arguments import named, named_in_errors
from openportrait.calls import Call, call
from openportrait.drivings import AnyDrivings
from openportrait.errors import OptionError
from openportrait.expressions import Timeline
from openportrait.files import AnyPath
from openportrait.keywords import CallOptions, EditOptions, MoveOptions
from openportrait.media import Inputs
from openportrait.notebook import png
from openportrait.options import Options, RetargetOptions
from openportrait.pipeline import CancelCheck, Job, ProgressCallback, Tools
from openportrait.pipeline.live import LiveSession
from openportrait.pipeline.source import Opened, open_source_clip
from openportrait.records import Face, FaceEdit, Image, Result

_CHOSEN_BEFORE = CallOptions.__optional_keys__ - MoveOptions.__optional_keys__


class Portrait:
    """A picture or clip whose faces are found and measured: `Animator.portrait` makes it.

    Several threads may use it at once. The options with which it was made hold for all that it does; those of motion
    and output may be chosen anew in each call. A source that was given in memory lies in a temporary file, which is
    gone with this object, or when it is closed.
    """

    def __init__(self, opened: Opened, tools: Tools, options: Mapping[str, Any], inputs: Inputs) -> None:
        """`options`: the flat names with which it was analysed."""
        self._opened = opened
        self._tools = tools
        self._options = dict(options)
        self._inputs = inputs

    @property
    def faces(self) -> tuple[Face, ...]:
        """The animated faces, as each lies in the first frame that shows it, px of the source (at its `max_size`)."""
        return self._opened.seen

    @property
    def frames(self) -> int:
        """Pictures of the source: 1, or more of a clip."""
        return len(self._opened.faces[0].motions)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of it."""
        return tuple(named(self._inputs.named(line)) for line in self._opened.warnings)

    def animate(
        self,
        driving: AnyDrivings,
        output: AnyPath | None = None,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[MoveOptions],
    ) -> Result:
        """Move it like `driving`: as `Animator.animate`."""
        with self._call(options, progress, cancel) as made:
            return made.animate(self._opened, driving, output)

    @contextmanager
    def stream(
        self,
        driving: AnyDrivings,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[MoveOptions],
    ) -> Iterator[Job]:
        """The same picture by picture: as `Animator.stream`."""
        with self._call(options, progress, cancel) as made, closing(made.job(self._opened, driving)) as job:
            yield job

    @overload
    def edit(self, wanted: FaceEdit, output: None = None, **options: Unpack[EditOptions]) -> Image: ...

    @overload
    def edit(self, wanted: FaceEdit, output: AnyPath, **options: Unpack[EditOptions]) -> Result: ...

    def edit(self, wanted: FaceEdit, output: AnyPath | None = None, **options: Unpack[EditOptions]) -> Image | Result:
        """Change expression and pose by sliders. Without an output: (H, W, 3), with transparency (H, W, 4).

        The crop is the portrait's; that of `Animator.edit` is wider (`portrait(source, source_scale=2.5)`).
        Raises OptionError for a clip without an output: `perform` gives its pictures.
        """
        if output is not None:
            return self.perform(wanted, output, **options)
        with named_in_errors():
            if self.frames > 1:
                raise OptionError("the portrait is a clip; give an output, or take the pictures of perform")
        return self.perform(wanted, **options).image

    def perform(
        self,
        wanted: FaceEdit | Timeline,
        output: AnyPath | None = None,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[EditOptions],
    ) -> Result:
        """Play a timeline of expressions, or have one expression in every picture: as `Animator.edit`."""
        with self._call(options, progress, cancel) as made:
            return made.edit(self._opened, wanted, output)

    def retarget(
        self,
        wanted: RetargetOptions,
        output: AnyPath | None = None,
        *,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
        **options: Unpack[EditOptions],
    ) -> Result:
        """Change how open eyes and lips of a clip are: as `Animator.retarget`."""
        with self._call(options, progress, cancel) as made:
            return made.retarget(self._opened, wanted, output)

    def live(self, **options: Unpack[MoveOptions]) -> LiveSession:
        """Follow a camera: `live.drive(frame, seconds)`, then, gives a picture. Raises OptionError for a clip."""
        with self._call(options) as made:
            return LiveSession(self._opened, made.options, self._tools)

    def close(self) -> None:
        """Remove the temporary file of a source that was given in memory."""
        self._inputs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repr_png_(self) -> bytes:
        """How a notebook shows it: the first picture."""
        with open_source_clip(self._opened.path, Options.of(**self._options)) as clip:
            frame = next(iter(clip))
        return png(frame.image, frame.alpha)

    def _call(
        self,
        options: Mapping[str, Any],
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
    ) -> AbstractContextManager[Call]:
        for name in options:
            if name in _CHOSEN_BEFORE:
                raise OptionError(f"{name} is chosen when the portrait is analysed; give it to Animator.portrait")
        return call(self._tools, {**self._options, **options}, progress, cancel, self._inputs)
