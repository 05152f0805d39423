"""The neural engine above its networks: loading, devices, number types, what it hands out."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pytest

from openportrait.engines.neural import load_neural
from openportrait.errors import EngineError, OptionError
from openportrait.options import EngineOptions

torch = pytest.importorskip("torch")

from openportrait.engines.base import Shot  # noqa: E402
from openportrait.engines.neural import device as devices  # noqa: E402
from openportrait.engines.neural import layers  # noqa: E402
from openportrait.engines.neural.checkpoint import Affine, read  # noqa: E402
from openportrait.engines.neural.extractors import AppearanceExtractor  # noqa: E402
from openportrait.engines.neural.generator import Generator  # noqa: E402
from tests.engines.neural import plain_networks as plain  # noqa: E402
from tests.engines.neural.standins import narrow_networks, stand_in_engine, stand_in_weights  # noqa: E402

CPU = torch.device("cpu")


class Scene:
    """A face's volume, keypoints, and the picture that the plain networks make of them."""

    def __init__(self) -> None:
        g = torch.Generator().manual_seed(3)
        coarse = torch.rand((1, 3, 16, 16), generator=g)
        self.image = torch.nn.functional.interpolate(coarse, size=256, mode="bilinear")
        self.raw_volume = plain.appearance(stand_in_weights("appearance_feature_extractor"), self.image)
        # Random layers let the volume grow beyond what a trained W expects; its softmax would be all or nothing.
        self.volume = self.raw_volume / (2 * self.raw_volume.std())
        self.x_s = torch.rand((1, 21, 3), generator=g) - 0.5
        self.x_d = self.x_s + 0.1 * torch.randn((1, 21, 3), generator=g)

    @cached_property
    def expected(self) -> Any:
        return self.plain_picture(stand_in_weights)

    def plain_picture(self, weights: Any) -> Any:
        warped = plain.warp(weights("warping_module"), self.volume, self.x_d, self.x_s)
        return 255 * plain.decode(weights("spade_generator"), warped).permute(0, 2, 3, 1)

    def pictures(self, generator: Generator) -> Any:
        return generator.pictures(generator.warping.source(self.volume), self.x_d, self.x_s)


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    with narrow_networks():
        yield


@pytest.fixture(scope="module")
def scene(narrow: None) -> Iterator[Scene]:
    with torch.inference_mode():
        yield Scene()


def _psnr(found: Any, expected: Any) -> float:
    return float(10 * torch.log10(255**2 / ((found.double() - expected.double()) ** 2).mean()))


def test_the_feature_volume_is_that_of_the_plain_network(scene: Scene) -> None:
    name = "appearance_feature_extractor"
    found = read(name, stand_in_weights(name), AppearanceExtractor)(scene.image)
    torch.testing.assert_close(found, scene.raw_volume, atol=2e-4, rtol=1e-4)


def test_pictures_are_those_of_the_plain_networks_in_every_number_type(scene: Scene) -> None:
    expected = scene.expected
    for dtype, least in ((torch.float32, 55), (torch.bfloat16, 38), (torch.float16, 50)):
        found = scene.pictures(Generator(stand_in_weights, CPU, dtype))
        assert found.shape == (1, 512, 512, 3)
        assert found.dtype == torch.uint8
        assert (found_psnr := _psnr(found, expected)) > least, (dtype, found_psnr)


@pytest.mark.parametrize(
    ("network", "key", "gain"),
    [
        ("warping_module", "dense_motion_network.hourglass.encoder.down_blocks.0.conv.bias", 2e6),
        ("spade_generator", "fc.bias", 2e6),
    ],
)
def test_values_beyond_float16_make_no_black_picture(scene: Scene, network: str, key: str, gain: float) -> None:
    def loud(name: str) -> dict[str, Any]:
        tensors = dict(stand_in_weights(name))
        if name == network:
            tensors[key] = tensors[key] * gain
        return tensors

    told: list[str] = []
    found = scene.pictures(Generator(loud, CPU, torch.float16, told.append))
    assert told == [f"values beyond float16 in {network}; it goes on in float32"]
    assert _psnr(found, scene.plain_picture(loud)) > 30


def test_keypoints_that_are_no_numbers_are_an_error(scene: Scene) -> None:
    generator = Generator(stand_in_weights, CPU, torch.float16)
    scene_source = generator.warping.source(scene.volume)
    with pytest.raises(EngineError, match="no numbers"):
        generator.pictures(scene_source, scene.x_d * torch.nan, scene.x_s)


def test_faces_of_several_appearances_go_in_one_batch(scene: Scene) -> None:
    generator = Generator(stand_in_weights, CPU, devices.choose_dtype(CPU, "auto"))
    volumes = torch.cat((scene.volume, scene.volume.flip(4)))
    x_d, x_s = torch.cat((scene.x_d, scene.x_s)), torch.cat((scene.x_s, scene.x_s))
    together = generator.pictures(generator.warping.source(volumes), x_d, x_s)
    for i in range(2):
        alone = generator.pictures(generator.warping.source(volumes[i : i + 1]), x_d[i : i + 1], x_s[i : i + 1])
        assert _psnr(together[i], alone[0]) > 38
    assert _psnr(together[0], together[1]) < 30


