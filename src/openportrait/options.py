"""Every option of the product, stated once: default, help, range (`openportrait.checked`).

The command line, the web controls and the documentation are made from these records.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_type_hints

from typing_extensions import Doc

from openportrait.bounds import named, shown
from openportrait.checked import Checked, Range, Written
from openportrait.checked import OptionSpec as OptionSpec
from openportrait.checked import specs as specs
from openportrait.errors import OptionError
from openportrait.regions import Wanted, neutral_text, region_text, strength_text, strengths_of
from openportrait.trim import Trim

EngineName = Literal["auto", "mesh", "neural"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
DrivingOption = Literal["expression-friendly", "pose-friendly"]
NeutralFrame = Literal["first", "auto"]
Length = Literal["base", "longest"]
Audio = Literal["driving", "source", "none"]
Pair = Literal["cross", "name"]
"""Of two folders of a batch: each source with each driving, or those of the same name."""
MOST_WORKERS = 256
"""Processes of a batch: more than one machine has cores for."""
MOST_SEED = 2**32 - 1
"""The largest seed: 32 bits."""
MOST_RETRIES, RETRIES = 100, 1
"""How often a failed job of a batch may be begun again, and is."""


_ADDRESS = re.compile(r"([\w.-]{1,253}|\[[0-9a-fA-F:]{2,39}\]):\d{1,5}", re.ASCII)
"""Of a cluster: the name or number of a machine, and a port."""
LONGEST_SECONDS = 86_400
"""Of a clip or sound: a day. A part of it begins no later."""
MOST_EDIT_TEXT = 1000
"""Characters: every slider with a number takes less."""
BACKGROUND_KEPT, BACKGROUND_TRANSPARENT = "keep", "transparent"


def cluster_text(given: Any) -> str:
    """The address of a cluster. Raises ValueError for any other text."""
    if not isinstance(given, str) or not (given == "auto" or _ADDRESS.fullmatch(given)):
        raise ValueError(f"{shown(given)} is no address of a cluster; give auto or HOST:PORT")
    return given


@dataclass(frozen=True)
class EngineOptions(Checked):
    """The engine that computes the picture."""

    engine: Annotated[
        EngineName, Doc("mesh needs no download, neural is the published model; auto is neural where its weights are.")
    ] = "auto"
    device: Annotated[str, Doc("auto, cpu, cuda, cuda:1, mps or xpu (neural engine).")] = "auto"
    precision: Annotated[Precision, Doc("Number type of the networks (neural engine).")] = "auto"
    weights: Annotated[Path | None, Doc("Folder with the trained weights (neural engine).")] = None
    max_crop: Annotated[
        int, Range(256, 4096), Doc("Largest face crop in pixels that is animated unscaled (mesh engine).")
    ] = 1024


@dataclass(frozen=True)
class ClusterOptions(Checked):
    """The cluster on which jobs are done, and how."""

    cluster: Annotated[
        str | None,
        Written(cluster_text),
        Doc("Ray cluster that does the jobs: auto (the one this machine belongs to) or HOST:PORT."),
    ] = None
    worker_cpus: Annotated[float, Range(0.1, 1024), Doc("Cores that each worker on the cluster takes.")] = 1.0
    worker_gpus: Annotated[
        float, Range(0, 64), Doc("GPUs that each worker on the cluster takes: 0.25 lets four share one.")
    ] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("worker_cpus", "worker_gpus"):
            value = getattr(self, name)
            if value > 1 and value % 1:
                raise OptionError(f"--{name.replace('_', '-')} is {value}; above 1 a whole number is due")


@dataclass(frozen=True)
class FaceOptions(Checked):
    """Which face, and how it is found."""

    face: Annotated[
        str,
        Doc(
            "Face of the source: largest, smallest, left, right, top, bottom, centre, all, or a number from 0; "
            "several with commas between."
        ),
    ] = "largest"
    driving_face: Annotated[str, Doc("Face of the driving, chosen the same way (one face).")] = "largest"
    detection_threshold: Annotated[
        float, Range(0.05, 0.99), Doc("How sure the detector must be; lower finds more.")
    ] = 0.5
    bridge_seconds: Annotated[
        float, Range(0, 10), Doc("A face lost for at most this long is bridged by interpolation.")
    ] = 1.0


@dataclass(frozen=True)
class TrimOptions(Checked):
    """Which part of a clip or sound is used."""

    source_start: Annotated[
        float, Range(0, LONGEST_SECONDS), Doc("Second of a source clip from which on it is used.")
    ] = 0.0
    source_end: Annotated[
        float | None, Range(0, LONGEST_SECONDS), Doc("Second of a source clip at which its use ends; none: its end.")
    ] = None
    driving_start: Annotated[
        float, Range(0, LONGEST_SECONDS), Doc("Second of a driving clip, template or sound from which on it is used.")
    ] = 0.0
    driving_end: Annotated[
        float | None, Range(0, LONGEST_SECONDS), Doc("Second of a driving at which its use ends; none: its end.")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("source", "driving"):
            check_order(
                getattr(self, f"{name}_start"), getattr(self, f"{name}_end"), f"--{name}-start", f"--{name}-end"
            )

    @property
    def source(self) -> Trim:
        """The part of the source."""
        return Trim.of(self.source_start, self.source_end)

    @property
    def driving(self) -> Trim:
        """The part of each driving that has none of its own."""
        return Trim.of(self.driving_start, self.driving_end)


def check_order(start: float | None, end: float | None, start_name: str, end_name: str) -> None:
    """Raise OptionError where a part ends before it has begun."""
    if end is not None and end <= (start or 0):
        raise OptionError(f"{end_name} is {end:g} and {start_name} {start or 0:g}; give an end behind the start")


@dataclass(frozen=True)
class CropOptions(Checked):
    """How source and driving are cropped, and whether the result is pasted back."""

    crop_source: Annotated[bool, Doc("Cut the face out of the source; off: the source is a face crop already.")] = True
    crop_driving: Annotated[
        bool, Doc("Cut the face out of the driving; always done when its frames are not square.")
    ] = False
    paste_back: Annotated[bool, Doc("Put the animated face back into the whole picture.")] = True
    max_size: Annotated[
        int,
        Range(0, 16384),
        Doc("Longer side to which a larger source is reduced, pixels; 0 keeps its size, and takes more memory."),
    ] = 1920
    max_gigapixels: Annotated[
        float,
        Range(1, 1_000_000),
        Doc(
            "Most that may be decoded of a source or driving, all frames together: 500 are two hours of 1920 × 1080. "
            "Animated pictures count 20-fold."
        ),
    ] = 500.0
    source_scale: Annotated[float, Range(1.0, 6.0), Doc("Side of the source crop over the face's size.")] = 2.3
    source_shift_x: Annotated[float, Range(-1, 1), Doc("Source crop moved sideways, in sides of the crop.")] = 0.0
    source_shift_y: Annotated[float, Range(-1, 1), Doc("Source crop moved down, in sides of the crop.")] = -0.125
    driving_scale: Annotated[float, Range(1.0, 6.0), Doc("Side of the driving crop over the face's size.")] = 2.2
    driving_shift_x: Annotated[float, Range(-1, 1), Doc("Driving crop moved sideways, in sides of the crop.")] = 0.0
    driving_shift_y: Annotated[float, Range(-1, 1), Doc("Driving crop moved down, in sides of the crop.")] = -0.1


@dataclass(frozen=True)
class FaceEdit(Checked):
    """Sliders of the portrait editor, in the released interface's units; at their defaults they change nothing."""

    # SPEC §10
    smile: Annotated[float, Range(-0.3, 1.3), Doc("Corners of the mouth up, or down.")] = 0.0
    wink: Annotated[float, Range(0, 39), Doc("Shut the eye on the picture's left.")] = 0.0
    eyebrow: Annotated[float, Range(-30, 30), Doc("Raise the brows, or frown.")] = 0.0
    gaze_x: Annotated[float, Range(-30, 30), Doc("Look sideways.")] = 0.0
    gaze_y: Annotated[float, Range(-63, 63), Doc("Look up or down.")] = 0.0
    pouting: Annotated[float, Range(-0.09, 0.09), Doc("Mouth to one side.")] = 0.0
    pursing: Annotated[float, Range(-20, 15), Doc("Purse the lips, or stretch them.")] = 0.0
    grin: Annotated[float, Range(0, 15), Doc("Show the teeth.")] = 0.0
    lip_open: Annotated[float, Range(-90, 120), Doc("Close or open the lips.")] = 0.0
    move_x: Annotated[float, Range(-0.19, 0.19), Doc("Move the face sideways.")] = 0.0
    move_y: Annotated[float, Range(-0.19, 0.19), Doc("Move the face up or down.")] = 0.0
    move_z: Annotated[float, Range(0.9, 1.2), Doc("Size of the face; 1 keeps it.")] = 1.0
    pitch_degrees: Annotated[float, Range(-15, 15), Doc("Nod, degrees.")] = 0.0
    yaw_degrees: Annotated[float, Range(-25, 25), Doc("Turn the head, degrees.")] = 0.0
    roll_degrees: Annotated[float, Range(-15, 15), Doc("Tilt the head, degrees.")] = 0.0
    # One side alone, added to the slider of both; left and right as in the picture.
    smile_left: Annotated[float, Range(-0.3, 1.3), Doc("The left corner of the mouth up, or down.")] = 0.0
    smile_right: Annotated[float, Range(-0.3, 1.3), Doc("The right corner of the mouth up, or down.")] = 0.0
    wink_left: Annotated[float, Range(0, 39), Doc("Shut the left eye, as wink does.")] = 0.0
    wink_right: Annotated[float, Range(0, 39), Doc("Shut the right eye.")] = 0.0
    eyebrow_left: Annotated[float, Range(-30, 30), Doc("Raise the left brow, or frown with it.")] = 0.0
    eyebrow_right: Annotated[float, Range(-30, 30), Doc("Raise the right brow, or frown with it.")] = 0.0
    eye_ratio: Annotated[float | None, Range(0, 0.8), Doc("How open the eyes are; none keeps the source's.")] = None
    lip_ratio: Annotated[float | None, Range(0, 0.8), Doc("How open the lips are; none keeps the source's.")] = None


