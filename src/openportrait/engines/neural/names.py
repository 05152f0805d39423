"""Our layer names → the official checkpoints' (SPEC §7, §8), one table a network.

A name stands for a prefix: `stem` → `first.conv` reads `first.conv.weight` and `first.conv.bias`.
"""

from __future__ import annotations

CONVNEXT_DEPTHS = (3, 3, 9, 3)
"""Blocks in the four stages of ConvNeXt V2 tiny."""

HEADS = {"kp": 63, "scale": 1, "pitch": 66, "yaw": 66, "roll": 66, "t": 3, "exp": 63}
"""Output width of each linear head of the motion extractor."""

_APPEARANCE = {
    "stem": "first.conv",
    "stem.norm": "first.norm",
    "to_volume": "second",
    **{f"down.{i}": f"down_blocks.{i}.conv" for i in range(2)},
    **{f"down.{i}.norm": f"down_blocks.{i}.norm" for i in range(2)},
    **{
        f"residual.{i}.{part}": f"resblocks_3d.3dr{i}.{part}"
        for i in range(6)
        for part in ("norm1", "conv1", "norm2", "conv2")
    },
}

_CONVNEXT_BLOCK = {
    "depthwise": "dwconv",
    "norm": "norm",
    "expand": "pwconv1",
    "response": "grn",
    "contract": "pwconv2",
}

_MOTION = {
    "stem": "detector.downsample_layers.0.0",
    "stem.norm": "detector.downsample_layers.0.1",
    **{f"down.{i}.norm": f"detector.downsample_layers.{i}.0" for i in (1, 2, 3)},
    **{f"down.{i}": f"detector.downsample_layers.{i}.1" for i in (1, 2, 3)},
    **{
        f"stage.{stage}.{block}.{ours}": f"detector.stages.{stage}.{block}.{theirs}"
        for stage, depth in enumerate(CONVNEXT_DEPTHS)
        for block in range(depth)
        for ours, theirs in _CONVNEXT_BLOCK.items()
    },
    "norm": "detector.norm",
    **{f"head.{head}": f"detector.fc_{head}" for head in HEADS},
}

_DENSE = "dense_motion_network"

_WARPING = {
    "compress": f"{_DENSE}.compress",
    "compress.norm": f"{_DENSE}.norm",
    **{f"down.{i}": f"{_DENSE}.hourglass.encoder.down_blocks.{i}.conv" for i in range(5)},
    **{f"down.{i}.norm": f"{_DENSE}.hourglass.encoder.down_blocks.{i}.norm" for i in range(5)},
    **{f"up.{i}": f"{_DENSE}.hourglass.decoder.up_blocks.{i}.conv" for i in range(5)},
    **{f"up.{i}.norm": f"{_DENSE}.hourglass.decoder.up_blocks.{i}.norm" for i in range(5)},
    "merge": f"{_DENSE}.hourglass.decoder.conv",
    "merge.norm": f"{_DENSE}.hourglass.decoder.norm",
    "mask": f"{_DENSE}.mask",
    "occlusion": f"{_DENSE}.occlusion",
    "flatten": "third.conv",
    "flatten.norm": "third.norm",
    "out": "fourth",
}

_SPADE_BLOCK = {
    **{f"conv{i}": f"conv_{i}" for i in "01s"},
    **{f"spade{i}.shared": f"norm_{i}.mlp_shared.0" for i in "01s"},
    **{f"spade{i}.gamma": f"norm_{i}.mlp_gamma" for i in "01s"},
    **{f"spade{i}.beta": f"norm_{i}.mlp_beta" for i in "01s"},
}

_DECODER = {
    "widen": "fc",
    **{f"middle.{i}.{ours}": f"G_middle_{i}.{theirs}" for i in range(6) for ours, theirs in _SPADE_BLOCK.items()},
    **{f"up.{i}.{ours}": f"up_{i}.{theirs}" for i in range(2) for ours, theirs in _SPADE_BLOCK.items()},
    "to_pixels": "conv_img.0",
}

_PERCEPTRON = {f"layer.{i}": f"mlp.{2 * i}" for i in range(6)}

OFFICIAL_NAMES: dict[str, dict[str, str]] = {
    "appearance_feature_extractor": _APPEARANCE,
    "motion_extractor": _MOTION,
    "warping_module": _WARPING,
    "spade_generator": _DECODER,
    "retarget_shoulder": _PERCEPTRON,
    "retarget_eye": _PERCEPTRON,
    "retarget_mouth": _PERCEPTRON,
}
