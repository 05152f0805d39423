"""W and G as one step: keypoints in, pictures out, on one device in one number type."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from openportrait.engines.neural.checkpoint import LoadNetwork, read
from openportrait.engines.neural.decoder import Decoder
from openportrait.engines.neural.device import spelled, wider
from openportrait.engines.neural.graph import Graphs
from openportrait.engines.neural.layers import place
from openportrait.engines.neural.warping import Warping, WarpSource
from openportrait.errors import EngineError

_log = logging.getLogger(__name__)

Notice = Callable[[str], None]


class Generator:
    """Warping and decoding, with the check that float16 needs.

    float16 ends at 65504. What is known to leave it (sums of residual streams, normalization, softmax,
    sigmoid, coordinates) is float32 always. Where weights drive another value beyond, the result holds
    values that are no numbers: then the network concerned is built anew in a wider type, once, and the
    batch is computed again, so that no black picture gets out.
    """

    def __init__(
        self, load: LoadNetwork, device: torch.device, dtype: torch.dtype, notice: Notice = _log.warning
    ) -> None:
        """`notice` is told, in a line each, what turns out while pictures are made and is good to know."""
        self._load = load
        self._device = device
        self._notice = notice
        self._graphs = self._recordings()
        self._narrow = {"warping_module", "spade_generator"} if dtype == torch.float16 else set()
        self._place_warping(dtype)
        self._place_decoder(dtype)

    def pictures(self, source: WarpSource, x_d: Tensor, x_s: Tensor) -> Tensor:
        """x_d, x_s [B, 21, 3] float32 → [B, 512, 512, 3] uint8 on the device; `source` has B entries or one."""
        while True:
            pictures, warped_finite, picture_finite = self._run(source, x_d, x_s)
            if not self._narrow or bool(picture_finite):
                return pictures
            self._widen("spade_generator" if bool(warped_finite) else "warping_module")

    def _run(self, source: WarpSource, x_d: Tensor, x_s: Tensor) -> Sequence[Tensor]:
        inputs = (source.rows, source.compressed, source.still, x_d, x_s)
        return self._step(*inputs) if self._graphs is None else self._graphs(inputs)

    def _step(
        self, rows: Tensor, compressed: Tensor, still: Tensor, x_d: Tensor, x_s: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        warped = self.warping(WarpSource(rows, compressed, still), x_d, x_s)
        logits = self.decoder.logits(warped)
        pictures = (torch.sigmoid(logits) * 255).round_().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        return pictures, torch.isfinite(warped).all(), torch.isfinite(logits).all()

    def _widen(self, network: str) -> None:
        """Go on with one network in a type of float32's range."""
        if network not in self._narrow:
            raise EngineError(f"{network} gives values that are no numbers; its weights or keypoints are damaged")
        self._narrow.discard(network)
        dtype = wider(self._device)
        self._notice(f"values beyond float16 in {network}; it goes on in {spelled(dtype)}")
        self._graphs = self._recordings()
        if network == "spade_generator":
            self._place_decoder(dtype)
        else:
            self._place_warping(dtype)

    def _recordings(self) -> Graphs | None:
        return Graphs(self._step, self._device, self._notice) if self._device.type == "cuda" else None

    def _place_warping(self, dtype: torch.dtype) -> None:
        self.warping = read("warping_module", self._load("warping_module"), Warping)
        place(self.warping, self._device, dtype)

    def _place_decoder(self, dtype: torch.dtype) -> None:
        self.decoder = read("spade_generator", self._load("spade_generator"), Decoder)
        place(self.decoder, self._device, dtype)
