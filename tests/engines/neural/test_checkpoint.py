"""Checkpoints are read strictly, and what is constant is folded exactly."""

from __future__ import annotations

from typing import Any

import pytest

from openportrait.errors import WeightsError

torch = pytest.importorskip("torch")

from openportrait.engines.neural.checkpoint import Checkpoint, read  # noqa: E402
from openportrait.engines.neural.retargeting import perceptron  # noqa: E402
from tests.engines.neural.standins import BUILDERS, stand_in_weights  # noqa: E402


@pytest.mark.parametrize("network", BUILDERS)
def test_a_whole_checkpoint_is_read_to_the_last_key(network: str) -> None:
    assert isinstance(read(network, stand_in_weights(network), BUILDERS[network]), torch.nn.Module)


def _changed(**changes: Any) -> dict[str, Any]:
    tensors = {**stand_in_weights("retarget_shoulder"), **changes}
    return {key: value for key, value in tensors.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mlp.2.bias": None}, r"retarget_shoulder: mlp\.2\.bias is missing"),
        ({"mlp.9.bias": torch.zeros(3)}, r"retarget_shoulder: mlp\.9\.bias is unexpected"),
        ({"mlp.0.weight": torch.zeros(128, 125)}, r"mlp\.0\.weight has the shape \(128, 125\) instead of \(128, 126\)"),
        ({"mlp.0.bias": torch.full((128,), torch.nan)}, r"mlp\.0\.bias holds values that are no numbers"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        perceptron("retarget_shoulder", _changed(**changes))


def test_a_checkpoint_of_another_network_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"detector\.\S+ is missing"):
        read("motion_extractor", stand_in_weights("spade_generator"), BUILDERS["motion_extractor"])


def test_batch_norm_is_folded() -> None:
    """2·10 + 1 = 21; (21 − 3) / √4 · 5 + 7 = 52."""
    tensors = {
        "first.conv.weight": torch.full((1, 1, 1, 1), 2.0),
        "first.conv.bias": torch.ones(1),
        "first.norm.weight": torch.full((1,), 5.0),
        "first.norm.bias": torch.full((1,), 7.0),
        "first.norm.running_mean": torch.full((1,), 3.0),
        "first.norm.running_var": torch.full((1,), 4.0 - 1e-5, dtype=torch.float64),
    }
    weight, bias = Checkpoint("appearance_feature_extractor", tensors).layer("stem", (1, 1, 1, 1), norm="stem.norm")
    assert float(10 * weight.item() + bias.item()) == pytest.approx(52, abs=1e-9)


def test_the_spectral_norm_is_divided_out() -> None:
    """diag(3, 4) with u = v = (0.6, 0.8): uᵀWv = 0.36·3 + 0.64·4 = 3.64."""
    unit = torch.tensor([0.6, 0.8], dtype=torch.float64)
    tensors = {
        "G_middle_0.conv_0.weight_orig": torch.diag(torch.tensor([3.0, 4.0])),
        "G_middle_0.conv_0.weight_u": unit,
        "G_middle_0.conv_0.weight_v": unit,
        "G_middle_0.conv_0.bias": torch.ones(2),
    }
    weight, bias = Checkpoint("spade_generator", tensors).spectral("middle.0.conv0", (2, 2))
    torch.testing.assert_close(weight, torch.diag(torch.tensor([3 / 3.64, 4 / 3.64], dtype=torch.float64)))
    assert bias.tolist() == [1, 1]
