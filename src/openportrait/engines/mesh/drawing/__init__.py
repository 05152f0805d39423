"""Draws a moved mesh as pixels, and what lies on the skin."""
