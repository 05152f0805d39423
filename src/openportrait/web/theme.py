"""Colours and fonts; no font is fetched from anywhere."""

from __future__ import annotations

from typing import Any

import gradio as gr

FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def theme() -> Any:
    """The look of the page, light and dark."""
    soft = gr.themes.Soft(
        primary_hue="orange", secondary_hue="orange", neutral_hue="slate", font=FONT, font_mono=MONO, radius_size="md"
    )
    quiet = {
        "block_title_background_fill": "transparent",
        "block_title_text_color": "*body_text_color",
        "block_title_padding": "0",
        "block_label_background_fill": "*background_fill_secondary",
        "block_label_text_color": "*body_text_color_subdued",
        "block_label_text_weight": "500",
        "block_title_text_weight": "600",
    }
    dark = {f"{name}_dark": value for name, value in quiet.items() if name.endswith(("fill", "color"))}
    return soft.set(**quiet, **dark)
