"""Finding, following, choosing and cutting out faces."""

from openportrait.faces.choose import (
    CHOICES,
    Size,
    check_choice,
    choose,
    described,
    is_choice,
    is_small,
    names_of,
    single_choices,
    size_of,
)
from openportrait.faces.crop import Box, clip_box, crop_box, crop_face, crop_from_image, face_box, whole_crop
from openportrait.faces.finder import FaceFinder, FaceNetworks, Refine
from openportrait.faces.landmarks import CanonicalFace, canonical_face, ratios, ratios_203
from openportrait.faces.track import LiveFace, LiveTracker, Track, track

__all__ = [
    "CHOICES",
    "Box",
    "CanonicalFace",
    "FaceFinder",
    "FaceNetworks",
    "LiveFace",
    "LiveTracker",
    "Refine",
    "Size",
    "Track",
    "canonical_face",
    "check_choice",
    "choose",
    "clip_box",
    "crop_box",
    "crop_face",
    "crop_from_image",
    "described",
    "face_box",
    "is_choice",
    "is_small",
    "names_of",
    "ratios",
    "ratios_203",
    "single_choices",
    "size_of",
    "track",
    "whole_crop",
]
