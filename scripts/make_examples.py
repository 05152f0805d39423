"""Make assets/examples/driving: everything in it comes from this script, the mesh engine and a public-domain portrait.

Run `python -m scripts.make_examples`; it takes about a minute.
"""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.signal import lfilter
from tests.engines.gestures import Gesture, authored

from openportrait.engines import load
from openportrait.engines.base import Engine, Shot
from openportrait.engines.mesh.shape.movements import closed
from openportrait.faces import FaceFinder, crop_face, ratios
from openportrait.media import Sound as SoundFile
from openportrait.media import open_writer, read_image, write_image
from openportrait.motion import PackedMotions, keypoints
from openportrait.options import CropOptions, EngineOptions
from openportrait.paste import paste_back
from openportrait.records import Face, FaceCrop, Floats, Image, Motion, Template
from openportrait.templates import SUFFIX, save_template

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
PORTRAIT = EXAMPLES / "source" / "astronaut.jpg"
RATE = Fraction(25)
SAMPLES_A_SECOND = 22050


@dataclass(frozen=True)
class Sound:
    """A speech sound: its mouth and its three resonances."""

    jaw: float
    smile: float
    pucker: float
    formants_hz: tuple[float, float, float]
    loudness: float = 1.0


SOUNDS = {
    "a": Sound(0.85, 0.1, 0.0, (850, 1350, 2700)),
    "e": Sound(0.45, 0.45, 0.0, (550, 1950, 2700)),
    "i": Sound(0.2, 0.6, 0.0, (330, 2400, 3100)),
    "o": Sound(0.5, 0.0, 0.6, (520, 900, 2600)),
    "u": Sound(0.22, 0.0, 0.95, (350, 750, 2500)),
    "m": Sound(0.0, 0.0, 0.1, (280, 1000, 2300), 0.35),
    "l": Sound(0.25, 0.15, 0.0, (400, 1300, 2700), 0.6),
    " ": Sound(0.02, 0.05, 0.0, (400, 1300, 2700), 0.0),
}
PHRASE = "  hm alo  mama i lo mi a lama  o li male mo la i  amu  e lami lo a  "
SECONDS_A_SOUND = 0.11


def spoken(seconds: float) -> tuple[Sound, Sound, float]:
    """The sound at a time, the next one, and how far the mouth is on its way to it, 0..1."""
    place = seconds / SECONDS_A_SOUND
    now, later = (SOUNDS.get(PHRASE[min(int(place) + k, len(PHRASE) - 1)], SOUNDS["m"]) for k in (0, 1))
    part = place % 1
    return now, later, part * part * (3 - 2 * part)


def mix(name: str, seconds: float) -> float:
    now, later, part = spoken(seconds)
    return float(getattr(now, name) * (1 - part) + getattr(later, name) * part)


def pulse(seconds: float, *centres: float, width: float) -> float:
    """Bell curves of height 1 around the given times."""
    return float(min(sum(np.exp(-(((seconds - centre) / width) ** 2)) for centre in centres), 1.0))


def talk(seconds: float) -> Gesture:
    """Speaks, nods, smiles, looks about and blinks: the clip that shows everything."""
    # The camera's first frame is at rest: it is the neutral frame of relative motion.
    start = min(seconds / 0.4, 1.0)
    nod = np.sin(2 * np.pi * 1.25 * (seconds - 0.5)) * np.exp(-(((seconds - 1.2) / 0.7) ** 2))
    return Gesture(
        jaw=1.25 * mix("jaw", seconds) * start,
        smile=0.6 * mix("smile", seconds) * start + 0.9 * pulse(seconds, 6.9, width=0.55),
        pucker=0.8 * mix("pucker", seconds) * start,
        brow=0.8 * pulse(seconds, 2.3, 4.6, width=0.3),
        blink_left=pulse(seconds, 1.6, 3.7, 5.8, 7.6, width=0.07),
        blink_right=pulse(seconds, 1.6, 3.7, 5.8, 7.6, width=0.07),
        gaze=(0.12 * (pulse(seconds, 3.2, width=0.35) - pulse(seconds, 4.9, width=0.35)), 0.0),
        pitch_degrees=9.0 * float(nod) + 1.5 * start * float(np.sin(2 * np.pi * 0.9 * seconds)),
        yaw_degrees=12.0 * start * float(np.sin(2 * np.pi * 0.21 * seconds)),
        roll_degrees=3.0 * start * float(np.sin(2 * np.pi * 0.33 * seconds)),
    )


def nod(seconds: float) -> Gesture:
    return Gesture(pitch_degrees=13.0 * float(np.sin(2 * np.pi * 1.0 * seconds)) * pulse(seconds, 1.25, width=0.8))


def smile(seconds: float) -> Gesture:
    amount = pulse(seconds, 1.3, width=0.7)
    return Gesture(smile=1.1 * amount, show_teeth=0.35 * amount, brow=0.25 * amount, roll_degrees=3.0 * amount)


def blink(seconds: float) -> Gesture:
    shut = pulse(seconds, 0.5, 1.4, 1.7, width=0.08)
    return Gesture(blink_left=shut, blink_right=shut)