def sliders_of(text: str) -> dict[str, float]:
    """Slider → value, of `smile=0.5,wink=10`. Raises ValueError for an unknown slider or what is no number."""
    found: dict[str, float] = {}
    known = [spec.name for spec in specs(FaceEdit)]
    for item in filter(None, (item.strip() for item in text.split(","))):
        name, _, value = (part.strip() for part in item.partition("="))
        name = name.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name[:100], known, 1)
            hint = f"perhaps {near[0]} is meant" if near else f"known are {', '.join(known)}"
            raise ValueError(f"there is no slider {named(name)}; {hint}")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise ValueError(f"{name} is {shown(value)}; give a number") from error
    return found


def edit_text(given: Any) -> str:
    """Sliders as they are kept: a text as it was given, a mapping or a `FaceEdit` as a text.

    Raises ValueError as `sliders_of`, and for a value that the slider cannot have.
    """
    if isinstance(given, FaceEdit):
        given = {spec.name: value for spec in specs(FaceEdit) if (value := getattr(given, spec.name)) != spec.default}
    if isinstance(given, Mapping):
        given = ",".join(f"{name}={value}" for name, value in given.items())
    if not isinstance(given, str) or len(given) > MOST_EDIT_TEXT:
        raise ValueError(f"{shown(given)} are no sliders; give a text such as smile=0.5,wink=10")
    try:
        FaceEdit(**sliders_of(given))
    except OptionError as error:
        raise ValueError(str(error).removeprefix("--")) from error
    return "".join(given.split())


