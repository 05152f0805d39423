"""OpenPortrait's nodes for ComfyUI, by its node protocol V3, which every version since August 2025 has."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .nodes import NODES


class OpenPortraitNodes(ComfyExtension):
    """What the program asks for when it loads this folder."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """All nodes of the pack."""
        return NODES


async def comfy_entrypoint() -> OpenPortraitNodes:
    """Called by the program."""
    return OpenPortraitNodes()
