"""The 203 points: by a stand-in network with the published one's inputs and outputs, and from the mesh."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from openportrait.engines.neural.landmarks203 import LandmarkRefiner, points203
from openportrait.errors import WeightsError
from openportrait.faces import canonical_face, crop_from_image, face_box, ratios, ratios_203
from openportrait.records import Face, Floats, Image
from tests.conftest import missing

EYES = ((0, 33), (6, 159), (12, 133), (18, 145), (24, 362), (30, 386), (36, 263), (42, 374))
LIPS = ((48, 61), (57, 0), (66, 291), (75, 17), (84, 78), (90, 13), (96, 308), (102, 14))
OUTLINE = ((108, 127), (126, 152), (144, 356), (145, 70), (155, 55), (165, 285), (175, 300))
ANCHORS = (*EYES, *LIPS, *OUTLINE, (197, 468), (198, 473))


@pytest.fixture(autouse=True)
def packages() -> None:
    for package in ("onnx", "onnxruntime", "torch"):
        if importlib.util.find_spec(package) is None:
            missing(package)


def refiner_of(model: Path, device: str = "cpu") -> LandmarkRefiner:
    import torch

    return LandmarkRefiner(model, torch.device(device))


def mesh_face(turn_degrees: float = 0.0, size: float = 200.0, centre: tuple[float, float] = (320.0, 240.0)) -> Face:
    """The canonical face, upright or turned in the picture, with irises between its lids."""
    head = canonical_face().vertices * np.array([1.0, -1.0, -1.0])
    irises = np.stack([head[list(group)].mean(0) for group in ((33, 133), (263, 362))])
    points = np.concatenate([head, irises[:1].repeat(5, 0), irises[1:].repeat(5, 0)])
    points = (points - points.mean(0)) * size / np.ptp(points[:, 1])
    angle = np.radians(turn_degrees)
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return Face(points @ turn + np.array([*centre, 0.0]))


def network(path: Path, offsets: Floats, points: int = 203, outputs: int = 3, side: int = 224) -> Path:
    """A network whose every point is the centroid of red in the crop, moved by the point's offset (0..1)."""
    from onnx import TensorProto, helper, numpy_helper, save_model

    ramp = (np.arange(side) / side).astype(np.float32)
    constants: dict[str, np.ndarray] = {
        "axis_x": ramp.reshape(1, 1, 1, side),
        "axis_y": ramp.reshape(1, 1, side, 1),
        "offsets": offsets[:points].astype(np.float32),
        "starts": np.array([0], np.int64),
        "ends": np.array([1], np.int64),
        "channel": np.array([1], np.int64),
        "all": np.array([1, 2, 3], np.int64),
        "flat": np.array([1, points * 2], np.int64),
        "little": np.array([1e-6], np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Slice", ["input", "starts", "ends", "channel"], ["red"]),
        node("ReduceSum", ["red", "all"], ["bare_sum"], keepdims=0),
        node("Add", ["bare_sum", "little"], ["sum"]),
        *(
            made
            for axis in "xy"
            for made in (
                node("Mul", ["red", f"axis_{axis}"], [f"weighted_{axis}"]),
                node("ReduceSum", [f"weighted_{axis}", "all"], [f"moment_{axis}"], keepdims=0),
                node("Div", [f"moment_{axis}", "sum"], [f"centre_{axis}"]),
            )
        ),
        node("Concat", ["centre_x", "centre_y"], ["centre"], axis=0),
        node("Add", ["offsets", "centre"], ["placed"]),
        node("Reshape", ["placed", "flat"], [f"output_{outputs - 1}"]),
        *(node("Identity", ["sum"], [f"output_{number}"]) for number in range(outputs - 1)),
    ]
    graph = helper.make_graph(
        nodes,
        "landmarks",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info(f"output_{n}", TensorProto.FLOAT, None) for n in range(outputs)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
    return path


def marked(x: float, y: float) -> Image:
    """A picture with a red spot at (x, y) and a blue one elsewhere."""
    rows, columns = np.mgrid[0:480, 0:640]
    image = np.zeros((480, 640, 3), np.uint8)
    image[..., 0] = 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
    image[..., 2] = 250 * np.exp(-((columns - x - 60) ** 2 + (rows - y) ** 2) / 18)
    return image


def face_shape(face: Face, scale: float = 1.5) -> Floats:
    """Where a perfect network would see the mesh's points in its crop, 0..1, about the middle of the eyes' corners."""
    box = face_box(points203(face), scale=scale, shift_x=0, shift_y=-0.1)
    matrix = crop_from_image(box, 224, rotate=True)
    seen = points203(face) @ matrix[:2, :2].T + matrix[:2, 2]
    middle: Floats = seen / 224 - seen[[0, 36]].mean(0) / 224
    return middle


def test_corners_and_middles_are_points_of_the_mesh() -> None:
    face = mesh_face()
    points = points203(face)
    assert points.shape == (203, 2)
    for number, vertex in ANCHORS:
        np.testing.assert_allclose(points[number], face.landmarks[vertex, :2])
    np.testing.assert_allclose(points[49], face.landmarks[61, :2] * 4 / 9 + face.landmarks[185, :2] * 5 / 9)


def test_lines_run_in_the_stated_direction() -> None:
    x, y = points203(mesh_face()).T
    assert (np.diff(x[0:13]) > 0).all()
    assert (np.diff(x[13:24]) < 0).all()
    assert (np.diff(x[24:37]) > 0).all()
    assert (np.diff(x[48:67]) > 0).all()
    assert (np.diff(x[84:97]) > 0).all()
    assert (y[1:12] < y[23:12:-1]).all()
    assert (y[49:66] < y[83:66:-1]).all()
    assert y[108:145].argmax() == 126 - 108
    assert (np.diff(y[110:127]) > 0).all()
    assert (y[146:155] < y[164:155:-1]).all()
    assert (y[166:175] < y[184:175:-1]).all()
    assert (x[185:191] < x[200]).all()
    assert (x[191:197] > x[200]).all()


def test_crops_and_ratios_agree_with_those_of_the_mesh() -> None:
    face = mesh_face(turn_degrees=25)
    by_203, by_mesh = (
        face_box(p, scale=2.3, shift_x=0, shift_y=-0.125) for p in (points203(face), face.landmarks[:, :2])
    )
    assert by_203.side == pytest.approx(by_mesh.side, rel=0.005)
    assert by_203.angle_radians == pytest.approx(by_mesh.angle_radians)
    assert np.linalg.norm(by_203.centre - by_mesh.centre) < 0.005 * by_mesh.side
    assert ratios_203(points203(face)) == pytest.approx(ratios(face))


@pytest.mark.parametrize("turn_degrees", [0.0, 35.0, -70.0])
def test_what_the_network_sees_is_placed_in_the_picture(tmp_path: Path, turn_degrees: float) -> None:
    face = mesh_face(turn_degrees)
    middle = points203(face)[[0, 36]].mean(0) + 6
    refiner = refiner_of(network(tmp_path / "landmark.onnx", face_shape(face)))
    found = refiner.refine(marked(*middle), face)
    np.testing.assert_allclose(found, points203(face) + 6, atol=0.1)


def test_the_points_before_say_where_to_look(tmp_path: Path) -> None:
    face = mesh_face()
    still = np.random.default_rng(0).uniform(-0.3, 0.3, (203, 2))
    refiner = refiner_of(network(tmp_path / "landmark.onnx", still + 0.5))
    black = np.zeros((480, 640, 3), np.uint8)

    def centre_looked_at(around: Floats) -> Floats:
        return face_box(around, scale=1.5, shift_x=0, shift_y=-0.1).centre

    first = refiner.refine(black, face)
    moved = points203(face) + np.array([20.0, -10.0])
    second = refiner.refine(black, face, moved)
    shift = centre_looked_at(moved) - centre_looked_at(points203(face))
    np.testing.assert_allclose(second - first, np.tile(shift, (203, 1)))
    far = points203(face) + np.array([400.0, 0.0])
    np.testing.assert_array_equal(refiner.refine(black, face, far), first)


def test_points_beside_the_face_are_not_believed(tmp_path: Path) -> None:
    face = mesh_face()
    for number, offsets in enumerate((np.full((203, 2), 0.5), np.full((203, 2), np.nan))):
        refiner = refiner_of(network(tmp_path / f"{number}.onnx", offsets))
        found = refiner.refine(np.zeros((480, 640, 3), np.uint8), face)
        np.testing.assert_array_equal(found, points203(face))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"\x08\x07 no network", "is cut short or damaged"),
    ],
)
def test_a_damaged_file(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "landmark.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=says):
        refiner_of(tmp_path / "landmark.onnx")


def test_another_network(tmp_path: Path) -> None:
    offsets = np.zeros((203, 2))
    for number, made in enumerate(({"outputs": 1}, {"side": 192})):
        with pytest.raises(WeightsError, match="is not the 203-point landmark network"):
            refiner_of(network(tmp_path / f"{number}.onnx", offsets, **made))
    refiner = refiner_of(network(tmp_path / "other.onnx", offsets, points=106))
    with pytest.raises(WeightsError, match="gives 106 points where 203 belong"):
        refiner.refine(np.zeros((480, 640, 3), np.uint8), mesh_face())


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cpu", ["CPUExecutionProvider"]),
        ("mps", ["CPUExecutionProvider"]),
        ("xpu:1", ["CPUExecutionProvider"]),
        ("cuda", [("CUDAExecutionProvider", {"device_id": 0}), "CPUExecutionProvider"]),
        ("cuda:1", [("CUDAExecutionProvider", {"device_id": 1}), "CPUExecutionProvider"]),
    ],
)
def test_it_runs_where_the_option_says(
    device: str, expected: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    asked: list[object] = []
    here = onnxruntime.InferenceSession

    def session(model: str, options: object, providers: list[object]) -> object:
        asked.extend(providers)
        return here(model, options, providers=["CPUExecutionProvider"])

    found = ["CUDAExecutionProvider", "CoreMLExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: found)
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    refiner_of(network(tmp_path / "landmark.onnx", np.zeros((203, 2))), device)
    assert asked == expected