@dataclass(frozen=True)
class MotionOptions(Checked):
    """What moves, and how."""

    region: Annotated[
        str,
        Written(region_text),
        Doc(
            "What moves: all, exp, pose, lip or eyes; parts of them are turn, place, size, brows, lids, gaze, rest. "
            "Several: eyes,lip or all-lip."
        ),
    ] = "all"
    strength: Annotated[
        str | Mapping[str, float],
        Written(strength_text),
        Doc("How strongly regions move, 0 to 3, 1 as the driving does: lip=1.3,pose=0.5."),
    ] = ""
    neutralise: Annotated[
        str | Mapping[str, float],
        Written(neutral_text),
        Doc("Regions whose own expression is taken away first, wholly or in part: exp, or lip=0.5."),
    ] = ""
    relative: Annotated[
        bool, Doc("Add the driving's change since its neutral frame; off: take its motion as it is.")
    ] = True
    stitching: Annotated[bool, Doc("Keep shoulders and border in place.")] = True
    driving_option: Annotated[
        DrivingOption, Doc("expression-friendly adapts the strength of a clip to the portrait; pose-friendly does not.")
    ] = "expression-friendly"
    multiplier: Annotated[float, Range(0, 5), Doc("Strength of the whole motion.")] = 1.0
    smoothing: Annotated[
        float,
        Range(0, 1),
        Doc("Observation variance of the smoothing for video on video; larger is smoother, 0 is off."),
    ] = 3e-7
    normalize_lip: Annotated[bool, Doc("Close the source's lips before the motion is added.")] = False
    eye_retargeting: Annotated[bool, Doc("Move the eyes by the driving's openness alone.")] = False
    lip_retargeting: Annotated[bool, Doc("Move the lips by the driving's openness alone.")] = False
    source_eye_retargeting: Annotated[bool, Doc("Keep the eyes of a source video as open as at its start.")] = False
    neutral_frame: Annotated[
        NeutralFrame, Doc("Frame of the driving that counts as at rest: the first, or the most neutral one.")
    ] = "first"
    stabilise: Annotated[bool, Doc("Lock the size of the head, against a breathing zoom.")] = False
    length: Annotated[
        Length, Doc("How long a result with several drivings is: as the first one that moves, or as the longest.")
    ] = "base"
    edit: Annotated[
        str | Mapping[str, float] | FaceEdit,
        Written(edit_text),
        Doc("Sliders of the editor that are added to the motion: smile=0.5,wink=10."),
    ] = ""

    @property
    def wanted(self) -> Wanted:
        """How strongly each part of the face follows a single driving."""
        return Wanted.of(self.region, str(self.strength))

    @property
    def neutralised(self) -> Mapping[str, float]:
        """Part → how much of the source's own expression is taken away, 0 to 1."""
        return strengths_of(str(self.neutralise), 1.0)

    @property
    def added(self) -> FaceEdit:
        """The sliders that are added."""
        return FaceEdit(**sliders_of(str(self.edit)))


