"""The expressions of an editor one after the other, for undo and redo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from openportrait.records import FaceEdit

MOST_STEPS = 200


@dataclass(frozen=True)
class History:
    """Expressions, oldest first, and which of them is shown."""

    edits: tuple[FaceEdit, ...] = field(default=(FaceEdit(),))
    at: int = 0
    gesture: Any = None
    """What the newest came from: further steps of one drag of the mouse take its place."""

    def add(self, edit: FaceEdit, gesture: Any = None) -> History:
        """With one more expression behind the one that is shown; what came after that is forgotten."""
        if edit == self.edits[self.at]:
            return self
        same = gesture is not None and gesture == self.gesture
        before = self.edits[: self.at + (not same)] or self.edits[:1]
        edits = (*before, edit)[-MOST_STEPS:]
        return History(edits, len(edits) - 1, gesture)

    def step(self, by: int) -> History:
        """The one before (−1) or after (1), as far as there is one."""
        return History(self.edits, min(max(self.at + by, 0), len(self.edits) - 1))

    @property
    def edit(self) -> FaceEdit:
        """The expression that is shown."""
        return self.edits[self.at]

    @property
    def ends(self) -> tuple[bool, bool]:
        """Whether there is one before, and one after."""
        return self.at > 0, self.at < len(self.edits) - 1
