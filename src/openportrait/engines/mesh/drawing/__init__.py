"""From a moved mesh to pixels, and what is drawn on the skin."""
