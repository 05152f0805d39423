"""Colours and fonts; no font is fetched from anywhere.

Contrasts are those of WCAG 2.2 AA: 4.5:1 for text, 3:1 for the borders of what can be used.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
ACCENT, ACCENT_HOVER = "*primary_700", "*primary_800"
"""White on it is 5.2:1, in light and dark."""
QUIET, QUIET_DARK = "*neutral_600", "*neutral_300"
"""Text that explains."""
EDGE, EDGE_DARK = "*neutral_500", "*neutral_400"
"""Borders of what can be used."""


def theme() -> Any:
    """The look of the page, light and dark."""
    soft = gr.themes.Soft(
        primary_hue="orange", secondary_hue="orange", neutral_hue="slate", font=FONT, font_mono=MONO, radius_size="md"
    )
    both = {
        "block_title_background_fill": "transparent",
        "block_title_text_color": "*body_text_color",
        "block_label_background_fill": "*background_fill_secondary",
        "block_label_text_color": "*body_text_color_subdued",
        "block_info_text_color": "*body_text_color_subdued",
        "slider_color": ACCENT,
        "checkbox_background_color_selected": ACCENT,
        "checkbox_border_color_selected": ACCENT,
        "checkbox_label_background_fill_selected": ACCENT,
        "checkbox_label_text_color_selected": "white",
        "button_primary_background_fill": ACCENT,
        "button_primary_background_fill_hover": ACCENT_HOVER,
        "button_primary_text_color": "white",
    }
    by_light = {
        "body_text_color_subdued": (QUIET, QUIET_DARK),
        "input_placeholder_color": (QUIET, QUIET_DARK),
        "checkbox_border_color": (EDGE, EDGE_DARK),
        "input_border_color": (EDGE, EDGE_DARK),
        "border_color_primary": ("*neutral_300", "*neutral_600"),
        "block_border_color": ("*neutral_300", "*neutral_600"),
        "link_text_color": (ACCENT, "*primary_400"),
    }
    sizes = {
        "block_title_padding": "0",
        "block_label_text_weight": "500",
        "block_title_text_weight": "600",
        "input_border_width": "1px",
        "color_accent": ACCENT,
    }
    dark = {f"{name}_dark": value for name, value in both.items()}
    pairs = {
        f"{name}{end}": value for name, two in by_light.items() for end, value in zip(("", "_dark"), two, strict=True)
    }
    return soft.set(**both, **dark, **pairs, **sizes)
