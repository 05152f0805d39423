"""The open mouth: its parts, and how they are shown."""