def look_around(seconds: float) -> Gesture:
    side = float(np.sin(2 * np.pi * 0.3 * seconds))
    up = 0.6 * float(np.sin(2 * np.pi * 0.17 * seconds))
    return Gesture(
        yaw_degrees=-18.0 * side,
        pitch_degrees=-6.0 * up,
        gaze=(0.2 * side, -0.1 * up),
        blink_left=pulse(seconds, 1.7, 3.4, width=0.07),
        blink_right=pulse(seconds, 1.7, 3.4, width=0.07),
    )


SURPRISE = Gesture(jaw=0.75, brow=1.0, smile=0.1, pitch_degrees=-4.0, roll_degrees=3.0)
TEMPLATES = {
    "nod": (nod, 2.6),
    "smile": (smile, 2.8),
    "blink": (blink, 2.2),
    "talk": (talk, 7.6),
    "look-around": (look_around, 4.6),
}


def at_rest(motion: Motion) -> Motion:
    """The portrait smiles; a driving has to start with a face at rest, lips closed."""
    calm = authored(motion, Gesture(smile=-0.5))
    return replace(calm, expression=calm.expression + closed(calm.canonical + calm.expression))


class Actor:
    """The portrait that plays all of it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.picture = read_image(PORTRAIT).image
        self.face: Face = FaceFinder().find(self.picture)[0]
        crop = CropOptions()
        self.crop: FaceCrop = crop_face(
            self.picture,
            self.face,
            scale=crop.source_scale,
            shift_x=crop.source_shift_x,
            shift_y=crop.source_shift_y,
            rule=engine.crop_rule,
        )
        self.motion: Motion = engine.motion([self.crop])[0]
        self.rest = at_rest(self.motion)
        self.appearance = engine.appearance(self.crop)

    def keypoints(self, gesture: Gesture) -> Floats:
        return keypoints(authored(self.rest, gesture), self.engine.layout)

    def picture_of(self, gesture: Gesture) -> Image:
        x_s = keypoints(self.motion, self.engine.layout)
        x_d = self.engine.stitch(x_s, self.keypoints(gesture))
        rendered = self.engine.render([Shot(self.appearance, x_s, x_d)])[0]
        return paste_back(self.picture, rendered, self.crop.image_from_crop)

    def landmarks(self, gesture: Gesture) -> Face:
        """The face in px of the crop, as a tracker would see it."""
        points = (self.keypoints(gesture) + 1) * (self.crop.size / 2) - 0.5
        return replace(self.face, landmarks=points)


def gestures(play: object, seconds: float) -> Iterator[Gesture]:
    assert callable(play)
    for i in range(int(seconds * RATE)):
        yield play(float(i / RATE))


def voice(seconds: float) -> Floats:
    """The phrase: a buzzing pulse through three resonators, in short blocks."""
    block = SAMPLES_A_SECOND // 100
    rng = np.random.default_rng(7)
    states: list[Floats] = [np.zeros(2) for _ in range(3)]
    phase, blocks = 0.0, []
    for i in range(int(seconds * 100)):
        now = i / 100
        pitch_hz = 185 * (1 + 0.12 * np.sin(2 * np.pi * 0.7 * now)) * (1.08 - 0.02 * (now % 3))
        steps = phase + np.cumsum(np.full(block, pitch_hz / SAMPLES_A_SECOND))
        phase = float(steps[-1] % 1)
        signal = (1 - steps % 1) ** 3 - 0.25 + 0.02 * rng.standard_normal(block)
        sound, later, part = spoken(now)
        for k in range(3):
            formant = sound.formants_hz[k] * (1 - part) + later.formants_hz[k] * part
            radius = np.exp(-np.pi * (70 + 30 * k) / SAMPLES_A_SECOND)
            poles = [1, -2 * radius * np.cos(2 * np.pi * formant / SAMPLES_A_SECOND), radius**2]
            signal, states[k] = lfilter([sum(poles)], poles, signal, zi=states[k])
        blocks.append(signal * mix("loudness", now))
    speech = np.concatenate(blocks)
    return np.asarray(0.5 * speech / np.abs(speech).max())


def write_voice(path: Path, seconds: float) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLES_A_SECOND)
        file.writeframes((voice(seconds) * 32767).astype("<i2").tobytes())


def write_clip(actor: Actor, path: Path, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "voice.wav"
        write_voice(sound, seconds)
        with open_writer(path, rate=RATE, sound=[SoundFile(sound)]) as writer:
            for gesture in gestures(talk, seconds):
                writer.write(actor.picture_of(gesture))


def write_template(actor: Actor, path: Path, played: Sequence[Gesture]) -> None:
    motions = PackedMotions(authored(actor.rest, gesture) for gesture in played)
    openness = tuple(ratios(actor.landmarks(gesture)) for gesture in played)
    save_template(path, Template(motions, openness, RATE, actor.engine.layout.name, actor.engine.name))


def main() -> None:
    folder = EXAMPLES / "driving"
    folder.mkdir(parents=True, exist_ok=True)
    actor = Actor(load(EngineOptions(engine="mesh")))
    write_clip(actor, folder / "talk.mp4", TEMPLATES["talk"][1])
    write_image(folder / "surprise.jpg", actor.picture_of(SURPRISE), quality=90)
    for name, (play, seconds) in TEMPLATES.items():
        write_template(actor, folder / f"{name}{SUFFIX}", list(gestures(play, seconds)))
    for path in sorted(folder.iterdir()):
        print(f"{path.relative_to(EXAMPLES.parents[1])}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
