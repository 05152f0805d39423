"""The neural engine: the published LivePortrait networks in PyTorch. Importing this loads no library."""

from __future__ import annotations

from openportrait.engines.base import Engine
from openportrait.errors import EngineError, WeightsError
from openportrait.options import EngineOptions


def load_neural(options: EngineOptions) -> Engine:
    """The engine on the device and in the number type that the options name.

    Raises EngineError where PyTorch or the device is missing, WeightsError where the weights are missing
    or are not those of the published networks.
    """
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise EngineError("the neural engine needs PyTorch; pip install 'openportrait[neural]'") from error
    from openportrait import weights
    from openportrait.engines.neural.device import choose_device, choose_dtype
    from openportrait.engines.neural.engine import NeuralEngine

    device = choose_device(options.device)
    folder = weights.locate(options.weights)
    if folder is None:
        raise WeightsError(f"the neural engine has no weights; {weights.HOW_TO_GET}")
    return NeuralEngine(folder.load, device, choose_dtype(device, options.precision))
