"""Finding weights and reading them without trusting them."""

from __future__ import annotations

import errno
import importlib.util
import json
import math
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openportrait import weights
from openportrait.errors import WeightsError
from openportrait.weights import NETWORKS, PUBLISHED, WeightsFolder, manifest
from tests.conftest import missing
from tests.reference import REFERENCE

if TYPE_CHECKING:
    import torch

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4780afc7\nsize 221813590\n"
RETARGETING = ("retarget_shoulder", "retarget_mouth", "retarget_eye")
APPEARANCE = "appearance_feature_extractor"


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights anywhere but where a test puts them."""
    for package in ("torch", "safetensors", "huggingface_hub"):
        if importlib.util.find_spec(package) is None:
            missing(package)
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setenv("OPENPORTRAIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OPENPORTRAIT_WEIGHTS", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


def stand_in(network: str, prefix: str = "", seed: int = 0) -> dict[str, torch.Tensor]:
    """Random parameters that have a network's mark and number of values."""
    import torch

    known = NETWORKS[network]
    draw = torch.Generator().manual_seed(seed)
    rest = known.numbers - math.prod(known.shape)
    return {
        f"{prefix}{known.key}": torch.randn(known.shape, generator=draw),
        f"{prefix}rest.weight": torch.randn(rest, generator=draw),
        f"{prefix}norm.num_batches_tracked": torch.tensor(7),
    }


def place_files(root: Path, pattern: str = "{path}") -> None:
    """A file under every name of the release, none of them readable as weights."""
    for file in PUBLISHED.files:
        where = root / pattern.format(path=file.path, name=file.name, file=Path(file.path).name)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(b"\x01 not yet read")


def released(root: Path, seed: int = 0) -> WeightsFolder:
    """The released layout, with readable stand-ins for the small files."""
    import torch

    place_files(root)
    torch.save(stand_in(APPEARANCE, seed=seed), file_of(root, APPEARANCE))
    parts = {name: stand_in(name, "module.", seed) for name in RETARGETING}
    torch.save(parts, file_of(root, manifest.STITCHING))
    found = weights.locate(root)
    assert found is not None
    return found


def file_of(root: Path, name: str) -> Path:
    return root / next(file.path for file in PUBLISHED.files if file.name == name)


def copies(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "converted").glob("*"))


def test_importing_loads_neither_torch_nor_the_hub() -> None:
    code = "import sys, openportrait.weights; print({'torch', 'huggingface_hub', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_manifest_describes_the_official_networks() -> None:
    official = json.loads((REFERENCE / "state_dict.json").read_text())
    assert set(official) == set(NETWORKS)
    for name, shapes in official.items():
        known = NETWORKS[name]
        counted = sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith("num_batches_tracked"))
        assert tuple(shapes[known.key]) == known.shape
        assert counted == known.numbers
        twins = [other for other, held in official.items() if held.get(known.key) == list(known.shape)]
        assert twins == [name]


def test_nothing_there_is_none() -> None:
    assert weights.locate() is None
    assert {status.state for status in weights.list_files()} == {"missing"}


@pytest.mark.parametrize(
    "pattern",
    ["{path}", "pretrained_weights/{path}", "{file}", "liveportrait/{file}"],
    ids=["release", "project", "flat", "inner"],
)
def test_layouts(tmp_path: Path, pattern: str) -> None:
    place_files(tmp_path / "in", pattern)
    root = tmp_path / "in" / "liveportrait" if pattern.startswith("liveportrait") else tmp_path / "in"
    found = weights.locate(root)
    assert found is not None
    assert set(found.files) == {file.name for file in PUBLISHED.files}
    assert found.landmarks is not None
    assert found.landmarks.name == "landmark.onnx"


def test_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "hub" / "models--KlingTeam--LivePortrait" / "snapshots" / "abc"
    for root in (hub, tmp_path / "cache" / "weights", Path("pretrained_weights"), tmp_path / "env", tmp_path / "asked"):
        place_files(root)
        if root.name == "env":
            monkeypatch.setenv("OPENPORTRAIT_WEIGHTS", str(root))
        found = weights.locate(root if root.name == "asked" else None)
        assert found is not None
        assert found.root == root
        assert weights.path(root if root.name == "asked" else None) == root


def test_a_named_folder_must_have_every_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place_files(tmp_path / "some")
    file_of(tmp_path / "some", "warping_module").unlink()
    with pytest.raises(
        WeightsError, match=r"--weights .*some: warping_module missing; .*openportrait weights download"
    ):
        weights.locate(tmp_path / "some")
    monkeypatch.setenv("OPENPORTRAIT_WEIGHTS", str(tmp_path / "some"))
    with pytest.raises(WeightsError, match="OPENPORTRAIT_WEIGHTS"):
        weights.locate()


