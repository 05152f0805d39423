"""The options of a job as keywords, so that editors complete them and type checkers know them.

Written by scripts/keywords.py from the records of `openportrait.options` (`make options`); changes belong there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from openportrait.files import AnyPath
from openportrait.options import Audio, DrivingOption, EngineName, FaceEdit, Length, NeutralFrame, Precision


class AnimatorOptions(TypedDict, total=False):
    """Options of an `Animator`."""

    engine: EngineName
    """mesh needs no download, neural is the published model; auto is neural where its weights are."""
    device: str
    """auto, cpu, cuda, cuda:1, mps or xpu (neural engine)."""
    precision: Precision
    """Number type of the networks (neural engine)."""
    weights: AnyPath | None
    """Folder with the trained weights (neural engine)."""
    max_crop: int
    """Largest face crop in pixels that is animated unscaled (mesh engine)."""


class DrivingOptions(TypedDict, total=False):
    """Options with which a driving is measured."""

    driving_face: str
    """Face of the driving, chosen the same way (one face)."""
    detection_threshold: float
    """How sure the detector must be; lower finds more."""
    bridge_seconds: float
    """A face lost for at most this long is bridged by interpolation."""
    driving_start: float
    """Second of a driving clip, template or sound from which on it is used."""
    driving_end: float | None
    """Second of a driving at which its use ends; none: its end."""
    crop_driving: bool
    """Cut the face out of the driving; always done when its frames are not square."""
    max_gigapixels: float
    """Most that may be decoded of a source or driving, all frames together: 500 are two hours of 1920 × 1080. Animated
    pictures count 20-fold."""
    driving_scale: float
    """Side of the driving crop over the face's size."""
    driving_shift_x: float
    """Driving crop moved sideways, in sides of the crop."""
    driving_shift_y: float
    """Driving crop moved down, in sides of the crop."""
    speech_rate: float
    """Pictures a second of a portrait that speaks a sound."""
    liveliness: float
    """How much a face that speaks a sound blinks and moves its head; 0 keeps both still."""
    seed: int
    """Of the blinks and head movements: the same gives the same."""
    keep_partial: bool
    """Keep what was rendered when the input breaks off late."""


class EditOptions(TypedDict, total=False):
    """Options of an edit of a portrait that is analysed already."""

    neutralise: str | Mapping[str, float]
    """Regions whose own expression is taken away first, wholly or in part: exp, or lip=0.5."""
    stitching: bool
    """Keep shoulders and border in place."""
    audio: Audio
    """Whose sound the result carries; the other's where that one is silent."""
    quality: int
    """Picture quality of the encoder, 0 to 100."""
    side_by_side: bool
    """Also write driving, source and result in one strip, small faces close up."""
    save_template: bool
    """Also write the driving's motion as a template."""
    provenance: bool
    """State in the file, for people and programs, that it is synthetic."""
    overwrite: bool
    """Let numbered pictures replace files that no earlier result wrote; never an input."""
    workers: int | None
    """Processes that render a longer clip of a still portrait (mesh engine); left out: one for each core."""


class MoveOptions(EditOptions, total=False):
    """Options of a portrait, analysed already, that is driven."""

    region: str
    """What moves: all, exp, pose, lip or eyes; parts of them are turn, place, size, brows, lids, gaze, rest. Several:
    eyes,lip or all-lip."""
    strength: str | Mapping[str, float]
    """How strongly regions move, 0 to 3, 1 as the driving does: lip=1.3,pose=0.5."""
    relative: bool
    """Add the driving's change since its neutral frame; off: take its motion as it is."""
    driving_option: DrivingOption
    """expression-friendly adapts the strength of a clip to the portrait; pose-friendly does not."""
    multiplier: float
    """Strength of the whole motion."""
    smoothing: float
    """Observation variance of the smoothing for video on video; larger is smoother, 0 is off."""
    normalize_lip: bool
    """Close the source's lips before the motion is added."""
    eye_retargeting: bool
    """Move the eyes by the driving's openness alone."""
    lip_retargeting: bool
    """Move the lips by the driving's openness alone."""
    source_eye_retargeting: bool
    """Keep the eyes of a source video as open as at its start."""
    neutral_frame: NeutralFrame
    """Frame of the driving that counts as at rest: the first, or the most neutral one."""
    stabilise: bool
    """Lock the size of the head, against a breathing zoom."""
    length: Length
    """How long a result with several drivings is: as the first one that moves, or as the longest."""
    edit: str | Mapping[str, float] | FaceEdit
    """Sliders of the editor that are added to the motion: smile=0.5,wink=10."""


class CallOptions(MoveOptions, DrivingOptions, total=False):
    """All options of a job but those of its `Animator`."""

    face: str
    """Face of the source: largest, smallest, left, right, top, bottom, centre, all, or a number from 0; several with
    commas between."""
    source_start: float
    """Second of a source clip from which on it is used."""
    source_end: float | None
    """Second of a source clip at which its use ends; none: its end."""
    crop_source: bool
    """Cut the face out of the source; off: the source is a face crop already."""
    paste_back: bool
    """Put the animated face back into the whole picture."""
    max_size: int
    """Longer side to which a larger source is reduced, pixels; 0 keeps its size, and takes more memory."""
    source_scale: float
    """Side of the source crop over the face's size."""
    source_shift_x: float
    """Source crop moved sideways, in sides of the crop."""
    source_shift_y: float
    """Source crop moved down, in sides of the crop."""
    background: str
    """What is behind the person: keep, transparent, a colour (#rrggbb or a name), or a picture's path."""
    sign: bool
    """Sign the result: content credentials (C2PA) say what made it, and from what (extra provenance)."""
    certificate: AnyPath | None
    """Certificate chain that signs, PEM; left out: one made here, for which nobody vouches."""
    certificate_key: AnyPath | None
    """Private key of that certificate, PEM."""


class JobOptions(AnimatorOptions, CallOptions, total=False):
    """All options of a job; those left out have their defaults."""
