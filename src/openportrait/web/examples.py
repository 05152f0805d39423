"""The examples that come with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "assets" / "examples"
ROUTE = "/openportrait/examples"
"""Where the app serves them: what its description of the API has calls send."""
SENT = ("officer.jpg", "surprise.jpg")
"""Source and driving of such a call: two pictures, which take no time."""

_PAIRS = (
    ("officer.jpg", "talk.mp4", "Officer talks"),
    ("astronaut.jpg", "smile.motion", "Astronaut smiles"),
    ("officer.jpg", "surprise.jpg", "Officer is surprised"),
    ("astronaut.jpg", "look-around.motion", "Astronaut looks around"),
    ("astronaut.jpg", "speech.ogg", "Astronaut speaks a sound"),
)


_PORTRAITS = (("officer.jpg", "Officer"), ("astronaut.jpg", "Astronaut"))
_CLIPS = (("talk.mp4", "A talking face opens its lips"),)


@dataclass(frozen=True)
class Example:
    """A source and a driving that go well together."""

    source: Path
    driving: Path
    caption: str


def examples(folder: Path = FOLDER) -> list[Example]:
    """Those whose files are there."""
    listed = [
        Example(folder / "source" / source, folder / "driving" / driving, text) for source, driving, text in _PAIRS
    ]
    return [example for example in listed if example.source.exists() and example.driving.exists()]


def served(root: str, folder: Path = FOLDER) -> dict[str, Path]:
    """The files by their addresses in an app, whose own is `root`."""
    return {f"{root.rstrip('/')}{ROUTE}/{path.name}": path for path in sorted(folder.glob("*/*"))}


def portraits(folder: Path = FOLDER) -> list[tuple[Path, str]]:
    """Pictures to be edited or driven live, with captions."""
    return [(folder / "source" / name, text) for name, text in _PORTRAITS if (folder / "source" / name).exists()]


def clips(folder: Path = FOLDER) -> list[tuple[Path, str]]:
    """Clips to be retargeted, with captions."""
    return [(folder / "driving" / name, text) for name, text in _CLIPS if (folder / "driving" / name).exists()]