def test_a_folder_of_pointers_is_passed_over_unless_named(tmp_path: Path) -> None:
    checkout = Path("pretrained_weights")
    place_files(checkout)
    file_of(checkout, "spade_generator").write_bytes(LFS_POINTER)
    assert weights.locate() is None
    assert [s.name for s in weights.list_files() if s.state == "damaged"] == ["spade_generator"]
    with pytest.raises(WeightsError, match=r"--weights pretrained_weights: .*spade_generator.pth is a Git LFS pointer"):
        weights.locate(checkout)
    place_files(tmp_path / "cache" / "weights")
    found = weights.locate()
    assert found is not None
    assert found.root == tmp_path / "cache" / "weights"


def test_the_landmark_network_may_be_absent(tmp_path: Path) -> None:
    place_files(tmp_path / "w")
    file_of(tmp_path / "w", "landmark").write_bytes(LFS_POINTER)
    found = weights.locate(tmp_path / "w")
    assert found is not None
    assert found.landmarks is None
    file_of(tmp_path / "w", "landmark").unlink()
    assert weights.locate(tmp_path / "w") is not None


@pytest.mark.filterwarnings("ignore:the weights are not all the published")
def test_official_checkpoints_load_and_are_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    folder = released(tmp_path / "w")
    first = {name: folder.load(name) for name in (APPEARANCE, *RETARGETING)}
    monkeypatch.setattr(torch, "load", None)  # a second reading of the pickles would fail
    second = {name: folder.load(name) for name in (APPEARANCE, *RETARGETING)}
    for name, expected in ((name, stand_in(name)) for name in first):
        for loaded in (first[name], second[name]):
            assert set(loaded) == set(expected)
            assert all(torch.equal(loaded[key], value) for key, value in expected.items())
            assert loaded["rest.weight"].dtype == torch.float32
    assert [path.suffix for path in copies(tmp_path)] == [".safetensors"] * 2


@pytest.mark.filterwarnings("ignore:the weights are not all the published")
def test_a_replaced_checkpoint_is_read_anew(tmp_path: Path) -> None:
    import torch

    released(tmp_path / "w").load(APPEARANCE)
    folder = released(tmp_path / "w", seed=1)
    os.utime(file_of(tmp_path / "w", APPEARANCE), ns=(1, 1))
    assert torch.equal(folder.load(APPEARANCE)["rest.weight"], stand_in(APPEARANCE, seed=1)["rest.weight"])
    assert len(copies(tmp_path)) == 1