def test_devices_are_taken_by_preference_and_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.choose_device("cpu") == CPU
    with pytest.raises(OptionError, match="toaster"):
        devices.choose_device("toaster")
    with pytest.raises(EngineError, match="cpu:1"):
        devices.choose_device("cpu:1")
    here = {"cuda": 2, "mps": 1, "xpu": 0, "cpu": 1}
    monkeypatch.setattr(devices, "_count", here.__getitem__)
    assert devices.choose_device("auto").type == "cuda"
    assert devices.choose_device("cuda:1").index == 1
    with pytest.raises(EngineError, match="cuda, mps, cpu"):
        devices.choose_device("cuda:2")
    here["cuda"] = 0
    assert devices.choose_device("auto").type == "mps"


def test_the_number_type_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.choose_dtype(CPU, "fp16") == torch.float16
    monkeypatch.setattr(devices, "_has_bfloat16_units", lambda: False)
    assert devices.choose_dtype(CPU, "auto") == torch.float32
    monkeypatch.setattr(devices, "_has_bfloat16_units", lambda: True)
    assert devices.choose_dtype(CPU, "auto") == torch.bfloat16
    assert devices.choose_dtype(torch.device("cuda"), "auto") == torch.float16


def test_narrow_types_are_multiplied_where_there_are_kernels_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_fp16_supported", lambda: False)
    assert devices.multiplied_in(CPU, torch.bfloat16) == torch.bfloat16
    assert devices.multiplied_in(CPU, torch.float16) == torch.float32
    assert devices.multiplied_in(CPU, torch.float32) == torch.float32
    assert devices.multiplied_in(torch.device("cuda"), torch.float16) == torch.float16


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_without_kernels_maps_are_rounded_to_the_type_all_the_same(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    monkeypatch.setattr(layers, "multiplied_in", lambda device, dtype: torch.float32)
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn((5, 3, 3, 3), generator=generator), torch.randn((2, 3, 6, 6), generator=generator)
    conv = layers.Conv(Affine(weight, torch.full((5,), 0.1)), padding=1)
    layers.place(torch.nn.Sequential(conv), CPU, dtype)
    found = conv(x)
    assert found.dtype == conv.empty(1).dtype == dtype
    rounded = (value.to(dtype).float() for value in (x, weight, torch.full((5,), 0.1)))
    torch.testing.assert_close(found, torch.conv2d(*rounded, padding=1).to(dtype), rtol=0, atol=0)


def test_a_type_that_is_no_faster_here_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stand_in_engine().notices == ()
    monkeypatch.setattr("openportrait.engines.neural.engine.multiplied_in", lambda device, dtype: torch.float32)
    assert [line for line in stand_in_engine(torch.bfloat16).notices if "bfloat16" in line]


def test_a_batch_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = stand_in_engine()
    engine.batch_size, fits = 4, 1
    asked: list[int] = []

    def pictures(source: object, x_d: Any, x_s: Any) -> Any:
        asked.append(len(x_d))
        if len(x_d) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return (100 * x_d[:, 0, 0, None, None, None]).to(torch.uint8).expand(-1, 2, 2, 3)

    monkeypatch.setattr(engine._generator, "pictures", pictures)
    shots = [Shot(None, np.zeros((21, 3)), np.full((21, 3), 0.1 * (i + 1))) for i in range(5)]
    monkeypatch.setattr("openportrait.engines.neural.engine._joined", lambda sources: sources)
    assert [int(picture[0, 0, 0]) for picture in engine.render(shots)] == [10, 20, 30, 40, 50]
    assert asked == [4, 2, 1, 1, 1, 1, 1]
    fits = 0
    with pytest.raises(EngineError, match="--device cpu"):
        engine.render(shots[:1])


class TestFormsForAGpu:
    """What runs elsewhere than on a CPU: the same numbers, computed here; and no step strays from its device."""

    @pytest.fixture(autouse=True)
    def as_on_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("warping", "layers", "generator"):
            monkeypatch.setattr(f"openportrait.engines.neural.{module}.on_processor", lambda x: False)

    def test_pictures_are_those_of_the_plain_networks(self, scene: Scene) -> None:
        generator = Generator(stand_in_weights, CPU, torch.float32)
        for network in (generator.warping, generator.decoder):
            for part in network.modules():
                if isinstance(part, layers.Conv):
                    part.narrow(torch.float32, torch.float32, channels_last=True)
        assert _psnr(scene.pictures(generator), scene.expected) > 55

    def test_every_step_stays_on_the_device(self) -> None:
        """`meta` computes shapes alone, and refuses to mix with the CPU."""
        device = torch.device("meta")
        generator = Generator(stand_in_weights, device, torch.float16)
        volume, points = torch.empty((1, 32, 16, 64, 64), device=device), torch.empty((3, 21, 3), device=device)
        source = generator.warping.source(volume)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            pictures, *finite = generator._step(source.rows, source.compressed, source.still, points, points)
        assert pictures.shape == (3, 512, 512, 3)
        assert {value.device for value in (pictures, *finite)} == {device}
        operations = {each.key for each in profile.key_averages()}
        assert "aten::conv3d" in operations
        assert not {name for name in operations if "grid_sampler_3d" in name}, "Apple's GPUs have none"


def test_without_pytorch_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "torch":
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(EngineError, match=r"pip install 'openportrait\[neural\]'"):
        load_neural(EngineOptions(engine="neural"))
