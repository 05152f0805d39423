"""Pictures and clips, read and written as streams."""

from openportrait.media.clip import Clip, open_clip, probe
from openportrait.media.inputs import AnyInput, Frames, Inputs, picture_of
from openportrait.media.sound import Samples, Sound
from openportrait.media.stills import picture_kind, read_image, write_image
from openportrait.media.target import check_file, together
from openportrait.media.timing import Mark
from openportrait.media.writer import (
    Writer,
    check_output,
    check_suffix,
    check_transparency,
    is_picture,
    is_sequence,
    open_writer,
)

__all__ = [
    "AnyInput",
    "Clip",
    "Frames",
    "Inputs",
    "Mark",
    "Samples",
    "Sound",
    "Writer",
    "check_file",
    "check_output",
    "check_suffix",
    "check_transparency",
    "is_picture",
    "is_sequence",
    "open_clip",
    "open_writer",
    "picture_kind",
    "picture_of",
    "probe",
    "read_image",
    "together",
    "write_image",
]
