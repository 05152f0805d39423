"""Computes how a source face moves when a driving face moves. Needs NumPy only, and knows no engine.

Choose once, then loop::

    transfer = ClipTransfer(engine.layout, sources, drivings, options)  # motions; one is a still
    correct = Corrections(engine, options, first_source=source_ratios[0], source_moves=len(sources) > 1)
    for i in range(len(transfer)):
        x_s = transfer.x_source(i)
        x_d = transfer.x_driven(i)
        x_d = correct(x_s, x_d, source_ratios[transfer.source_index(i)], driving_ratios[transfer.driving_index(i)])
        shot = Shot(appearance, x_s, x_d)

A template of another engine drives through `PortableTransfer`, which answers the same questions; a
camera through `LiveTransfer`: `x_d = live.x_driven(motion)`.
"""

from openportrait.motion.clip import (
    ClipTransfer,
    Drive,
    LiveTransfer,
    Pairing,
    Strength,
    motion_multiplier,
    neutral_index,
)
from openportrait.motion.edits import (
    Corrections,
    EditingEngine,
    RetargetingEngine,
    edited,
    edited_keypoints,
    edited_motion,
    moved_by,
)
from openportrait.motion.layout import (
    ExpressionChange,
    KeypointLayout,
    KeypointSet,
    angle_degrees,
    degrees_from_rotation,
    difference,
    keypoints,
    rotation_from_degrees,
)
from openportrait.motion.packed import PackedMotions
from openportrait.motion.portable import PortableTransfer
from openportrait.motion.smooth import LiveSmoother, smooth, smooth_motions
from openportrait.motion.transfer import (
    Driven,
    Kind,
    RelativePose,
    Transfer,
    carried,
    choose_transfer,
    combined,
    neutralised,
)

__all__ = [
    "ClipTransfer",
    "Corrections",
    "Drive",
    "Driven",
    "EditingEngine",
    "ExpressionChange",
    "KeypointLayout",
    "KeypointSet",
    "Kind",
    "LiveSmoother",
    "LiveTransfer",
    "PackedMotions",
    "Pairing",
    "PortableTransfer",
    "RelativePose",
    "RetargetingEngine",
    "Strength",
    "Transfer",
    "angle_degrees",
    "carried",
    "choose_transfer",
    "combined",
    "degrees_from_rotation",
    "difference",
    "edited",
    "edited_keypoints",
    "edited_motion",
    "keypoints",
    "motion_multiplier",
    "moved_by",
    "neutral_index",
    "neutralised",
    "rotation_from_degrees",
    "smooth",
    "smooth_motions",
]