@dataclass(frozen=True)
class SpeechOptions(Checked):
    """How a face speaks whose driving is a sound."""

    speech_rate: Annotated[float, Range(1, 120), Doc("Pictures a second of a portrait that speaks a sound.")] = 25.0
    liveliness: Annotated[
        float, Range(0, 2), Doc("How much a face that speaks a sound blinks and moves its head; 0 keeps both still.")
    ] = 1.0
    seed: Annotated[int, Range(0, MOST_SEED), Doc("Of the blinks and head movements: the same gives the same.")] = 0


@dataclass(frozen=True)
class OutputOptions(Checked):
    """What is written."""

    audio: Annotated[Audio, Doc("Whose sound the result carries; the other's where that one is silent.")] = "driving"
    quality: Annotated[int, Range(0, 100), Doc("Picture quality of the encoder, 0 to 100.")] = 75
    background: Annotated[
        str,
        Doc("What is behind the person: keep, transparent, a colour (#rrggbb or a name), or a picture's path."),
    ] = BACKGROUND_KEPT
    side_by_side: Annotated[bool, Doc("Also write driving, source and result in one strip, small faces close up.")] = (
        False
    )
    save_template: Annotated[bool, Doc("Also write the driving's motion as a template.")] = False
    provenance: Annotated[bool, Doc("State in the file, for people and programs, that it is synthetic.")] = True
    keep_partial: Annotated[bool, Doc("Keep what was rendered when the input breaks off late.")] = False
    overwrite: Annotated[
        bool, Doc("Let numbered pictures replace files that no earlier result wrote; never an input.")
    ] = False


@dataclass(frozen=True)
class SigningOptions(Checked):
    """Whether a result is signed, and by whom."""

    sign: Annotated[
        bool, Doc("Sign the result: content credentials (C2PA) say what made it, and from what (extra provenance).")
    ] = False
    certificate: Annotated[
        Path | None, Doc("Certificate chain that signs, PEM; left out: one made here, for which nobody vouches.")
    ] = None
    certificate_key: Annotated[Path | None, Doc("Private key of that certificate, PEM.")] = None


@dataclass(frozen=True)
class RetargetOptions(Checked):
    """How open eyes and lips of a clip are made."""

    lip: Annotated[float | None, Range(0, 0.8), Doc("How open the lips are, height over width; 0 closes them.")] = None
    eyes: Annotated[float | None, Range(0, 0.8), Doc("How open the eyes are, height over width.")] = None
    silent: Annotated[bool, Doc("Keep the lips silent: the expression at rest, but for the eyes.")] = False
    close_lips_at_rest: Annotated[bool, Doc("Take away by how much the lips are open at rest.")] = False
    retarget_smoothing: Annotated[
        float, Range(0, 1), Doc("Observation variance of the smoothing over the clip; larger is smoother, 0 is off.")
    ] = 3e-6


