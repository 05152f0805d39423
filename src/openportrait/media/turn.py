"""How a stored picture is turned to stand upright."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from openportrait.records import Image

_EXIF = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


class Turn(NamedTuple):
    """Mirrored at the diagonal first, then along each side."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of_exif(cls, orientation: Any) -> Self:
        """EXIF 2.3, tag 274; any other value than 2 to 8 turns nothing."""
        return cls(*_EXIF.get(orientation, ()) if isinstance(orientation, int) else ())

    def __call__(self, image: Image) -> Image:
        """(H, W[, 3]) turned."""
        if not any(self):
            return image
        turned = image.swapaxes(0, 1) if self.transpose else image
        return np.ascontiguousarray(turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1])
