"""Motion templates: our own small format (docs/TEMPLATES.md), and the released project's, read safely."""

from __future__ import annotations

from pathlib import Path

from openportrait.errors import MediaError, TemplateError
from openportrait.files import AnyPath, open_plain, read_start, told
from openportrait.layouts import keypoint_set
from openportrait.media.target import Target
from openportrait.motion import PackedMotions
from openportrait.motion.packed import check_motions
from openportrait.motion_file import has_header, read_own, write_own
from openportrait.official import read_official, write_official
from openportrait.pickle_reader import MAX_BYTES
from openportrait.records import Template

SUFFIX = ".motion"
WANTED = f"a {SUFFIX} file or an official .pkl"


def is_template(path: Path) -> bool:
    """Whether a file is a motion template, ours or an official one.

    By content; by suffix where the content is another: so a damaged template is still called one. False for what is no
    plain file, or may not be read.
    """
    try:
        start = read_start(path, 2, WANTED)
        if _is_pickle(path, start) or path.suffix.lower() == SUFFIX:
            return True
        if start != b"PK":
            return False
        with open_plain(path, WANTED) as file:
            return has_header(file)
    except MediaError:
        return False


def load_template(path: AnyPath) -> Template:
    """Read a template of either kind.

    Raises MediaError: not there, no plain file, or not to be read. Raises TemplateError: damaged, too large,
    of a later version, unsafe, or with motion that no head has.
    """
    path = Path(path)
    start = read_start(path, 2, WANTED)
    if _is_pickle(path, start):
        return read_official(read_start(path, MAX_BYTES + 1, WANTED), str(path))
    if start != b"PK":
        raise TemplateError(f"{path} is no motion template; give {WANTED}")
    with open_plain(path, WANTED) as file:
        return read_own(file, str(path))


def save_template(path: AnyPath, template: Template) -> None:
    """Write our own format; the file appears complete or not at all.

    Raises MediaError where it cannot be written, TemplateError for what would not be read again: no frame or
    too many, or motion that no head has.
    """
    path = Path(path)
    motions = _checked(path, template)
    with Target(path) as target, target.guarded(), target.temporary.open("wb") as file:
        try:
            write_own(file, template, motions)
        except ValueError as error:
            raise _unwritable(path, error) from error


def export_official(path: AnyPath, template: Template) -> None:
    """Write a template of layout `liveportrait-21` as the released project's `.pkl`.

    Raises TemplateError as `save_template` and for another layout, MediaError where the file cannot be written.
    """
    path = Path(path)
    _checked(path, template)
    content = write_official(template, str(path))
    with Target(path) as target, target.guarded():
        target.temporary.write_bytes(content)


def _checked(path: Path, template: Template) -> PackedMotions:
    """Its motions, packed."""
    motions = template.motions if isinstance(template.motions, PackedMotions) else PackedMotions(template.motions)
    if not motions:
        raise TemplateError(f"{path} cannot be written: this clip has 0 frames; give one with a face")
    try:
        check_motions(motions, keypoint_set(template.layout, len(motions.canonicals[0])))
    except ValueError as error:
        raise _unwritable(path, error) from error
    return motions


def _unwritable(path: Path, error: ValueError) -> TemplateError:
    return TemplateError(f"{path} cannot be written as a template: {told(error)}; give another clip, or a part of it")


def _is_pickle(path: Path, start: bytes) -> bool:
    return start[:1] == b"\x80" or path.suffix.lower() in (".pkl", ".pickle")