@pytest.mark.filterwarnings("ignore:the weights are not all the published")
def test_safetensors_release(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    root = tmp_path / "w"
    place_files(root, "{name}.safetensors")
    half = {key: value.half() if value.is_floating_point() else value for key, value in stand_in(APPEARANCE).items()}
    save_file(half, root / f"{APPEARANCE}.safetensors")
    flat = {f"{n}_module.{key}": value for n in RETARGETING for key, value in stand_in(n).items()}
    save_file(flat, root / f"{manifest.STITCHING}.safetensors")
    folder = weights.locate(root)
    assert folder is not None
    assert folder.load(APPEARANCE)["first.conv.weight"].dtype == torch.float32
    for name in RETARGETING:
        loaded = folder.load(name)
        assert all(torch.equal(loaded[key], value) for key, value in stand_in(name).items())
    assert copies(tmp_path) == []


def test_content_of_ones_own_is_used_with_a_warning(tmp_path: Path) -> None:
    folder = released(tmp_path / "w")
    for _ in range(2):
        with pytest.warns(UserWarning, match="not all the published ones"):
            folder.load(APPEARANCE)


def test_published_content_is_not_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openportrait.weights import manifest

    folder = released(tmp_path / "w")
    digest = manifest.sha256(folder.files[APPEARANCE])
    monkeypatch.setattr(manifest, "expected_sha256", lambda path, file: digest)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder.load(APPEARANCE)
        folder.load(APPEARANCE)


class Trap:
    """What a malicious checkpoint does when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (Path.write_text, (self.mark, "caught"))  # type: ignore[return-value]


def damaged_content(kind: str, tmp_path: Path) -> bytes:
    import io

    import torch

    def saved(value: object) -> bytes:
        stream = io.BytesIO()
        torch.save(value, stream)
        return stream.getvalue()

    whole = saved(stand_in(APPEARANCE))
    short = stand_in(APPEARANCE)
    short["rest.weight"] = short["rest.weight"][:-5]
    return {
        "pointer": LFS_POINTER,
        "page": b"\n<!doctype html><title>404</title>",
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "noise": bytes(range(256)) * 40,
        "code": saved({"first.conv.weight": Trap(tmp_path / "caught")}),
        "plain pickle": pickle.dumps({"first.conv.weight": Trap(tmp_path / "caught")}),
        "list": saved([1, 2]),
        "other": saved(stand_in("retarget_mouth")),
        "unknown": saved({"a": torch.zeros(3)}),
        "short": saved(short),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("pointer", "is a Git LFS pointer, not the weights; run `git lfs pull`"),
        ("page", "is a web page"),
        ("empty", "is empty"),
        ("cut", "is cut short or damaged"),
        ("noise", "is cut short, damaged or no PyTorch file"),
        ("code", "holds more than tensors and is not opened"),
        ("plain pickle", "is cut short, damaged or no PyTorch file"),
        ("list", "holds no table of weights"),
        ("other", "should hold appearance_feature_extractor but holds retarget_mouth"),
        ("unknown", "should hold appearance_feature_extractor but holds no network known here"),
        ("short", "has 837,883 values for appearance_feature_extractor where 837,888 belong"),
    ],
)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.filterwarnings("ignore:the weights are not all the published")
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, kind: str, says: str) -> None:
    folder = released(tmp_path / "w")
    where = folder.files[APPEARANCE]
    where.write_bytes(damaged_content(kind, tmp_path))
    with pytest.raises(WeightsError) as caught:
        folder.load(APPEARANCE)
    assert str(where) in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "caught").exists()


def test_a_cut_safetensors_file(tmp_path: Path) -> None:
    from safetensors.torch import save

    place_files(tmp_path / "w", "{name}.safetensors")
    where = tmp_path / "w" / f"{APPEARANCE}.safetensors"
    where.write_bytes(save(stand_in(APPEARANCE))[:-100])
    folder = weights.locate(tmp_path / "w")
    assert folder is not None
    with pytest.raises(WeightsError, match="is cut short or damaged"):
        folder.load(APPEARANCE)


@pytest.mark.filterwarnings("ignore:the weights are not all the published")
def test_a_damaged_copy_in_the_cache_is_made_again(tmp_path: Path) -> None:
    import torch

    folder = released(tmp_path / "w")
    folder.load(APPEARANCE)
    copy = copies(tmp_path)[0]
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-1000])
    assert torch.equal(folder.load(APPEARANCE)["rest.weight"], stand_in(APPEARANCE)["rest.weight"])
    assert copy.read_bytes() == whole


@pytest.mark.filterwarnings("ignore:the weights are not all the published")
def test_a_full_cache_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.torch
    import torch

    def full(tensors: object, filename: Path, metadata: object) -> None:
        Path(filename).write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.warns(UserWarning, match="is full, so every start reads the original"):
        loaded = released(tmp_path / "w").load(APPEARANCE)
    assert torch.equal(loaded["rest.weight"], stand_in(APPEARANCE)["rest.weight"])
    assert copies(tmp_path) == []


def test_two_processes_convert_at_once(tmp_path: Path) -> None:
    released(tmp_path / "w")
    code = (
        "import sys, warnings; from pathlib import Path; warnings.simplefilter('ignore')\n"
        "from openportrait.weights import locate; import torch; input()\n"
        f"print(float(locate(Path(sys.argv[1])).load('{APPEARANCE}')['rest.weight'].sum()))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "w")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    sums = {process.communicate(timeout=120)[0].strip() for process in started}
    assert sums == {str(float(stand_in(APPEARANCE)["rest.weight"].sum()))}
    assert [path.suffix for path in copies(tmp_path)] == [".safetensors"]


def test_states_of_files(tmp_path: Path) -> None:
    from openportrait.weights import Release, WeightFile, manifest

    root = tmp_path / "w"
    root.mkdir()
    for name, content in {"good": b"0123", "flipped": b"0124", "longer": b"01234", "pointer": LFS_POINTER}.items():
        (root / name).write_bytes(content)
    digest = manifest.sha256(root / "good")
    names = ("good", "flipped", "longer", "pointer", "absent")
    release = Release((), (), tuple(WeightFile(name, f"x/{name}", 4, digest, "MIT") for name in names))

    def states(found: list[weights.FileStatus]) -> dict[str, str]:
        return {status.name: status.state for status in found}

    quick = weights.list_files(root, release=release)
    others = {"longer": "changed", "pointer": "damaged", "absent": "missing"}
    assert states(quick) == {"good": "present", "flipped": "present", **others}
    assert {status.licence for status in quick} == {"MIT"}
    assert [status.name for status in quick if status.problem] == list(others)
    assert states(weights.verify(root, release=release)) == {"good": "present", "flipped": "changed", **others}