@dataclass(frozen=True)
class RunOptions(Checked):
    """How a job is run. The result does not depend on it: jobs that differ only here are the same."""

    workers: Annotated[
        int | None,
        Range(1, MOST_WORKERS),
        Doc("Processes that render a longer clip of a still portrait (mesh engine); left out: one for each core."),
    ] = None


@dataclass(frozen=True)
class LiveOptions(Checked):
    """What a live portrait follows, and where it is shown."""

    camera: Annotated[
        str, Doc("Number of the camera, its device such as /dev/video0, or a clip that is played in its place.")
    ] = "0"
    mirror: Annotated[bool, Doc("Take the camera's picture as a mirror shows it.")] = False
    preview: Annotated[bool, Doc("Show the portrait in a window.")] = True
    virtual_camera: Annotated[
        bool, Doc("Send the portrait to a virtual camera, for video calls; pyvirtualcam must be installed.")
    ] = False


LIVE_SIZE = 512
"""Longer side in px to which a portrait that follows a camera is reduced, and of its face crop, if nothing is said."""
OF_CLIPS = ("smoothing", "source_eye_retargeting", "neutral_frame", "length")
"""The motion options that count only where a clip is known to its end."""
EDIT_SCALE = 2.5
"""Source crop of the editor (SPEC §10), where the main job has 2.3."""
OF_A_SOURCE = (
    "crop_source",
    "paste_back",
    "max_size",
    "max_gigapixels",
    "source_scale",
    "source_shift_x",
    "source_shift_y",
)
"""The crop options of a job without a driving."""


OF_A_SOURCE_CLIP = ("source_start", "source_end")
"""Which part of the source is used, of a job without a driving."""
OF_A_DRIVING = (
    "driving_start",
    "driving_end",
    "driving_face",
    "detection_threshold",
    "bridge_seconds",
    "crop_driving",
    "max_gigapixels",
    "driving_scale",
    "driving_shift_x",
    "driving_shift_y",
    "keep_partial",
    "speech_rate",
    "liveliness",
    "seed",
)
"""The options that count when a driving is measured."""
OF_AN_EDIT = (
    *("stitching", "neutralise", "audio", "quality", "side_by_side", "save_template", "provenance", "overwrite"),
    "workers",
)
"""Those that count when a source that is analysed already is edited; when it is driven, also all of motion."""


@dataclass(frozen=True)
class Options:
    """All options of a job."""

    engine: EngineOptions = field(default_factory=EngineOptions)
    faces: FaceOptions = field(default_factory=FaceOptions)
    trim: TrimOptions = field(default_factory=TrimOptions)
    crop: CropOptions = field(default_factory=CropOptions)
    motion: MotionOptions = field(default_factory=MotionOptions)
    speech: SpeechOptions = field(default_factory=SpeechOptions)
    output: OutputOptions = field(default_factory=OutputOptions)
    signing: SigningOptions = field(default_factory=SigningOptions)
    run: RunOptions = field(default_factory=RunOptions)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """From flat names: `Options.of(region="lip", face="left")`.

        Raises OptionError for an unknown name, with the nearest known one.
        """
        groups = _groups()
        owner = {spec.name: group for group, record in groups.items() for spec in specs(record)}
        for name in values:
            if name not in owner:
                near = difflib.get_close_matches(name[:100], owner, 1)
                hint = f"; did you mean {near[0]}?" if near else "; choose one that docs/OPTIONS.md lists"
                raise OptionError(f"there is no option {named(name)}{hint}")
        return cls(
            **{
                group: record(**{name: value for name, value in values.items() if owner[name] == group})
                for group, record in groups.items()
            }
        )

    def values(self) -> dict[str, Any]:
        """The flat names again, with the value of each; without those that change nothing of the result."""
        return {
            spec.name: getattr(getattr(self, group), spec.name)
            for group, record in _groups().items()
            if record is not RunOptions
            for spec in specs(record)
        }


def _groups() -> dict[str, type]:
    """The records that options are made of, by the names of their fields."""
    return {item.name: get_type_hints(Options)[item.name] for item in fields(Options)}


@cache
def job_specs() -> Mapping[str, OptionSpec]:
    """Every option of a job by its flat name, but for those of how it is run."""
    return {spec.name: spec for record in _groups().values() if record is not RunOptions for spec in specs(record)}
