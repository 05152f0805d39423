"""How the neural engine is put together from a folder, kept, and what is said of it."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openportrait
from openportrait.engines import load
from openportrait.errors import EngineError, OptionError, WeightsError
from openportrait.faces import FaceFinder, Refine, crop_from_image, face_box, ratios_203
from openportrait.media import read_image
from openportrait.options import EngineOptions
from openportrait.pipeline.live import LiveSession
from openportrait.records import Floats
from tests.conftest import EXAMPLES, missing
from tests.neural_job.conftest import Asked
from tests.neural_job.formulas import points


def options(weights: Path) -> EngineOptions:
    return EngineOptions(engine="neural", weights=weights)


def linked(weights: Path, folder: Path) -> Path:
    """A folder of one's own with the same files."""
    for path in weights.rglob("*.pth"):
        link = folder / path.relative_to(weights)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    return folder


def landmark_network(path: Path) -> Floats:
    """A stand-in for landmark.onnx that sees the same 203 points (a face's outline, by and large) in any crop.

    Its third output is points in 0..1 of the crop, as the published network's is; returned as (203, 2).
    """
    try:
        from onnx import TensorProto, helper, numpy_helper, save_model
    except ModuleNotFoundError:
        missing("onnx")
    angle = np.linspace(0, 2 * np.pi, 203, endpoint=False)
    seen = np.stack([0.5 + 0.3 * np.cos(angle), 0.62 + 0.34 * np.sin(angle)], 1)
    eyes = {0: (0.3, 0.45), 6: (0.36, 0.43), 12: (0.42, 0.45), 18: (0.36, 0.47)}
    eyes |= {24: (0.58, 0.45), 30: (0.64, 0.42), 36: (0.7, 0.45), 42: (0.64, 0.48)}
    for place, point in (eyes | {48: (0.4, 0.75), 66: (0.6, 0.75), 90: (0.5, 0.74), 102: (0.5, 0.76)}).items():
        seen[place] = point
    seen = seen.astype(np.float32).astype(np.float64)
    constants = {"seen": seen.astype(np.float32).reshape(1, 406), "none": np.zeros(1, np.float32)}
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "none"], ["nothing"]),
        *(helper.make_node("Add", ["seen", "nothing"], [name]) for name in ("pose", "outline", "landmarks")),
    ]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 224, 224])
    outputs = [helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, [1, 406]) for node in nodes[2:]]
    given = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "landmark", [image], outputs, given)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return seen


def test_an_engine_from_a_folder_as_the_released_project_has_it(weights: Path) -> None:
    from openportrait.engines.neural.retargeting import Retargeting
    from tests.engines.neural.standins import stand_in_weights

    engine = load(options(weights))
    assert engine.name == "neural"
    assert engine.crop_rule.size == 512
    x_s = np.random.default_rng(0).uniform(-0.5, 0.5, (21, 3))
    expected = Retargeting(stand_in_weights).open_lips(x_s, 0.1, 0.3)
    np.testing.assert_array_equal(engine.open_lips(x_s, 0.1, 0.3), expected)


