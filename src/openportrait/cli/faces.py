"""`openportrait faces`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Doc

from openportrait import leaving
from openportrait.cli.console import emit, emit_json, say
from openportrait.cli.flags import AsJson, Positional, Values, flags
from openportrait.errors import NoFaceError
from openportrait.options import FaceOptions

if TYPE_CHECKING:
    from openportrait.records import Face, Image


@dataclass(frozen=True, kw_only=True)
class Faces:
    """List the faces of a picture, or of the first frame of a video.

    The number in front of each is what --face of `openportrait animate` takes.
    """

    path: Annotated[Path, Positional, Doc("A picture, a video or a folder of frames.")]
    draw: Annotated[
        Path | None,
        Doc("Also write the picture with the faces drawn in."),
    ] = None
    json: AsJson = False
    faces: Annotated[Values, flags(FaceOptions, only=("detection_threshold",))]

    def run(self) -> None:
        """Find, list and draw."""
        from openportrait.faces import FaceFinder
        from openportrait.media import check_file, picture_kind, write_image
        from openportrait.pipeline.preview import list_faces

        options = FaceOptions(**self.faces)
        if self.draw is not None:
            picture_kind(self.draw)
            check_file(self.draw, [self.path])
        found = list_faces(self.path, FaceFinder(options.detection_threshold))
        if not found.faces:
            raise NoFaceError(
                f"no face in {self.path}; lower --detection-threshold (now {options.detection_threshold:g})"
            )
        if self.draw is not None:
            with leaving.orderly():
                write_image(self.draw, drawn(found.image, found.faces))
            say(f"drawn: {self.draw}")
        rows = found.rows()
        if self.json:
            emit_json({"path": str(self.path), "width": found.width, "height": found.height, "faces": rows})
        else:
            emit("number  score   left    top  right bottom")
            for row in rows:
                box = " ".join(f"{edge:6.0f}" for edge in row["box"])
                emit(f"{row['number']:6d}  {row['score']:5.2f} {box}")


def drawn(image: Image, faces: Sequence[Face]) -> Image:
    """The picture with a numbered box and the landmarks of each face."""
    import cv2

    canvas = image.copy()
    line = max(1, round(max(image.shape[:2]) / 600))
    for number, face in enumerate(faces):
        left, top, right, bottom = (round(edge) for edge in face.box)
        for x, y in face.landmarks[:, :2]:
            cv2.circle(canvas, (round(float(x)), round(float(y))), line, (0, 255, 160), -1, cv2.LINE_AA)
        cv2.rectangle(canvas, (left, top), (right, bottom), (255, 220, 0), 2 * line, cv2.LINE_AA)
        corner = (left + 4 * line, max(top - 6 * line, 24 * line))
        cv2.putText(canvas, str(number), corner, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * line, (255, 220, 0), 2 * line)
    return canvas
