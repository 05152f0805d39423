"""Numbers of the 478 landmarks that other code speaks of by name.

`left` and `right` are the picture's, for an upright face: the left eye is the subject's right one.
"""

from __future__ import annotations

EYE_LEFT_CORNERS = (33, 133)
"""Outer, inner."""
EYE_LEFT_LIDS = (159, 145)
"""Middle of the upper, of the lower lid."""
EYE_RIGHT_CORNERS = (362, 263)
"""Inner, outer."""
EYE_RIGHT_LIDS = (386, 374)
LIP_CORNERS = (61, 291)
INNER_LIP = (13, 14)
"""Middle of the upper, of the lower lip, on the inside."""
BROWS = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
JAW = (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356)
"""The outline from the left ear's upper end over the chin to the right one's."""
SKIN = slice(0, 468)
"""The face without its irises."""