def test_one_engine_serves_all_jobs_and_threads(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = load(options(weights))
    with ThreadPoolExecutor(3) as pool:
        assert all(other is engine for other in pool.map(load, [options(weights)] * 3))
    monkeypatch.setenv("OPENPORTRAIT_WEIGHTS", str(weights))
    assert load(EngineOptions()) is engine
    assert load(EngineOptions(engine="mesh")).name == "mesh"


def test_without_a_landmark_network_the_mesh_does(weights: Path) -> None:
    engine = load(options(weights))
    assert engine.refine is None
    assert not any("landmark" in line for line in engine.notices)


def test_weights_of_ones_own_are_told_of_once_and_no_python_warning_is_raised(weights: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine = load(options(weights))
    assert [line for line in engine.notices if "published" in line] == [
        "the weights are not all the published ones; `openportrait weights verify` names the files"
    ]


def test_what_cannot_be_used_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="missing"):
        load(options(tmp_path))
    with pytest.raises(EngineError, match="cuda:99"):
        load(EngineOptions(engine="neural", weights=weights, device="cuda:99"))
    with pytest.raises(OptionError, match="abacus"):
        load(EngineOptions(engine="neural", weights=weights, device="abacus"))
    with pytest.raises(OptionError, match="give a path"):
        openportrait.animate("a.jpg", "b.mp4", weights=5)  # type: ignore[arg-type]


def test_a_folder_may_be_named_by_text(weights: Path) -> None:
    assert openportrait.Options.of(weights=str(weights)).engine.weights == weights


def test_the_landmark_network_decides_crops_and_ratios(
    officer: Path, weights: Path, tmp_path: Path, asked: Asked
) -> None:
    pytest.importorskip("onnxruntime")
    folder = linked(weights, tmp_path / "pretrained_weights")
    seen = landmark_network(folder / "liveportrait" / "landmark.onnx")
    wanted: dict[str, Any] = {
        "engine": "neural",
        "weights": folder,
        "driving_option": "pose-friendly",
        "stitching": False,
    }
    surprise = EXAMPLES / "driving" / "surprise.jpg"
    with openportrait.stream(officer, surprise, lip_retargeting=True, **wanted) as job:
        list(job)
    crop = asked.crops[0]
    refined = crop.face.moved(crop.image_from_crop).refined
    assert refined is not None
    mesh_box = face_box(_mesh_points(officer), scale=1.5, shift_x=0.0, shift_y=-0.1)
    looked = np.linalg.inv(crop_from_image(mesh_box, 224, rotate=True))
    np.testing.assert_allclose(refined, seen * 224 @ looked[:2, :2].T + looked[:2, 2], atol=0.02)
    box = face_box(refined, scale=2.3, shift_x=0.0, shift_y=-0.125)
    np.testing.assert_allclose(crop.crop_from_image, crop_from_image(box, 512, rotate=True), atol=1e-6)
    (shot,) = asked.shots
    own, drivings = (ratios_203(each.face.refined).lip for each in asked.crops if each.face.refined is not None)
    moved = load(options(folder)).open_lips(shot.x_s, own, drivings)
    np.testing.assert_allclose(shot.x_s, points(asked.motions[0]), atol=1e-6)
    np.testing.assert_allclose(shot.x_d, shot.x_s + moved, atol=1e-5)
    live = LiveSession(officer, openportrait.Options.of(**wanted))
    assert live(read_image(surprise).image).face_seen
    assert asked.crops[-1].face.refined is not None, "a camera's face is measured as the portrait's is"


def _mesh_points(path: Path) -> Floats:
    from openportrait.engines.neural.landmarks203 import points203

    return points203(FaceFinder().find(read_image(path).image)[0])


class Hollow:
    """An engine without networks."""

    def __init__(self, load: object, device: object, dtype: object, refine: Refine | None) -> None:
        self.refine = refine
        self.notices: tuple[str, ...] = ()


@pytest.fixture
def hollow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are judged, but no network is built."""
    monkeypatch.setattr("openportrait.engines.neural.engine.NeuralEngine", Hollow)


@pytest.mark.usefixtures("hollow")
def test_a_landmark_network_that_is_a_pointer_is_left_out_with_a_notice(weights: Path, tmp_path: Path) -> None:
    folder = linked(weights, tmp_path / "pretrained_weights")
    (folder / "liveportrait" / "landmark.onnx").write_text("version https://git-lfs.github.com/spec/v1\n")
    engine = load(options(folder))
    assert engine.refine is None
    (line,) = [line for line in engine.notices if "landmark.onnx" in line]
    assert "Git LFS pointer" in line
    assert line.endswith("until then the face mesh gives the landmarks")


@pytest.mark.usefixtures("hollow")
def test_changed_weights_are_loaded_anew(weights: Path, tmp_path: Path) -> None:
    folder = linked(weights, tmp_path / "pretrained_weights")
    stitching = next(folder.rglob("stitching*.pth"))
    content = stitching.read_bytes()
    stitching.unlink()
    stitching.write_bytes(content)
    before = load(options(folder))
    assert load(options(folder)) is before
    os.utime(stitching, ns=(0, 10**18))
    assert load(options(folder)) is not before
